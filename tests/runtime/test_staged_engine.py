"""Arrays of the host through an engine of a device, on a FAKE device: its memory is the host's."""

import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stillwave.runtime import device_engines
from stillwave.runtime.engine import TensorSpec
from stillwave.runtime.errors import BackendError
from stillwave.runtime.staged_engine import StagedEngine

SHAPE = (1, 3, 4, 6)


class FakeBlock:
    def __init__(self, nbytes: int):
        self._memory = np.zeros(nbytes + 256, np.uint8)
        self.address = -(-self._memory.ctypes.data // 256) * 256
        self.nbytes = nbytes
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


class FakeStream:
    handle = 0x51

    def __init__(self) -> None:
        self.waits, self.is_open = 0, True

    def copy_in(self, address: int, host: np.ndarray) -> None:
        ctypes.memmove(address, host.ctypes.data, host.nbytes)

    def copy_out(self, host: np.ndarray, address: int) -> None:
        ctypes.memmove(host.ctypes.data, address, host.nbytes)

    def wait(self) -> None:
        self.waits += 1

    def close(self) -> None:
        self.is_open = False


class FakeDevice:
    name, index, compute_capability, is_integrated = "Fake GPU", 0, 89, False

    def __init__(self) -> None:
        self.blocks: list[FakeBlock] = []
        self.streams: list[FakeStream] = []
        self.is_open = True

    def block(self, nbytes: int) -> FakeBlock:
        self.blocks.append(FakeBlock(nbytes))
        return self.blocks[-1]

    def stream(self) -> FakeStream:
        self.streams.append(FakeStream())
        return self.streams[-1]

    def close(self) -> None:
        self.is_open = False

    def everything_is_closed(self) -> bool:
        return not (self.is_open or any(part.is_open for part in [*self.blocks, *self.streams]))


def array_at(address: int, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 array at an address of the fake's memory."""
    pointer = ctypes.cast(address, ctypes.POINTER(ctypes.c_float))
    return np.ctypeslib.as_array(pointer, shape)


class FakeEngine:
    """A device engine that applies a function of the inputs, on the fake's memory."""

    def __init__(self, inputs: Any, outputs: Any, function: Callable[..., np.ndarray], workspace_bytes: int = 512):
        self.inputs, self.outputs, self.function = inputs, outputs, function
        self.workspace_bytes = workspace_bytes
        self.bound: SimpleNamespace | None = None
        self.is_open = True

    def bind(self, workspace: int, **addresses: int) -> None:
        assert all(address % 256 == 0 for address in (workspace, *addresses.values()))
        self.bound = SimpleNamespace(workspace=workspace, addresses=addresses)

    def enqueue(self, stream: FakeStream) -> None:
        assert self.bound is not None
        at = self.bound.addresses
        arrays = {spec.name: array_at(at[spec.name], spec.shape) for spec in (*self.inputs, *self.outputs)}
        (output,) = self.outputs
        arrays[output.name][:] = self.function(*(arrays[spec.name] for spec in self.inputs))

    def close(self) -> None:
        self.is_open = False


def specs(shape: tuple[int | str, ...]) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    return (TensorSpec("photo", "float32", shape), TensorSpec("gain", "float32", (1,))), (
        TensorSpec("y", "float32", shape),
    )


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice()


@pytest.fixture
def opened(monkeypatch):
    """The engines opened, each photo * gain."""
    engines = []

    def open_fake(self, network, name, sizes, precision, profile=None, told=None):
        shape = SHAPE if sizes else (1, 3, "h", "w")
        engines.append(FakeEngine(*specs(shape), lambda photo, gain: photo * gain))
        return engines[-1]

    monkeypatch.setattr(device_engines.DeviceEngines, "open", open_fake)
    return engines


def arrays() -> dict[str, np.ndarray]:
    photo = np.random.default_rng(0).random(SHAPE, np.float32)
    return {"photo": photo, "gain": np.full(1, 2, np.float32), "y": np.full(SHAPE, np.nan, np.float32)}


def test_bound_arrays_are_read_and_written(device, opened) -> None:
    bound = arrays()
    with StagedEngine("cuda", b"", "blocks", {"h": 4, "w": 6}, device) as engine:
        engine.bind(**bound)
        for gain in (2, 3):
            bound["gain"][:] = gain
            engine.run()
            np.testing.assert_array_equal(bound["y"], bound["photo"] * gain)
    assert device.streams[0].waits == 2
    assert not opened[0].is_open
    assert device.everything_is_closed()


def test_one_block_holds_arrays_and_workspace_apart(device, opened) -> None:
    with StagedEngine("cuda", b"", "blocks", {"h": 4, "w": 6}, device) as engine:
        engine.bind(**arrays())
        (block,) = device.blocks
        at = opened[0].bound
        starts = sorted([*at.addresses.values(), at.workspace])
        assert starts[0] == block.address
        assert at.workspace + 512 <= block.address + block.nbytes
        assert np.diff(starts).min() >= 256
        engine.bind(**arrays())
        assert not block.is_open


def test_sizes_left_open_are_refused_and_released(device, opened) -> None:
    with pytest.raises(BackendError, match=r"cuda wants every size .* give that of photo float32 \(1, 3, h, w\)"):
        StagedEngine("cuda", b"", "blocks", {}, device)
    assert device.everything_is_closed()


def test_engine_that_cannot_be_opened_leaves_nothing_open(device) -> None:
    with pytest.raises(BackendError, match="no vulkan on a device; choose one of cuda, tensorrt, tensorrt-rtx"):
        StagedEngine("vulkan", b"", "blocks", {}, device)
    assert device.everything_is_closed()


def test_order_of_calls_is_enforced(device, opened) -> None:
    engine = StagedEngine("cuda", b"", "blocks", {"h": 4, "w": 6}, device)
    with pytest.raises(ValueError, match="blocks: nothing is bound; call bind first"):
        engine.run()
    with pytest.raises(ValueError, match="bind gain, photo, y, each by name"):
        engine.bind(photo=np.zeros(SHAPE, np.float32))
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="blocks: the engine is closed; open another"):
        engine.bind(**arrays())
