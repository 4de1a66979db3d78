"""A network in ONNX Runtime on an NVIDIA GPU, where TensorRT itself is missing. Contract: device/contract.py."""

import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

from .device.contract import Device, Stream
from .engine import factor_and_symbol, shape_at
from .errors import BackendError, BudgetError
from .signature import signature

try:
    import onnxruntime as ort
except ImportError as error:
    raise BackendError("the cuda backend needs ONNX Runtime for GPUs; pip install 'stillwave[gpu]'") from error

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
MEMORY_LIMIT = 1 << 30  # bytes of one network's arena, weights included
REMEDY = (
    "pip uninstall onnxruntime onnxruntime-gpu, then pip install 'stillwave[gpu]', with the CUDA and cuDNN it was made "
    "for (`stillwave doctor`); on Jetson use --backend tensorrt, whose TensorRT comes with JetPack"
)


class OrtCudaEngine:
    """Its working memory is its own, bounded arena: `workspace_bytes` is 0. It runs in the stream it was opened with.

    provider      CUDA, or TENSORRT where ONNX Runtime has it; never another than the one asked for
    memory_limit  bytes of its arena on the device
    """

    workspace_bytes = 0
    is_capturable = False  # it allocates as it runs

    def __init__(
        self,
        network: bytes,
        name: str,
        sizes: Mapping[str, int],
        device: Device,
        stream: Stream,
        memory_limit: int = MEMORY_LIMIT,
        provider: str = CUDA,
    ):
        self.name, self.device, self.stream, self.memory_limit = name, device, stream, memory_limit
        self.inputs, self.outputs = signature(network, name, sizes)
        options = ort.SessionOptions()
        options.log_severity_level = 4  # failures arrive as exceptions
        for specs in signature(network, name, {}):
            for text in {text for spec in specs for text in spec.shape if isinstance(text, str)}:
                if factor_and_symbol(text)[1] in sizes:
                    options.add_free_dimension_override_by_name(text, shape_at((text,), sizes)[0])
        if provider not in ort.get_available_providers():
            raise BackendError(f"ONNX Runtime {ort.__version__} here has no {provider}; {REMEDY}")
        _preload()
        asked = provider_options(provider, device.index, stream.handle, memory_limit)
        try:
            self._session: Any = ort.InferenceSession(network, options, providers=asked)
        except Exception as error:  # what ONNX Runtime raises shares no base class but this
            raise self._typed(error, "loaded") from error
        if self._session.get_providers()[:1] != [provider]:  # it falls back to the CPU without a word
            raise BackendError(f"ONNX Runtime {ort.__version__} could not start its {provider}; {REMEDY}")
        self._run_options = ort.RunOptions()
        self._run_options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        self._binding: Any = None

    def bind(self, workspace: int, **addresses: int) -> None:
        if self._session is None:
            raise ValueError(f"{self.name}: the engine is closed; open another")
        names = {spec.name for spec in self.inputs + self.outputs}
        if addresses.keys() != names:
            got = ", ".join(sorted(addresses)) or "nothing"
            raise ValueError(f"{self.name}: bind {', '.join(sorted(names))}, each by name; got {got}")
        binding = self._session.io_binding()
        for spec in self.inputs:
            binding.bind_input(spec.name, "cuda", self.device.index, spec.dtype, spec.shape, addresses[spec.name])
        for spec in self.outputs:
            binding.bind_output(spec.name, "cuda", self.device.index, spec.dtype, spec.shape, addresses[spec.name])
        self._binding = binding

    def enqueue(self, stream: Stream) -> None:
        if self._binding is None:
            raise ValueError(f"{self.name}: nothing is bound; call bind first")
        if stream.handle != self.stream.handle:
            raise ValueError(f"{self.name}: runs in the stream it was opened with, {self.stream.handle:#x}")
        try:
            self._session.run_with_iobinding(self._binding, self._run_options)
        except Exception as error:
            raise self._typed(error, "run") from error

    def close(self) -> None:
        self._binding = self._session = None

    def _typed(self, error: Exception, verb: str) -> BackendError | BudgetError:
        if "bfc_arena" in str(error):
            return BudgetError(
                f"{self.name} could not be {verb} in {self.memory_limit:,} bytes of the GPU; raise the memory budget"
            )
        return BackendError(f"{self.name} could not be {verb} by ONNX Runtime {ort.__version__} on the GPU: {error}")

    def __enter__(self) -> "OrtCudaEngine":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _preload() -> None:
    """Load CUDA and cuDNN where pip installed them. It prints what it misses; the session says that as an error."""
    if hasattr(ort, "preload_dlls"):
        with redirect_stdout(io.StringIO()):
            ort.preload_dlls()


def provider_options(provider: str, device: int, stream: int, memory_limit: int) -> list[tuple[str, dict[str, str]]]:
    """The provider asked for, bounded, in the caller's stream; under TensorRT's stands CUDA's, for what it leaves."""
    shared = {"device_id": str(device), "user_compute_stream": str(stream)}
    cuda = {
        **shared,
        "gpu_mem_limit": str(memory_limit),
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",  # the search would take memory beside the arena
        "cudnn_conv_use_max_workspace": "0",
    }
    # no engine cache: it would load engines that nothing vouches for
    tensorrt = {**shared, "trt_max_workspace_size": str(memory_limit), "trt_engine_cache_enable": "0"}
    return [(CUDA, cuda)] if provider == CUDA else [(TENSORRT, tensorrt), (CUDA, cuda)]
