"""The one command for a GPU, on the emulated device: that its calls are right, and each part by itself."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import gpu

    return gpu


def test_its_parts_run_and_are_written(emulated_path, tmp_path):
    result = tmp_path / "result.json"
    names = ("parity", "kernels", "motion and splat of a frame", "engines", "frame", "opening")
    only = [f"--only={name}" for name in names]
    command = [sys.executable, FOLDER / "gpu.py", "--emulate", emulated_path, "--json", result, *only]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    sections = json.loads(result.read_text())["sections"]
    assert [name.removesuffix(", emulated") for name in sections] == list(names)
    assert all(section["is_good"] for section in sections.values())
    kernels = sections["parity"]["result"]["kernels"]
    assert {name for name, case in kernels.items() if case["is_hosts_bits"] is False} <= {"behind"}
    opening = sections["opening, emulated"]["result"]
    assert {"first scene, ms", "second scene, ms", "scene of another size, ms"} <= opening.keys()
    assert sections["frame, emulated"]["result"]["is_one_graph"]


def test_a_part_ends_at_its_limit_with_all_that_it_began(gpu, tmp_path):
    alive = tmp_path / "alive"
    grandchild = f"import time\nwhile True: open({str(alive)!r}, 'a').write('.'); time.sleep(0.05)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    assert gpu.ended_within(2, [sys.executable, "-c", code], None) == "ended after 2 s"
    before = alive.stat().st_size
    time.sleep(0.3)
    assert alive.stat().st_size == before
    assert gpu.ended_within(60, [sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"], None) == "signal 11"


def test_a_part_that_fails_is_told_and_the_rest_goes_on(gpu, tmp_path, monkeypatch, capsys):
    run = gpu.Run(None, [])
    run.path = tmp_path / "result.json"
    monkeypatch.setattr(run, "parts", {"none such": (60, None), "neither": (60, None)})
    run.part("none such")  # its process ends without a result
    monkeypatch.setattr(gpu, "TOTAL_S", 0.0)
    run.part("neither")
    sections = json.loads(run.path.read_text())["sections"]
    assert sections["none such"]["is_good"] is sections["neither"]["is_good"] is False
    assert sections["none such"]["reason"].startswith("exit 1: Traceback")
    assert sections["neither"]["reason"].startswith("not begun")


def test_what_is_missing_is_no_failure(gpu):
    def raising(error):
        raise error

    assert gpu.outcome(lambda: 1)["is_good"] is True
    assert gpu.outcome(lambda: raising(ImportError("no cupy")))["is_good"] is None
    assert gpu.outcome(lambda: raising(gpu.MissingError("no TensorRT")))["is_good"] is None
    failed = gpu.outcome(lambda: raising(gpu.BackendError("cuLaunchKernel failed")))  # of a device that is there
    assert (failed["is_good"], failed["reason"]) == (False, "BackendError: cuLaunchKernel failed")
    assert "raising" in failed["where"]


def test_a_backend_that_is_not_here_is_missing(gpu, monkeypatch):
    monkeypatch.setattr("stillwave.runtime.device.contract.DRIVERS", ("libno-such-driver.so.1",))
    with pytest.raises(gpu.MissingError, match="no NVIDIA driver"):
        gpu.Session().animator("tensorrt")
