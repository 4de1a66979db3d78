"""A CUDA device: one block of memory, a stream, kernels, graphs. Two bindings meet this contract.

Nothing here imports a binding. `open_device` looks for a driver first, because the bindings may wait
for ever where there is none.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from stillwave.kernels.cuda import Launch

from ..engine import TensorSpec
from ..errors import BackendError

DRIVERS = ("libcuda.so.1", "nvcuda.dll")
ALIGNMENT = 256  # bytes; of what a device and its engines are given


class Closable(Protocol):
    """Everything a device hands out is released by `close`, or by leaving a `with` block."""

    def close(self) -> None:
        """Release it; a second call does nothing."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *error: object) -> None: ...


class Block(Closable, Protocol):
    """One allocation on the device, beginning at `address`."""

    address: int
    nbytes: int


class Pinned(Closable, Protocol):
    """Memory of the host that the device copies to and from by itself, as flat bytes."""

    array: npt.NDArray[np.uint8]


class Graph(Closable, Protocol):
    """What was captured, launched as one."""

    def launch(self, stream: "Stream") -> None: ...


class Replay:
    """A graph that is none: the calls are made again. For bindings and engines that cannot be captured."""

    def __init__(self, enqueue: Callable[[], None]) -> None:
        self._enqueue = enqueue

    def launch(self, stream: "Stream") -> None:
        self._enqueue()

    def close(self) -> None:
        self._enqueue = lambda: None

    def __enter__(self) -> "Replay":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Event(Closable, Protocol):
    """A mark in a stream."""

    def record(self, stream: "Stream") -> None: ...

    def wait(self) -> None:
        """Until the stream has reached the mark; an error of the device is raised here."""

    def ms_since(self, earlier: "Event") -> float:
        """Between two marks that were reached."""


class Kernels(Closable, Protocol):
    """A loaded module."""

    def launch(self, launch: Launch, stream: "Stream") -> None: ...


class Stream(Closable, Protocol):
    """Work in order. `handle` is the driver's, as an integer, for engines."""

    handle: int

    def copy_in(self, address: int, host: npt.NDArray[Any]) -> None:
        """Host to device, not waited for where `host` lies in pinned memory."""

    def copy_out(self, host: npt.NDArray[Any], address: int) -> None:
        """Device to host, not waited for where `host` lies in pinned memory."""

    def copy(self, to: int, address: int, nbytes: int) -> None:
        """Within the device."""

    def clear(self, address: int, nbytes: int) -> None: ...

    def capture(self, enqueue: Callable[[], None]) -> Graph:
        """What `enqueue` puts into this stream, as a graph, none of it run yet."""

    def wait(self) -> None:
        """Until all is done; an error of the device is raised here."""


class Device(Closable, Protocol):
    """A device, its context current in this thread. compute_capability is 87 for 8.7.

    is_integrated  its memory is the host's, as on Jetson
    """

    name: str
    index: int
    compute_capability: int
    is_integrated: bool

    def memory(self) -> tuple[int, int]:
        """Free and total bytes."""

    def make_current(self) -> None:
        """In this thread: needed where another thread than the one that opened it calls."""

    def block(self, nbytes: int) -> Block:
        """`BudgetError` where the device has no such block."""

    def pinned(self, nbytes: int) -> Pinned: ...

    def stream(self) -> Stream: ...

    def event(self) -> Event: ...

    def kernels(self, image: bytes) -> Kernels:
        """Of a fatbin, a cubin or PTX."""


class DeviceEngine(Closable, Protocol):
    """A network on the device. It runs in a caller's stream, on addresses and in a workspace of the caller."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    workspace_bytes: int  # at the sizes it was opened for; engines that never overlap may share one

    @property
    def is_capturable(self) -> bool:
        """Whether `enqueue` may be captured in a graph, after a first run outside."""

    def bind(self, workspace: int, **addresses: int) -> None:
        """Fix the address of every input and output by name, and of the workspace: multiples of ALIGNMENT."""

    def enqueue(self, stream: Stream) -> None:
        """One run."""


def open_device(index: int = 0, binding: str = "auto") -> Device:
    """The device of this index by cuda-bindings, or where that is missing by PyCUDA; else a `BackendError`.

    binding  "cuda-bindings", "pycuda" or "auto"
    """
    check_driver()
    reasons = []
    for name, module in (("cuda-bindings", "cuda.bindings.driver"), ("pycuda", "pycuda.driver")):
        if binding not in (name, "auto"):
            continue
        try:
            __import__(module)
        except ImportError as error:
            reasons.append(f"{name}: {error}")
            continue
        return _opened(name, index)
    raise BackendError(
        f"no binding for the NVIDIA driver ({'; '.join(reasons) or f'{binding!r} is none'}); "
        "pip install 'stillwave[gpu]', or 'stillwave[pycuda]' on an older JetPack"
    )


def _opened(name: str, index: int) -> Device:
    if name == "pycuda":
        from .pycuda_device import PycudaDevice

        return PycudaDevice(index)
    from .cuda_device import CudaDevice

    return CudaDevice(index)


def check_driver() -> None:
    """`BackendError`, at once, where there is no NVIDIA driver."""
    for library in DRIVERS:
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return
    what = "libcuda.so.1 was not found" if sys.platform != "win32" else "nvcuda.dll was not found"
    raise BackendError(
        f"no NVIDIA driver ({what}); install NVIDIA's driver (JetPack brings it; "
        "a container needs --gpus all or --runtime nvidia), or choose --backend cpu"
    )
