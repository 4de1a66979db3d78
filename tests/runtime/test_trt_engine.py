"""The TensorRT engine against a FAKE of TensorRT's module, which computes nothing.

What is shown: calls are made in the order and with the values that the documentation wants, and
refusals become errors. Not shown: that an engine runs.
"""

from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from onnx import TensorProto, helper

from stillwave.runtime.errors import BackendError, EngineCacheError
from stillwave.runtime.trt_engine import TrtEngine
from stillwave.runtime.trt_library import TrtLibrary

TENSORS = {"photo": ("input", "float32"), "y": ("output", "float32")}
STREAM = SimpleNamespace(handle=0x51)
PLAN = b"plan of the fake"


class FakeContext:
    def __init__(self, fake: "FakeTensorRt"):
        self.fake, self.calls = fake, fake.calls
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shapes[name] = tuple(shape)
        return max(shape) <= self.fake.largest_side

    def update_device_memory_size_for_shapes(self) -> int:
        assert self.shapes.keys() == {n for n, (mode, _) in self.fake.tensors.items() if mode == "input"}
        return 4096 * self.shapes["photo"][2]

    def set_device_memory(self, address: int, size: int) -> None:
        self.calls.append(("memory", address, size))

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        self.calls.append(("run", stream, dict(self.addresses)))
        return not self.fake.fails


class FakeTensorRt:
    """Stands for the module. `tensors`: name -> ("input" or "output", type)."""

    __version__ = "10.3.0"
    TensorIOMode = SimpleNamespace(INPUT="input", OUTPUT="output")
    ExecutionContextAllocationStrategy = SimpleNamespace(STATIC=0, USER_MANAGED=2)

    class ILogger:
        Severity = SimpleNamespace(ERROR=1, WARNING=2)
        latest: ClassVar[list[Any]] = []

        def __init__(self) -> None:
            self.latest.append(self)

    def __init__(self, tensors: dict[str, tuple[str, str]], largest_side: int = 64):
        self.tensors, self.largest_side = tensors, largest_side
        self.calls: list[tuple[Any, ...]] = []
        self.strategies: list[Any] = []
        self.fails = self.has_no_room = False

    def nptype(self, dtype: str) -> type:
        return np.dtype(dtype).type

    def Runtime(self, logger: Any) -> Any:
        def deserialize(plan: bytes) -> Any:
            if plan == PLAN:
                return self.engine()
            logger.log(1, "magic tag does not match")
            return None

        return SimpleNamespace(deserialize_cuda_engine=deserialize)

    def engine(self) -> Any:
        names = list(self.tensors)

        def context(strategy: Any) -> FakeContext | None:
            self.strategies.append(strategy)
            return None if self.has_no_room else FakeContext(self)

        return SimpleNamespace(
            num_io_tensors=len(names),
            get_tensor_name=names.__getitem__,
            get_tensor_mode=lambda name: self.tensors[name][0],
            get_tensor_dtype=lambda name: self.tensors[name][1],
            create_execution_context=context,
            create_runtime_config=FakeRuntimeConfig,
        )


class FakeRuntimeConfig:
    """Of TensorRT-RTX, which has an enum beside it that the standard library lacks."""

    dynamic_shapes_kernel_specialization_strategy: Any = None

    def set_execution_context_allocation_strategy(self, strategy: Any) -> None:
        self.strategy = strategy


@pytest.fixture(scope="module")
def network() -> bytes:
    photo, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 3, "2*h", "w")) for n in ("photo", "y"))
    graph = helper.make_graph([helper.make_node("Relu", ["photo"], ["y"])], "positive", [photo], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]).SerializeToString()


@pytest.fixture
def fake() -> FakeTensorRt:
    return FakeTensorRt(dict(TENSORS))


def engine_of(fake: FakeTensorRt, network: bytes, plan: bytes = PLAN, h: int = 8) -> TrtEngine:
    return TrtEngine(TrtLibrary("tensorrt", fake), plan, network, "positive", {"h": h, "w": 16})


def test_workspace_is_that_of_the_sizes_and_the_callers(fake, network) -> None:
    with engine_of(fake, network) as engine:
        assert engine.workspace_bytes == 4096 * 16
        assert fake.strategies == [FakeTensorRt.ExecutionContextAllocationStrategy.USER_MANAGED]
        assert [str(spec) for spec in (*engine.inputs, *engine.outputs)] == [
            "photo float32 (1, 3, 16, 16)",
            "y float32 (1, 3, 16, 16)",
        ]
    with engine_of(fake, network, h=4) as engine:
        assert engine.workspace_bytes == 4096 * 8


