"""A device by PyCUDA, for systems that cuda-bindings has no package for, such as an older JetPack."""

import ctypes
import importlib
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from stillwave.kernels.cuda import THREADS, Launch

from ..errors import BackendError, BudgetError
from ..memory import format_bytes
from .contract import Replay
from .cuda_device import NON_BLOCKING, Closing


def _driver() -> Any:
    return importlib.import_module("pycuda.driver")


class PycudaBlock(Closing):
    def __init__(self, nbytes: int) -> None:
        cuda = _driver()
        try:
            memory = cuda.mem_alloc(nbytes)
        except cuda.MemoryError as error:
            free, total = map(format_bytes, cuda.mem_get_info())
            raise BudgetError(
                f"the device has not the {format_bytes(nbytes)} asked for, {free} of {total} are free; "
                "choose a smaller size, or close what else uses it"
            ) from error
        self.address, self.nbytes = int(memory), nbytes
        super().__init__(memory.free)


class PycudaPinned(Closing):
    def __init__(self, nbytes: int) -> None:
        cuda = _driver()
        flags = cuda.host_alloc_flags.PORTABLE
        self.array: npt.NDArray[np.uint8] = _raising(cuda.pagelocked_empty, nbytes, np.uint8, "C", flags)
        super().__init__(lambda: None)  # freed with the last view


class PycudaEvent(Closing):
    def __init__(self) -> None:
        self._event = _driver().Event()
        super().__init__(lambda: None)

    def record(self, stream: Any) -> None:
        self._event.record(stream.stream)

    def wait(self) -> None:
        _raising(self._event.synchronize)

    def ms_since(self, earlier: Any) -> float:
        return float(self._event.time_since(earlier._event))


class PycudaStream(Closing):
    def __init__(self) -> None:
        self._cuda = _driver()
        self.stream = self._cuda.Stream(NON_BLOCKING)
        self.handle = int(self.stream.handle)
        super().__init__(lambda: None)

    def copy_in(self, address: int, host: npt.NDArray[Any]) -> None:
        _raising(self._cuda.memcpy_htod_async, address, host, self.stream)

    def copy_out(self, host: npt.NDArray[Any], address: int) -> None:
        _raising(self._cuda.memcpy_dtoh_async, host, address, self.stream)

    def copy(self, to: int, address: int, nbytes: int) -> None:
        _raising(self._cuda.memcpy_dtod_async, to, address, nbytes, self.stream)

    def clear(self, address: int, nbytes: int) -> None:
        _raising(self._cuda.memset_d8_async, address, 0, nbytes, self.stream)

    def capture(self, enqueue: Callable[[], None]) -> Replay:
        """PyCUDA has no graphs: the same calls, made again at every launch."""
        return Replay(enqueue)

    def wait(self) -> None:
        _raising(self.stream.synchronize)


class PycudaKernels(Closing):
    def __init__(self, image: bytes) -> None:
        self._module, self._functions = _raising(_driver().module_from_buffer, image), dict[str, Any]()
        super().__init__(lambda: None)

    def launch(self, launch: Launch, stream: Any) -> None:
        function = self._functions.get(launch.kernel)
        if function is None:
            function = _raising(self._module.get_function, f"stillwave_{launch.kernel}")
            function.prepare([f"{ctypes.sizeof(launch.argument)}s"])  # one structure, as bytes
            self._functions[launch.kernel] = function
        grid, threads = (launch.blocks, 1), (THREADS, 1, 1)
        _raising(function.prepared_async_call, grid, threads, stream.stream, bytes(launch.argument))


class _Pushed:
    """A context on top of this thread's stack, until the thread ends or lets go of it: PyCUDA aborts the
    process where a thread ends with contexts on its stack.
    """

    def __init__(self, context: Any) -> None:
        _raising(context.push)
        self._context, self._error = context, _driver().Error

    def __del__(self) -> None:
        with suppress(self._error):  # closed meanwhile in another thread: then it is off the stack already
            self._context.pop()


class PycudaDevice(Closing):
    def __init__(self, index: int) -> None:
        cuda = _driver()
        _raising(cuda.init)
        if not 0 <= index < cuda.Device.count():
            raise BackendError(f"no CUDA device {index}, the driver reports {cuda.Device.count()}; see nvidia-smi")
        device = cuda.Device(index)
        self.index, self.name = index, device.name()
        major, minor = device.compute_capability()
        self.compute_capability = 10 * major + minor
        self.is_integrated = bool(device.get_attribute(cuda.device_attribute.INTEGRATED))
        self._context = _raising(device.retain_primary_context)
        self._here = threading.local()
        self.make_current()
        super().__init__(self._leave)

    def memory(self) -> tuple[int, int]:
        free, total = _raising(_driver().mem_get_info)
        return int(free), int(total)

    def make_current(self) -> None:
        if getattr(self._here, "pushed", None) is None:
            self._here.pushed = _Pushed(self._context)

    def _leave(self) -> None:
        self._here.pushed = None
        self._context.detach()  # its destructor would not release a primary context

    def block(self, nbytes: int) -> PycudaBlock:
        return PycudaBlock(nbytes)

    def pinned(self, nbytes: int) -> PycudaPinned:
        return PycudaPinned(nbytes)

    def stream(self) -> PycudaStream:
        return PycudaStream()

    def event(self) -> PycudaEvent:
        return PycudaEvent()

    def kernels(self, image: bytes) -> PycudaKernels:
        return PycudaKernels(image)


def _raising(call: Callable[..., Any], *arguments: Any) -> Any:
    """What the call returns; PyCUDA's error becomes a `BackendError`, or where memory is short a `BudgetError`."""
    try:
        return call(*arguments)
    except _driver().MemoryError as error:
        raise BudgetError(f"{error}; choose a smaller size, or close what else takes memory") from error
    except _driver().Error as error:
        raise BackendError(f"{error}; close this animator and make another") from error
