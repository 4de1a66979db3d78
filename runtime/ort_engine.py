"""ONNX Runtime on the CPU: caller's buffers in and out, bounded threads, one bounded arena a process."""

from types import TracebackType
from typing import Any

from .engine import Array, TensorSpec, check_arrays, usable_cores
from .errors import BackendError, BudgetError

try:
    import onnxruntime as ort
except ImportError as error:
    raise BackendError(
        "the cpu backend needs onnxruntime, which is not installed; pip install 'stillwave[cpu]'"
    ) from error

_NUMPY_TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(int64)": "int64"}


class OrtEngine:
    """A network in ONNX Runtime. Working memory comes from one arena that all engines share."""

    def __init__(self, network: bytes, name: str, *, threads: int = 0, arena_bytes: int = 0):
        self.name = name
        options = _session_options(threads or usable_cores())
        if arena_bytes:
            _bound_arena(arena_bytes)
            options.add_session_config_entry("session.use_env_allocators", "1")
        try:
            self._session: Any = ort.InferenceSession(
                network, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own exceptions share no base but this
            raise _typed(error, name, "loaded") from error
        self.inputs = tuple(_spec(value) for value in self._session.get_inputs())
        self.outputs = tuple(_spec(value) for value in self._session.get_outputs())
        self._binding: Any = None
        self._bound: list[Any] = []

    def bind(self, **arrays: Array) -> None:
        check_arrays(self.name, self.inputs + self.outputs, arrays)
        binding = self._opened().io_binding()
        self._bound = [ort.OrtValue.ortvalue_from_numpy(array) for array in arrays.values()]
        values = dict(zip(arrays, self._bound, strict=True))
        for spec in self.inputs:
            binding.bind_ortvalue_input(spec.name, values[spec.name])
        for spec in self.outputs:
            binding.bind_ortvalue_output(spec.name, values[spec.name])
        self._binding = binding

    def run(self) -> None:
        if self._binding is None:
            raise ValueError(f"{self.name}: nothing is bound; call bind(...) before run()")
        try:
            self._opened().run_with_iobinding(self._binding)
        except Exception as error:
            raise _typed(error, self.name, "run") from error

    def close(self) -> None:
        self._binding, self._session = None, None
        self._bound.clear()

    def _opened(self) -> Any:
        if self._session is None:
            raise ValueError(f"{self.name}: the engine is closed; open another")
        return self._session

    def __enter__(self) -> "OrtEngine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _session_options(threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # failures arrive as exceptions
    options.use_deterministic_compute = True
    # planned patterns hold a second copy of the first run's buffers: twice the memory, no faster
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _bound_arena(max_bytes: int) -> None:
    memory = ort.OrtMemoryInfo(
        "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    same_as_requested = 1
    config = {
        "max_mem": max_bytes,
        "arena_extend_strategy": same_as_requested,
        "initial_chunk_size_bytes": -1,
        "max_dead_bytes_per_chunk": -1,
    }
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg(config))


def _spec(value: Any) -> TensorSpec:
    return TensorSpec(value.name, _NUMPY_TYPES[value.type], tuple(value.shape))


def _typed(error: Exception, name: str, verb: str) -> BackendError | BudgetError:
    if "bfc_arena" in str(error) or "Failed to allocate memory" in str(error):
        return BudgetError(
            f"{name} could not be {verb} in the memory set aside for it; raise the memory budget ({error})"
        )
    return BackendError(f"{name} could not be {verb} by ONNX Runtime {ort.__version__}: {error}")
