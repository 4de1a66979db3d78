"""`stillwave engine`, with the real TensorRT-RTX where it is installed."""

import json

import pytest

from stillwave.runtime.cli import run
from stillwave.runtime.commands import engine as command
from stillwave.runtime.errors import BackendError


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "stillwave" / "engines"


@pytest.fixture
def rtx() -> None:
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT-RTX; pip install 'stillwave[tensorrt-rtx]'")


def test_build_list_clear(capsys, folder, rtx) -> None:
    arguments = ["--network", "pyramid", "--target", "sm_86,sm_89", "--size", "64x48"]
    assert run(["engine", "build", *arguments, "--json"]) == 0
    (made,) = json.loads(capsys.readouterr().out)["engines"]
    assert (made["network"], made["backend"], made["for"]) == ("pyramid", "tensorrt-rtx", "sm_86, sm_89")
    assert made["bytes"] > 10_000
    assert run(["engine", "build", *arguments]) == 0  # found, not built
    assert run(["engine", "build", *arguments, "--target", "sm_89"]) == 0  # served by that for both
    assert len(list(folder.glob("*.engine"))) == 1
    capsys.readouterr()
    assert run(["engine", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["engines"]
    assert listed.items() <= made.items()
    assert run(["engine", "list"]) == 0
    assert "pyramid" in capsys.readouterr().out
    assert run(["engine", "clear"]) == 0
    assert "1 engines removed" in capsys.readouterr().out
    assert not list(folder.glob("*.engine"))


def test_empty_cache_is_listed(capsys, folder) -> None:
    assert run(["engine", "list"]) == 0
    assert capsys.readouterr().out == f"{folder}:\nno engines\n"


def test_damaged_engine_exits_with_4_and_is_cleared(capsys, folder) -> None:
    folder.mkdir(mode=0o700, parents=True)
    (folder / "x.engine").write_bytes(b"ftrt")
    (folder / "x.engine").chmod(0o600)
    assert run(["engine", "list"]) == 4
    assert "x.engine: is no engine of this stillwave" in capsys.readouterr().err
    assert run(["engine", "clear"]) == 0


def test_unknown_network_exits_with_4(capsys, rtx) -> None:
    assert run(["engine", "build", "--network", "pyramids", "--target", "sm_89"]) == 4
    assert "has no network 'pyramids', only decoder" in capsys.readouterr().err


def test_target_that_is_not_offered_exits_with_6(capsys, rtx) -> None:
    assert run(["engine", "build", "--network", "pyramid", "--target", "sm_87"]) == 6
    assert "does not build for sm_87; it builds for sm_75" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["ampere", "sm_", "86;89"])
def test_strange_targets_are_a_usage_error(capsys, text) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(["engine", "build", "--target", text])
    assert "want compute capabilities such as sm_86,sm_89" in capsys.readouterr().err


def test_without_a_driver_ahead_of_time_is_the_remedy(capsys, rtx, monkeypatch) -> None:
    def no_driver(*_):
        raise BackendError("no NVIDIA driver")

    monkeypatch.setattr(command, "open_device", no_driver)
    assert run(["engine", "build", "--network", "pyramid"]) == 6
    assert "no NVIDIA driver; or build ahead of time: --target sm_89" in capsys.readouterr().err


def test_targets_of_a_library_that_has_none_are_refused(capsys, monkeypatch) -> None:
    class Standard:
        def targets(self) -> tuple[int, ...]:
            return ()

        def __str__(self) -> str:
            return "TensorRT 10.3.0"

    monkeypatch.setattr(command, "trt_library", lambda _: Standard())
    assert run(["engine", "build", "--backend", "tensorrt", "--target", "sm_87"]) == 6
    assert "TensorRT 10.3.0 builds on the GPU that is here alone; leave out --target" in capsys.readouterr().err
