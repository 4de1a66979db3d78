import json
from importlib.metadata import PackageNotFoundError, version

import pytest

from stillwave.runtime.cli import run
from stillwave.runtime.commands import doctor
from stillwave.runtime.commands.licences import LICENCES
from stillwave.runtime.errors import BackendError, BundleError
from stillwave.runtime.movie import CODECS


def checks_of(capsys):
    code = run(["doctor", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert result["is_well"] == (code == 0)
    return code, {check["name"]: check for check in result["checks"]}


@pytest.fixture
def without_engines(monkeypatch):
    """Backends answer at once."""
    monkeypatch.setattr(doctor, "_run_once", lambda *_: None)


@pytest.fixture
def installed(monkeypatch):
    """Sets the version, or None for absence, that packages appear to have."""
    changes = {}

    def fake_version(package):
        if changes.get(package, "") is None:
            raise PackageNotFoundError(package)
        return changes.get(package) or version(package)

    monkeypatch.setattr(doctor, "version", fake_version)
    return changes


def test_here_everything_essential_works(capsys):
    pytest.importorskip("onnxruntime")
    code, checks = checks_of(capsys)
    assert code == 0
    assert checks["backend cpu"]["detail"].startswith("ran ")
    assert checks["bundle"]["status"] == "ok"
    assert checks["backend tensorrt"]["status"] == "missing"


def test_text_has_a_line_for_each_check(capsys, without_engines):
    assert run(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["ok", "stillwave"]
    assert any(line.startswith("ok  backend cpu") for line in lines)


def test_missing_extra_names_the_command(capsys, without_engines, installed):
    installed["pi-heif"] = None
    code, checks = checks_of(capsys)
    assert code == 0
    assert checks["extra heif"]["status"] == "missing"
    assert checks["extra heif"]["detail"] == 'no pi-heif; pip install "stillwave[heif]"'


def test_both_onnx_runtimes_are_a_warning(capsys, without_engines, installed):
    installed.update({"onnxruntime": "1.31", "onnxruntime-gpu": "1.31"})
    code, checks = checks_of(capsys)
    assert code == 0
    assert checks["onnxruntime"]["status"] == "warning"
    assert "overwrite each other" in checks["onnxruntime"]["detail"]


def test_broken_bundle_exits_with_4(capsys, monkeypatch):
    def refuse():
        raise BundleError("edge/decoder.onnx: missing; get the bundle again")

    monkeypatch.setattr(doctor.Bundle, "open", refuse)
    code, checks = checks_of(capsys)
    assert code == 4
    assert checks["bundle"]["status"] == "broken"


@pytest.mark.parametrize("error", [BackendError("no onnxruntime"), RuntimeError("bad instruction")])
def test_broken_cpu_engine_exits_with_6(capsys, monkeypatch, error):
    def fail(backend, *_):
        if backend == "cpu":
            raise error

    monkeypatch.setattr(doctor, "_run_once", fail)
    code, checks = checks_of(capsys)
    assert code == 6
    assert checks["backend cpu"]["status"] == "broken"
    assert str(error) in checks["backend cpu"]["detail"]


def test_codec_licences_are_shown(capsys, without_engines):
    av = pytest.importorskip("av")
    _, checks = checks_of(capsys)
    assert checks["codec h264"]["detail"] == (
        "libx264: GPL version 2 or later; for mp4, motion-photo, live-photo"
    )
    assert "libavcodec" in checks["ffmpeg in PyAV"]["detail"]
    assert "GPL" in checks["ffmpeg in PyAV"]["detail"]
    if "libx265" in av.codecs_available:  # never used, yet shipped
        assert checks["with libx265"]["detail"] == "GPL version 2 or later"


def test_licence_of_every_encoder_is_known():
    for codec in CODECS.values():
        assert LICENCES.keys() >= codec.encoders.keys()


def test_missing_encoder_is_missing(capsys, without_engines, monkeypatch):
    av = pytest.importorskip("av")
    monkeypatch.setattr(av, "codecs_available", {"libx264"})
    code, checks = checks_of(capsys)
    assert code == 0
    assert checks["codec av1"]["status"] == "missing"
    assert "install PyPI's" in checks["codec av1"]["detail"]