def test_runs_where_it_was_bound(fake, network) -> None:
    with engine_of(fake, network) as engine:
        engine.bind(0x1000, photo=0x2000, y=0x3000)
        engine.enqueue(STREAM)
        engine.bind(0x1100, photo=0x2000, y=0x4000)
        engine.enqueue(STREAM)
    assert fake.calls == [
        ("memory", 0x1000, 65536),
        ("run", 0x51, {"photo": 0x2000, "y": 0x3000}),
        ("memory", 0x1100, 65536),
        ("run", 0x51, {"photo": 0x2000, "y": 0x4000}),
    ]


def test_kernels_are_made_eagerly_where_the_library_makes_them_later(fake, network, monkeypatch) -> None:
    strategies = SimpleNamespace(LAZY="lazy", EAGER="eager")
    monkeypatch.setattr(FakeTensorRt, "DynamicShapesKernelSpecializationStrategy", strategies, raising=False)
    engine_of(fake, network)
    (config,) = fake.strategies
    assert config.strategy == FakeTensorRt.ExecutionContextAllocationStrategy.USER_MANAGED
    assert config.dynamic_shapes_kernel_specialization_strategy == "eager"


@pytest.mark.parametrize("is_told", [True, False])
def test_what_the_library_will_not_capture_is_not_captured(fake, network, monkeypatch, is_told) -> None:
    with engine_of(fake, network) as engine:
        assert engine.is_capturable  # the standard library does not tell
        monkeypatch.setattr(FakeContext, "is_stream_capturable", lambda _, s: is_told and s == 0x51, raising=False)
        engine.bind(0, photo=0, y=0)
        engine.enqueue(STREAM)
        assert engine.is_capturable is is_told


def test_order_of_calls_is_enforced(fake, network) -> None:
    engine = engine_of(fake, network)
    with pytest.raises(ValueError, match="positive: nothing is bound; call bind first"):
        engine.enqueue(STREAM)
    engine.close()
    engine.close()
    for call in (lambda: engine.enqueue(STREAM), lambda: engine.bind(0, photo=0, y=0)):
        with pytest.raises(ValueError, match="positive: the engine is closed; open another"):
            call()


def test_misfits_are_refused(fake, network) -> None:
    with engine_of(fake, network) as engine:
        with pytest.raises(ValueError, match="bind photo, y, each by name; got foto"):
            engine.bind(0, foto=0)
        with pytest.raises(ValueError, match="y at 0x10; want a multiple of 256 bytes"):
            engine.bind(0, photo=0, y=0x10)
        with pytest.raises(ValueError, match="workspace at 0x80"):
            engine.bind(0x80, photo=0, y=0)


def test_plan_that_does_not_load_is_told_with_the_librarys_reason(fake, network) -> None:
    message = r"positive: the engine of TensorRT 10.3.0 cannot be loaded: magic tag .*; run `stillwave engine clear`"
    with pytest.raises(EngineCacheError, match=message):
        engine_of(fake, network, b"another plan")


def test_library_that_does_not_start_is_a_backend_error(fake, network, monkeypatch) -> None:
    def nothing(_: Any) -> Any:
        raise TypeError("pybind11::init(): factory function returned nullptr")

    monkeypatch.setattr(fake, "Runtime", nothing)
    with pytest.raises(BackendError, match=r"engine of TensorRT 10\.3\.0 cannot be started; see `stillwave doctor`"):
        engine_of(fake, network)


def test_size_outside_the_profile_is_refused(fake, network) -> None:
    with pytest.raises(EngineCacheError, match=r"was not built for photo float32 \(1, 3, 80, 16\); build it for this"):
        engine_of(fake, network, h=40)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"photo": ("input", "float32")}, "has tensors photo; build it again"),
        ({**TENSORS, "y": ("input", "float32")}, "has another y float32"),
        ({**TENSORS, "photo": ("input", "float16")}, "has another photo float32"),
    ],
)
def test_engine_of_another_network_is_refused(network, tensors, message) -> None:
    with pytest.raises(EngineCacheError, match=message):
        engine_of(FakeTensorRt(tensors), network)


def test_device_without_room_and_failed_run_are_backend_errors(fake, network) -> None:
    engine = engine_of(fake, network)
    engine.bind(0, photo=0, y=0)
    fake.fails = True
    with pytest.raises(BackendError, match=r"positive: the engine of TensorRT 10\.3\.0 could not be run"):
        engine.enqueue(STREAM)
    fake.has_no_room = True
    with pytest.raises(BackendError, match="has no room for its weights; close what else uses the GPU"):
        engine_of(fake, network)
