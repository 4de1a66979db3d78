"""ONNX Runtime's GPU providers: asked for one, it is that one or an error. The session is a FAKE; nothing runs."""

from types import SimpleNamespace

import onnx
import pytest
from onnx import TensorProto, helper

pytest.importorskip("onnxruntime")

from stillwave.runtime import ort_cuda_engine
from stillwave.runtime.errors import BackendError, BudgetError
from stillwave.runtime.ort_cuda_engine import CUDA, TENSORRT, OrtCudaEngine, provider_options

DEVICE, STREAM = SimpleNamespace(index=1), SimpleNamespace(handle=0x51)
SIZES = {"h": 4, "w": 6}


@pytest.fixture(scope="module")
def network() -> bytes:
    photo, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 3, "2*h", "w")) for n in ("photo", "y"))
    graph = helper.make_graph([helper.make_node("Relu", ["photo"], ["y"])], "positive", [photo], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


class FakeSession:
    """What it was made with; its providers are those it was asked for, unless `falls_back`."""

    falls_back = False
    error: Exception | None = None

    def __init__(self, network, options, providers):
        self.asked, self.runs, self.bound = providers, [], {}

    def get_providers(self):
        names = [name for name, _ in self.asked]
        return ["CPUExecutionProvider"] if self.falls_back else [*names, "CPUExecutionProvider"]

    def io_binding(self):
        def bind(name, *where):
            self.bound[name] = where

        return SimpleNamespace(bind_input=bind, bind_output=bind)

    def run_with_iobinding(self, binding, options):
        if self.error:
            raise self.error
        self.runs.append(options)


@pytest.fixture
def session(monkeypatch):
    class Session(FakeSession):
        pass

    monkeypatch.setattr(ort_cuda_engine.ort, "InferenceSession", Session)
    monkeypatch.setattr(ort_cuda_engine.ort, "get_available_providers", lambda: [TENSORRT, CUDA])
    return Session


def test_a_package_without_the_provider_is_refused(network) -> None:
    """The real ONNX Runtime, for CPUs, as the tests install it."""
    if CUDA in ort_cuda_engine.ort.get_available_providers():
        pytest.skip("this ONNX Runtime is the one for GPUs")
    with pytest.raises(BackendError, match=r"has no CUDAExecutionProvider; pip uninstall .*stillwave\[gpu\].*Jetson"):
        OrtCudaEngine(network, "positive", SIZES, DEVICE, STREAM)


@pytest.mark.parametrize("provider", [CUDA, TENSORRT])
def test_falling_back_to_the_cpu_is_refused(session, network, provider) -> None:
    session.falls_back = True
    with pytest.raises(BackendError, match=f"could not start its {provider}; pip uninstall"):
        OrtCudaEngine(network, "positive", SIZES, DEVICE, STREAM, provider=provider)


def test_binds_addresses_and_runs_in_its_stream(session, network) -> None:
    with OrtCudaEngine(network, "positive", SIZES, DEVICE, STREAM) as engine:
        assert engine.workspace_bytes == 0
        with pytest.raises(ValueError, match="positive: nothing is bound; call bind first"):
            engine.enqueue(STREAM)
        with pytest.raises(ValueError, match="bind photo, y, each by name; got foto"):
            engine.bind(0, foto=0)
        engine.bind(0, photo=0x2000, y=0x3000)
        where = ("cuda", 1, "float32", (1, 3, 8, 6))
        assert engine._session.bound == {"photo": (*where, 0x2000), "y": (*where, 0x3000)}
        engine.enqueue(STREAM)
        assert len(engine._session.runs) == 1
        with pytest.raises(ValueError, match="runs in the stream it was opened with, 0x51"):
            engine.enqueue(SimpleNamespace(handle=0x52))
    with pytest.raises(ValueError, match="positive: the engine is closed; open another"):
        engine.bind(0, photo=0, y=0)


def test_memory_and_stream_are_the_callers(session, network) -> None:
    with OrtCudaEngine(network, "positive", SIZES, DEVICE, STREAM, memory_limit=1 << 26) as engine:
        ((name, options),) = engine._session.asked
    assert name == CUDA
    assert (options["device_id"], options["user_compute_stream"], options["gpu_mem_limit"]) == ("1", "81", "67108864")
    assert options["arena_extend_strategy"] == "kSameAsRequested"


def test_tensorrts_provider_caches_no_engine_and_has_cudas_below() -> None:
    (first, tensorrt), (second, _) = provider_options(TENSORRT, 0, 81, 1 << 26)
    assert (first, second) == (TENSORRT, CUDA)
    assert tensorrt["trt_engine_cache_enable"] == "0"


def test_full_arena_is_a_budget_error(session, network) -> None:
    with OrtCudaEngine(network, "positive", SIZES, DEVICE, STREAM, memory_limit=1000) as engine:
        engine.bind(0, photo=0, y=0)
        session.error = RuntimeError("bfc_arena.cc: available memory of 0 is smaller than requested")
        with pytest.raises(BudgetError, match="positive could not be run in 1,000 bytes of the GPU; raise the memory"):
            engine.enqueue(STREAM)
        session.error = RuntimeError("CUDNN_STATUS_MAPPING_ERROR")
        with pytest.raises(BackendError, match=r"could not be run by ONNX Runtime \S+ on the GPU: CUDNN"):
            engine.enqueue(STREAM)
