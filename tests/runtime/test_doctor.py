import json
from importlib.metadata import PackageNotFoundError, version

import pytest

from stillwave.runtime.cli import run
from stillwave.runtime.commands import doctor, gpu_libraries
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

    for module in (doctor, gpu_libraries):
        monkeypatch.setattr(module, "version", fake_version)
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


def test_missing_driver_is_told_once_and_at_length(capsys, monkeypatch):
    monkeypatch.setattr("stillwave.runtime.device.contract.DRIVERS", ("no-such-library.so",))
    _, checks = checks_of(capsys)
    assert checks["NVIDIA driver"]["status"] == "missing"
    assert "install NVIDIA's driver" in checks["NVIDIA driver"]["detail"]
    for backend in ("cuda", "tensorrt", "tensorrt-rtx"):
        assert checks[f"backend {backend}"]["detail"] == "needs an NVIDIA driver, see above"


def test_libraries_are_told_with_what_installs_them(capsys, without_engines, monkeypatch):
    def missing(backend):
        raise BackendError(f"no {backend} here; pip install it")

    monkeypatch.setattr(gpu_libraries, "trt_library", missing)
    _, checks = checks_of(capsys)
    assert checks["library tensorrt"]["status"] == "missing"
    assert checks["library tensorrt-rtx"]["detail"] == "no tensorrt-rtx here; pip install it"


def test_targets_of_tensorrt_rtx_are_shown(capsys, without_engines):
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT-RTX; pip install 'stillwave[tensorrt-rtx]'")
    _, checks = checks_of(capsys)
    assert "builds ahead of time for sm_75, " in checks["library tensorrt-rtx"]["detail"]


def test_jetson_is_sent_to_its_own_tensorrt(capsys, without_engines, installed, monkeypatch, tmp_path):
    release, board = tmp_path / "nv_tegra_release", tmp_path / "model"
    release.write_text("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n")
    board.write_text("NVIDIA Jetson Orin Nano Developer Kit\0")
    monkeypatch.setattr(gpu_libraries, "RELEASE", release)
    monkeypatch.setattr(gpu_libraries, "BOARD", board)
    installed.update({"onnxruntime-gpu": "1.31", "onnxruntime": None})
    _, checks = checks_of(capsys)
    assert checks["Jetson"]["detail"].startswith("NVIDIA Jetson Orin Nano Developer Kit, L4T 36.4.3; ")
    assert checks["onnxruntime-gpu"]["status"] == "warning"
    assert "no kernels for Jetson's GPUs" in checks["onnxruntime-gpu"]["detail"]


def test_engines_that_are_not_right_are_a_warning(capsys, without_engines, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "stillwave" / "engines"
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    assert checks_of(capsys)[1]["engines"]["detail"] == "none built yet"
    (folder / "x.engine").write_bytes(b"ftrt")
    (folder / "x.engine").chmod(0o600)
    code, checks = checks_of(capsys)
    assert code == 0
    assert checks["engines"]["status"] == "warning"
    assert "stillwave engine clear" in checks["engines"]["detail"]


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
