"""An emulated CUDA device: memory of the host, and the CUDA kernels themselves compiled for the processor.

It meets the contract of runtime/device.py, runs one thread after the other, and is no GPU: it shows what
kernels compute, where they write and in which order they are launched, and nothing about speed or a driver.
"""

import ctypes
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from stillwave.kernels import cuda
from stillwave.runtime.device.contract import ALIGNMENT
from stillwave.runtime.engine import shape_at
from stillwave.runtime.errors import BackendError, BudgetError

HEADER = Path(__file__).with_name("cuda_on_host.h")
GUARD = 4096  # bytes on both sides of a block that nothing may touch
UNTOUCHED = 0xFF  # as floats: nan


def compiled_kernels(library: Path) -> None:
    """The kernels for this processor, whose products are rounded as the host kernels'."""
    flags = ["-march=native", "-ffp-contract=off", "-Wno-unknown-pragmas"]
    compile_library(library, *flags, "-include", HEADER, "-x", "c++", cuda.source_folder() / cuda.SOURCE)


def compiled_driver(library: Path, is_linked: bool = False) -> None:
    """A libcuda.so.1 that is none; see driver.cpp.

    is_linked  for PyCUDA, which is linked and does not look functions up: also by the names of their versions,
               and all others that it names, each of which fails
    """
    source = HEADER.with_name("driver.cpp")
    if is_linked:
        defined = set(re.findall(r"^EXPORT (cu\w+)", source.read_text(), re.MULTILINE))
        lines = [f'#include "{source}"']
        for name in sorted(named_by_pycuda() - defined):
            base = re.sub(r"_v\d+$", "", name)
            body = f'__attribute__((alias("{base}")));' if base in defined else "{ return 801; }"
            lines.append(f"EXPORT {name}() {body}")
        source = library.with_suffix(".cpp")
        source.write_text("\n".join(lines) + "\n")
    compile_library(library, "-w", source, "-ldl")


def named_by_pycuda() -> set[str]:
    """The driver's functions that PyCUDA is linked to."""
    package = importlib.util.find_spec("pycuda")
    (extension,) = Path(package.origin).parent.glob("_driver*.so")
    listed = subprocess.run(["nm", "-D", "--undefined-only", extension], check=True, capture_output=True, text=True)
    return set(re.findall(r" (cu[A-Z]\w+)", listed.stdout))


def compile_library(library: Path, *arguments: str | Path) -> None:
    compiler = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        raise BackendError("the emulated device needs a C++ compiler")
    subprocess.run([compiler, "-std=c++17", "-O1", "-shared", "-fPIC", *arguments, "-o", library], check=True)


class Closing:
    def close(self) -> None:
        pass

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class EmulatedBlock(Closing):
    def __init__(self, device: "EmulatedDevice", nbytes: int) -> None:
        self.device, self.nbytes, self.is_open = device, nbytes, True
        self._memory = np.full(nbytes + 2 * GUARD + ALIGNMENT, UNTOUCHED, np.uint8)
        self._start = GUARD + -(self._memory.ctypes.data + GUARD) % ALIGNMENT
        self.address = self._memory.ctypes.data + self._start

    def bytes(self) -> np.ndarray:
        return self._memory[self._start : self._start + self.nbytes]

    def close(self) -> None:
        if self.is_open:
            outside = self._memory[: self._start], self._memory[self._start + self.nbytes :]
            assert all((part == UNTOUCHED).all() for part in outside), "a kernel wrote outside its block"
            self.is_open = False
            self.device.blocks.remove(self)


class EmulatedPinned(Closing):
    def __init__(self, nbytes: int) -> None:
        self.array = np.zeros(nbytes, np.uint8)


class EmulatedGraph(Closing):
    def __init__(self, calls: list[Callable[[], None]]) -> None:
        self.calls = calls

    def launch(self, stream: "EmulatedStream") -> None:
        for call in self.calls:
            stream.enqueue(call)


class EmulatedEvent(Closing):
    at_s = 0.0

    def record(self, stream: "EmulatedStream") -> None:
        self.at_s = perf_counter()

    def wait(self) -> None:
        pass

    def ms_since(self, earlier: "EmulatedEvent") -> float:
        return 1e3 * (self.at_s - earlier.at_s)


