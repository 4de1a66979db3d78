"""ONNX Runtime on the CPU: the caller's arrays in and out, bounded threads, one arena an engine."""

import ctypes
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from .engine import Array, check_arrays, factor_and_symbol, shape_at
from .errors import BackendError, BudgetError
from .signature import Specs, signature

try:
    import onnxruntime as ort
except ImportError as error:
    raise BackendError("the cpu backend needs ONNX Runtime; pip install 'stillwave[cpu]'") from error

LARGEST_REGION = 2**31 - 1  # bytes; ONNX Runtime counts them in an int
MAP_SHARE = 32  # an arena keeps a map of itself, this part of its size

_registration = threading.Lock()  # ONNX Runtime keeps one arena to hand to new sessions


class OrtEngine:
    """A network in ONNX Runtime. Its arena and weights are released when it closes."""

    def __init__(self, network: bytes, name: str, sizes: Mapping[str, int], threads: int, arena_bytes: int):
        self.name = name
        self.inputs, self.outputs = signature(network, name, sizes)
        options = _session_options(threads)
        _fix_sizes(options, signature(network, name, {}), sizes)
        try:
            self._session: Any = _session(network, options, arena_bytes)
        except Exception as error:  # what ONNX Runtime raises shares no base class but this
            raise _typed(error, f"{name} could not be loaded", arena_bytes) from error
        _return_freed_memory()
        self._arena_bytes = arena_bytes
        self._binding: Any = None
        self._bound: dict[str, Array] = {}

    def bind(self, **arrays: Array) -> None:
        check_arrays(self.name, self.inputs + self.outputs, arrays)
        values = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in arrays.items()}
        self._binding = self._opened().io_binding()
        for spec in self.inputs:
            self._binding.bind_ortvalue_input(spec.name, values[spec.name])
        for spec in self.outputs:
            self._binding.bind_ortvalue_output(spec.name, values[spec.name])
        self._bound = arrays  # read and written in place, and the binding keeps no reference

    def run(self) -> None:
        if self._binding is None:
            raise ValueError(f"{self.name}: nothing is bound; call bind first")
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:
            raise _typed(error, f"{self.name} could not be run", self._arena_bytes) from error

    def close(self) -> None:
        if self._session is not None:
            self._binding = self._session = None
            self._bound = {}
            _return_freed_memory()

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
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Both plan ahead, and both lose to the arena's own best fit: patterns hold a second copy of the
    # first run's arrays (53 against 101 MiB for a synthesis), reuse lets arrays outlive their last
    # reader (22 against 74 MiB for a denoiser).
    options.enable_mem_pattern = options.enable_mem_reuse = False
    return options


def _fix_sizes(options: Any, symbolic: tuple[Specs, Specs], sizes: Mapping[str, int]) -> None:
    """Give ONNX Runtime the size of every dimension that is known, by the dimension's text."""
    for spec in (*symbolic[0], *symbolic[1]):
        for text in spec.shape:
            if isinstance(text, str) and factor_and_symbol(text)[1] in sizes:
                options.add_free_dimension_override_by_name(text, shape_at((text,), sizes)[0])


def _session(network: bytes, options: Any, arena_bytes: int) -> Any:
    providers = ["CPUExecutionProvider"]
    if not arena_bytes:
        return ort.InferenceSession(network, options, providers=providers)
    options.add_session_config_entry("session.use_env_allocators", "1")
    with _registration:
        _register_arena(arena_bytes)
        try:
            return ort.InferenceSession(network, options, providers=providers)
        finally:
            _register_arena(1)  # the session is now the only owner of its arena


def _register_arena(max_bytes: int) -> None:
    """Make a bounded arena the one that sessions opened from now on share.

    One region as large as the bound, whose pages are taken as they are touched: regions added on
    demand cannot be merged, and the same network needs up to twice as much of them.
    """
    kind = ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    memory = ort.OrtMemoryInfo("Cpu", kind, 0, ort.OrtMemType.DEFAULT)
    grow_to_next_power_of_two, default = 0, -1
    region = min(max_bytes, LARGEST_REGION)
    config = ort.OrtArenaCfg(max_bytes, grow_to_next_power_of_two, region, default)
    ort.create_and_register_allocator(memory, config)


def _return_freed_memory() -> None:
    """Hand the parser's copies of the weights, or a closed arena, to the system: glibc keeps them.

    A loaded denoiser then holds 19 MiB instead of 36.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _typed(error: Exception, what: str, arena_bytes: int) -> BackendError | BudgetError:
    if arena_bytes and "bfc_arena" in str(error):
        return BudgetError(f"{what} in {arena_bytes:,} bytes; raise the memory budget")
    return BackendError(f"{what} by ONNX Runtime {ort.__version__}: {error}")
