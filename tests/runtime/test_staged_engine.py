"""Arrays of the host through an engine of a device. The device is EMULATED, its memory is the host's."""

import numpy as np
import onnx
import pytest
from emulator.device import EmulatedDevice, HostEngine
from onnx import TensorProto, helper

from stillwave.runtime.device import engines as device_engines
from stillwave.runtime.device.staged_engine import StagedEngine
from stillwave.runtime.errors import BackendError

SIZES = {"h": 4, "w": 6}


@pytest.fixture(scope="module")
def network() -> bytes:
    """photo (1, 3, h, w) * gain (1) -> y."""
    shapes = {"photo": (1, 3, "h", "w"), "gain": (1,), "y": (1, 3, "h", "w")}
    photo, gain, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in shapes.items())
    graph = helper.make_graph([helper.make_node("Mul", ["photo", "gain"], ["y"])], "gains", [photo, gain], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


@pytest.fixture
def device():
    device = EmulatedDevice(None)  # no kernel is launched
    yield device
    assert not device.blocks, "device memory was left allocated"


@pytest.fixture
def opened(monkeypatch):
    """The device's engines, which are ONNX Runtime's on the emulated memory."""
    engines = []

    def open_here(self, network, name, sizes, precision, profile=None, told=None):
        engines.append(HostEngine(network, name, sizes))
        return engines[-1]

    monkeypatch.setattr(device_engines.DeviceEngines, "open", open_here)
    return engines


def arrays(h: int = 4, w: int = 6) -> dict[str, np.ndarray]:
    photo = np.random.default_rng(0).random((1, 3, h, w), np.float32)
    return {"photo": photo, "gain": np.full(1, 2, np.float32), "y": np.full_like(photo, np.nan)}


def test_bound_arrays_are_read_and_written(device, opened, network) -> None:
    with StagedEngine("cuda", network, "gains", SIZES, device) as engine:
        for bound in (arrays(), arrays()):
            engine.bind(**bound)
            assert len(device.blocks) == 1
            for gain in (2, 3):
                bound["gain"][:] = gain
                engine.run()
                np.testing.assert_array_equal(bound["y"], bound["photo"] * gain)


def test_failure_of_the_device_is_raised_and_all_is_released(device, opened, network) -> None:
    with StagedEngine("cuda", network, "gains", SIZES, device) as engine:
        engine.bind(**arrays())
        device.fail_after(1)
        with pytest.raises(BackendError, match="emulated failure"):
            engine.run()
        device.fail_after(None)


def test_sizes_left_open_are_refused(device, opened, network) -> None:
    with pytest.raises(BackendError, match=r"cuda wants every size .* give that of photo float32 \(1, 3, h, w\)"):
        StagedEngine("cuda", network, "gains", {}, device)


def test_other_arrays_are_refused(device, opened, network) -> None:
    with StagedEngine("cuda", network, "gains", SIZES, device) as engine:
        with pytest.raises(ValueError, match="bind gain, photo, y, each by name"):
            engine.bind(photo=np.zeros((1, 3, 4, 6), np.float32))
        with pytest.raises(ValueError, match=r"expected photo float32 \(1, 3, 4, 6\); got shape \(1, 3, 5, 6\)"):
            engine.bind(**arrays(h=5))


def test_unknown_backend_lists_those_there_are(device, network) -> None:
    with pytest.raises(BackendError, match="no vulkan on a device; choose one of cuda, tensorrt, tensorrt-rtx"):
        StagedEngine("vulkan", network, "gains", SIZES, device)


def test_order_of_calls_is_enforced(device, opened, network) -> None:
    engine = StagedEngine("cuda", network, "gains", SIZES, device)
    with pytest.raises(ValueError, match="gains: nothing is bound; call bind first"):
        engine.run()
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="gains: the engine is closed; open another"):
        engine.bind(**arrays())