class EmulatedStream(Closing):
    """Runs what is enqueued at once, or keeps it while a graph is captured."""

    def __init__(self, device: "EmulatedDevice") -> None:
        self.device, self.handle = device, 1
        self._captured: list[Callable[[], None]] | None = None

    def enqueue(self, call: Callable[[], None]) -> None:
        self.device.check()
        if self._captured is None:
            call()
        else:
            self._captured.append(call)

    def copy_in(self, address: int, host: np.ndarray) -> None:
        self.enqueue(lambda: ctypes.memmove(address, host.ctypes.data, host.nbytes))

    def copy_out(self, host: np.ndarray, address: int) -> None:
        self.enqueue(lambda: ctypes.memmove(host.ctypes.data, address, host.nbytes))

    def copy(self, to: int, address: int, nbytes: int) -> None:
        self.enqueue(lambda: ctypes.memmove(to, address, nbytes))

    def clear(self, address: int, nbytes: int) -> None:
        self.enqueue(lambda: ctypes.memset(address, 0, nbytes))

    def capture(self, enqueue: Callable[[], None]) -> EmulatedGraph:
        self._captured = []
        try:
            enqueue()
            return EmulatedGraph(self._captured)
        finally:
            self._captured = None

    def wait(self) -> None:
        self.device.check()


class EmulatedKernels(Closing):
    def __init__(self, device: "EmulatedDevice") -> None:
        self.device = device

    def launch(self, launch: cuda.Launch, stream: EmulatedStream) -> None:
        argument = type(launch.argument).from_buffer_copy(launch.argument)  # as a driver does, when called
        kernel = getattr(self.device.functions, f"stillwave_{launch.kernel}")
        self.device.launched.append(launch.kernel)
        stream.enqueue(lambda: kernel(ctypes.byref(argument), ctypes.c_uint(launch.blocks)))


class EmulatedDevice(Closing):
    """`fail_after(n)` makes everything fail, as after an illegal address, from the n-th call on."""

    name, index, compute_capability, is_integrated = "emulated on the processor, no GPU", 0, 87, False
    dlpack_kind = 1  # its memory is the host's

    def __init__(self, library: ctypes.CDLL, total_bytes: int = 2**31) -> None:
        self.functions, self.total_bytes = library, total_bytes
        self.blocks: list[EmulatedBlock] = []
        self.launched: list[str] = []
        self._calls_left: int | None = None

    def fail_after(self, calls: int | None) -> None:
        self._calls_left = calls

    def check(self) -> None:
        if self._calls_left is not None:
            self._calls_left -= 1
            if self._calls_left < 0:
                raise BackendError("emulated failure of the device")

    def memory(self) -> tuple[int, int]:
        return self.total_bytes - sum(block.nbytes for block in self.blocks), self.total_bytes

    def make_current(self) -> None:
        pass

    def block(self, nbytes: int) -> EmulatedBlock:
        if nbytes > self.memory()[0]:
            raise BudgetError(f"the emulated device has not {nbytes} bytes")
        self.blocks.append(EmulatedBlock(self, nbytes))
        return self.blocks[-1]

    def pinned(self, nbytes: int) -> EmulatedPinned:
        return EmulatedPinned(nbytes)

    def stream(self) -> EmulatedStream:
        return EmulatedStream(self)

    def event(self) -> EmulatedEvent:
        return EmulatedEvent()

    def kernels(self, image: bytes) -> EmulatedKernels:
        return EmulatedKernels(self)


class HostEngine(Closing):
    """A network of ONNX Runtime on the emulated device's memory. No workspace of the caller is used."""

    workspace_bytes = 4096

    def __init__(self, network: bytes, name: str, sizes: dict[str, int], is_capturable: bool = True) -> None:
        from stillwave.runtime.ort_engine import OrtEngine

        self.is_capturable = is_capturable
        self._engine = OrtEngine(network, name, sizes, 1, 0)
        self.inputs, self.outputs = self._engine.inputs, self._engine.outputs

    def bind(self, workspace: int, **addresses: int) -> None:
        assert all(address % ALIGNMENT == 0 for address in (workspace, *addresses.values()))
        specs = self.inputs + self.outputs
        arrays = {s.name: array_at(addresses.pop(s.name), shape_at(s.shape, {}), s.dtype) for s in specs}
        assert not addresses, "addresses of no input or output"
        self._engine.bind(**arrays)

    def enqueue(self, stream: EmulatedStream) -> None:
        if isinstance(stream, EmulatedStream):
            stream.enqueue(self._engine.run)
        else:  # of driver.cpp, which runs everything at once
            self._engine.run()

    def close(self) -> None:
        self._engine.close()


class HostEngines:
    """In the place of runtime/device_engines.py."""

    def __init__(self, backend: str, device: EmulatedDevice, stream: EmulatedStream, memory_limit: int) -> None:
        self.is_capturable = isinstance(stream, EmulatedStream)

    def open(self, network: bytes, name: str, sizes: dict[str, int], precision: str, profile: Any) -> HostEngine:
        return HostEngine(network, name, sizes, self.is_capturable)


def array_at(address: int, shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    """What lies at an address of the emulated device."""
    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_uint8 * nbytes).from_address(address), dtype).reshape(shape)
