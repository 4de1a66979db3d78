"""The CUDA bindings, for real, on a driver that is none (emulator/driver.cpp): calls, arguments, statuses."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module", params=["cuda-bindings", "pycuda"])
def binding(request):
    if sys.platform != "linux":
        pytest.skip("the emulated driver is a Linux library")
    if request.param == "cuda-bindings":
        pytest.importorskip("cuda.bindings.driver", reason="needs cuda-bindings")
    elif importlib.util.find_spec("pycuda") is None:  # not imported: without a driver that fails
        pytest.skip("needs PyCUDA")
    return request.param


@pytest.fixture(scope="module")
def python(binding, emulated_path, tmp_path_factory):
    """Runs code where the emulated driver is found, and returns what it prints."""
    from emulator.device import compiled_driver

    folder = tmp_path_factory.mktemp("driver")
    compiled_driver(folder / "libcuda.so.1", is_linked=binding == "pycuda")
    places = {"LD_LIBRARY_PATH": str(folder), "EMULATED_KERNELS": str(emulated_path), "BINDING": binding}
    if binding == "pycuda":  # built without a driver it does not ask for the library
        places["LD_PRELOAD"] = str(folder / "libcuda.so.1")
    environment = os.environ | places

    def run(code: str) -> str:
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(TESTS)!r})\n{code}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert "PyCUDA" not in done.stderr, done.stderr
        return done.stdout

    return run


OPEN = """
import functools, os
import numpy as np
from stillwave.kernels import cuda
from stillwave.runtime.device import contract
open_device = functools.partial(contract.open_device, binding=os.environ["BINDING"])
device = open_device()
stream, kernels, block, pinned = device.stream(), device.kernels(b"an image"), device.block(4096), device.pinned(64)
values, halves = pinned.array[:32].view(np.float32), pinned.array[32:48].view(np.float16)
def halve():
    stream.copy_in(block.address, values)
    stream.clear(block.address + 256, 64)
    kernels.launch(cuda.halve(cuda.Halving(block.address, block.address + 256, 8)), stream)
    stream.copy(block.address + 512, block.address + 256, 16)
    stream.copy_out(halves, block.address + 512)
"""
CLOSE = """
for opened in (block, pinned, kernels, stream, device):
    opened.close()
"""


def test_copies_launches_and_graphs(python):
    python(
        OPEN
        + """
values[:] = np.arange(8)
halve()
assert halves.tolist() == list(range(8))
with stream.capture(halve) as graph:
    values[:], halves[:] = 2 * np.arange(8), 0
    assert not halves.any(), "capturing runs nothing"
    graph.launch(stream)
    assert halves.tolist() == list(range(0, 16, 2))
first, second = device.event(), device.event()
first.record(stream), second.record(stream), second.wait(), stream.wait()
assert second.ms_since(first) == 1.5
assert (device.name, device.compute_capability, device.is_integrated) == ("no GPU", 87, False)
assert device.memory() == (2**30 - 4096, 2**30)
for opened in (first, second, kernels, block, pinned, stream, device, device):
    opened.close()
"""
    )


def test_failed_calls_say_what_failed_and_how_to_go_on(python, binding):
    told = python(
        OPEN
        + """
from stillwave.runtime import BackendError, BudgetError
def failing():
    raise KeyError("in the middle of a capture")
for call in (
    lambda: device.block(2**31),
    lambda: device.pinned(2**31),
    lambda: kernels.launch(cuda.Launch("nothing", 1, cuda.Halving()), stream),
    lambda: device.kernels(b"no image"),
    lambda: open_device(3),
    lambda: stream.capture(failing),
):
    try:
        call()
    except Exception as error:
        print(type(error).__name__, error)
halve()
"""
        + CLOSE
    )
    expected = [
        "BudgetError the device has not the 2.0 GiB asked for, 1024.0 MiB of 1.0 GiB are free; "
        "choose a smaller size, or close what else uses it",
        "BudgetError cuMemHostAlloc failed: an error of no driver; "
        "choose a smaller size, or close what else takes memory",
        "BackendError cuModuleGetFunction failed: CUDA_ERROR_NOT_FOUND, an error of no driver; "
        "close this animator and make another",
        "BackendError cuModuleLoadData failed: CUDA_ERROR_INVALID_VALUE, an error of no driver; "
        "close this animator and make another",
        "BackendError no CUDA device 3, the driver reports 1; see nvidia-smi",
        "KeyError 'in the middle of a capture'",
    ]
    if binding == "pycuda":  # tells no codes, and captures nothing
        expected = [re.sub(r"CUDA_ERROR_\w+, ", "", line) for line in expected[:-1]]
        told = re.sub(r" - .?;", ";", told.replace("cuModuleLoadDataEx", "cuModuleLoadData"))
    assert told.splitlines() == expected


def test_a_broken_context_is_left_behind(python):
    """After an illegal address every call fails; the device closed, another works."""
    told = python(
        OPEN
        + """
for call in (lambda: stream.clear(0, 64), stream.wait):
    try:
        call()
    except Exception as error:
        print(error)
"""
        + CLOSE
        + """
with open_device() as device, device.stream() as stream, device.block(256) as block:
    stream.clear(block.address, 64)
    stream.wait()
"""
    )
    assert [line.split(":")[0] for line in told.splitlines()] == [
        "cuMemsetD8Async failed",
        "cuStreamSynchronize failed",
    ]


def test_another_thread_may_call(python):
    python(
        OPEN
        + """
import threading
raised = []
def elsewhere():
    try:
        device.make_current()
        halve()
        device.block(256).close()
    except Exception as error:
        raised.append(error)
thread = threading.Thread(target=elsewhere)
thread.start(), thread.join()
assert not raised, raised
"""
        + CLOSE
    )


def test_photos_become_the_processors_frames_in_two_animators_at_once(python):
    """The whole path through the binding: analysis, scene, frames; engines are ONNX Runtime's on the host."""
    python(
        """
import numpy as np
import functools, os
from emulator.device import HostEngines
from stillwave.runtime import Animator
from stillwave.runtime.device import contract, stages as device_stages
contract.open_device = functools.partial(contract.open_device, binding=os.environ["BINDING"])
device_stages.kernel_image = lambda capability: b"an image"
device_stages.DeviceEngines = HostEngines
photos = np.random.default_rng(0).integers(0, 255, (2, 64, 96, 3)).astype(np.uint8)
with Animator(backend="cpu") as animator:
    want = [list(animator.analyze(photo, steps=2).frames(seconds=10 / 30)) for photo in photos]
first, second = (Animator(backend="cuda") for _ in range(2))
clips = [animator.analyze(photo, steps=2).frames(seconds=10 / 30) for animator, photo in zip((first, second), photos)]
got = [pair for _, pair in zip(range(5), zip(*clips))]
np.testing.assert_array_equal(np.stack(got, 1), np.array(want)[:, :5])
first.close()
np.testing.assert_array_equal(list(clips[1]), want[1][5:])
second.close()
"""
    )
