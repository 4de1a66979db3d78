"""A device by NVIDIA's own binding, cuda-bindings: its calls are the driver's, each with a status."""

import ctypes
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from stillwave.kernels.cuda import THREADS, Launch

from ..errors import BackendError, BudgetError
from ..memory import format_bytes

NON_BLOCKING, PORTABLE = 1, 1  # flags of a stream, of pinned memory
RELAXED = 2  # capture: other threads may use the device meanwhile
# What leaves a context of no further use: uncorrectable memory, illegal address, failed or too long launch, ...
FATAL = {214, 220, 700, 702, 710, *range(714, 720)}


class Driver:
    """The driver's functions, each status checked."""

    def __init__(self) -> None:
        self.api: Any = importlib.import_module("cuda.bindings.driver")
        self.is_broken = False

    def __call__(self, function: str, *arguments: Any) -> Any:
        """The result of one call; a `BackendError` says what failed, of the device or of this call."""
        status, *results = getattr(self.api, function)(*arguments)
        self.check(function, status)
        return results[0] if len(results) == 1 else tuple(results)

    def check(self, function: str, status: Any) -> None:
        if status != self.api.CUresult.CUDA_SUCCESS:
            self.is_broken |= int(status) in FATAL
            message = self.api.cuGetErrorString(status)[1]
            text = message.decode() if isinstance(message, bytes) else "unknown error"
            if status == self.api.CUresult.CUDA_ERROR_OUT_OF_MEMORY:  # the device's, or pinned memory of the host
                raise BudgetError(f"{function} failed: {text}; choose a smaller size, or close what else takes memory")
            raise BackendError(f"{function} failed: {status.name}, {text}; close this animator and make another")

    def quietly(self, function: str, *arguments: Any) -> None:
        """Release something: after an error of the device this fails too, which says nothing new."""
        getattr(self.api, function)(*arguments)


class Closing:
    """Released once, by `release`."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release

    def close(self) -> None:
        release, self._release = self._release, None
        if release:
            release()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class CudaBlock(Closing):
    def __init__(self, driver: Driver, nbytes: int) -> None:
        status, pointer = driver.api.cuMemAlloc(nbytes)
        if status == driver.api.CUresult.CUDA_ERROR_OUT_OF_MEMORY:
            free, total = (format_bytes(int(amount)) for amount in driver("cuMemGetInfo"))
            raise BudgetError(
                f"the device has not the {format_bytes(nbytes)} asked for, {free} of {total} are free; "
                "choose a smaller size, or close what else uses it"
            )
        driver.check("cuMemAlloc", status)
        self.address, self.nbytes = int(pointer), nbytes
        super().__init__(lambda: driver.quietly("cuMemFree", pointer))


class CudaPinned(Closing):
    def __init__(self, driver: Driver, nbytes: int) -> None:
        address = int(driver("cuMemHostAlloc", nbytes, PORTABLE))
        self.array: npt.NDArray[np.uint8] = np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(address))
        super().__init__(lambda: driver.quietly("cuMemFreeHost", address))


class CudaGraph(Closing):
    def __init__(self, driver: Driver, graph: Any) -> None:
        try:
            self._executable = driver("cuGraphInstantiate", graph, 0)
        finally:
            driver.quietly("cuGraphDestroy", graph)
        self._driver = driver
        super().__init__(lambda: driver.quietly("cuGraphExecDestroy", self._executable))

    def launch(self, stream: Any) -> None:
        self._driver("cuGraphLaunch", self._executable, stream.stream)


class CudaEvent(Closing):
    def __init__(self, driver: Driver) -> None:
        self._driver, self._event = driver, driver("cuEventCreate", 0)
        super().__init__(lambda: driver.quietly("cuEventDestroy", self._event))

    def record(self, stream: Any) -> None:
        self._driver("cuEventRecord", self._event, stream.stream)

    def wait(self) -> None:
        self._driver("cuEventSynchronize", self._event)

    def ms_since(self, earlier: Any) -> float:
        return float(self._driver("cuEventElapsedTime", earlier._event, self._event))


class CudaStream(Closing):
    def __init__(self, driver: Driver) -> None:
        self._driver, self.stream = driver, driver("cuStreamCreate", NON_BLOCKING)
        self.handle = int(self.stream)
        super().__init__(lambda: driver.quietly("cuStreamDestroy", self.stream))

    def copy_in(self, address: int, host: npt.NDArray[Any]) -> None:
        self._driver("cuMemcpyHtoDAsync", address, host.ctypes.data, host.nbytes, self.stream)

    def copy_out(self, host: npt.NDArray[Any], address: int) -> None:
        self._driver("cuMemcpyDtoHAsync", host.ctypes.data, address, host.nbytes, self.stream)

    def copy(self, to: int, address: int, nbytes: int) -> None:
        self._driver("cuMemcpyDtoDAsync", to, address, nbytes, self.stream)

    def clear(self, address: int, nbytes: int) -> None:
        self._driver("cuMemsetD8Async", address, 0, nbytes, self.stream)

    def capture(self, enqueue: Callable[[], None]) -> CudaGraph:
        mode = self._driver.api.CUstreamCaptureMode(RELAXED)
        self._driver("cuStreamBeginCapture", self.stream, mode)
        try:
            enqueue()
        except BaseException:
            self._driver.quietly("cuStreamEndCapture", self.stream)
            raise
        return CudaGraph(self._driver, self._driver("cuStreamEndCapture", self.stream))

    def wait(self) -> None:
        self._driver("cuStreamSynchronize", self.stream)


class CudaKernels(Closing):
    def __init__(self, driver: Driver, image: bytes) -> None:
        self._driver, self._functions = driver, dict[str, Any]()
        held = ctypes.create_string_buffer(image)  # ends in 0, as PTX must
        module = driver("cuModuleLoadData", ctypes.addressof(held))
        self._module = module
        super().__init__(lambda: driver.quietly("cuModuleUnload", module))

    def launch(self, launch: Launch, stream: Any) -> None:
        function = self._functions.get(launch.kernel)
        if function is None:
            function = self._driver("cuModuleGetFunction", self._module, f"stillwave_{launch.kernel}".encode())
            self._functions[launch.kernel] = function
        pointers = (ctypes.c_void_p * 1)(ctypes.addressof(launch.argument))  # read before the call returns
        grid = (launch.blocks, 1, 1, THREADS, 1, 1, 0)
        self._driver("cuLaunchKernel", function, *grid, stream.stream, ctypes.addressof(pointers), 0)


class CudaDevice(Closing):
    """The device's primary context, shared with torch or onnxruntime where they use it too."""

    def __init__(self, index: int) -> None:
        self._driver = driver = Driver()
        driver("cuInit", 0)
        count = int(driver("cuDeviceGetCount"))
        if not 0 <= index < count:
            raise BackendError(f"no CUDA device {index}, the driver reports {count}; see nvidia-smi")
        self.index, device = index, driver("cuDeviceGet", index)
        self.name = driver("cuDeviceGetName", 256, device).decode().rstrip("\0")
        attributes = driver.api.CUdevice_attribute
        major, minor, integrated = (
            int(driver("cuDeviceGetAttribute", getattr(attributes, f"CU_DEVICE_ATTRIBUTE_{name}"), device))
            for name in ("COMPUTE_CAPABILITY_MAJOR", "COMPUTE_CAPABILITY_MINOR", "INTEGRATED")
        )
        self.compute_capability, self.is_integrated = 10 * major + minor, bool(integrated)
        self._context = driver("cuDevicePrimaryCtxRetain", device)
        super().__init__(lambda: self._leave(device))
        self.make_current()

    def _leave(self, device: Any) -> None:
        """A broken context is destroyed, whoever else holds it, so that another can be made in this process."""
        self._driver.quietly("cuDevicePrimaryCtxRelease", device)
        if self._driver.is_broken:
            self._driver.quietly("cuDevicePrimaryCtxReset", device)

    def memory(self) -> tuple[int, int]:
        free, total = self._driver("cuMemGetInfo")
        return int(free), int(total)

    def make_current(self) -> None:
        self._driver("cuCtxSetCurrent", self._context)

    def block(self, nbytes: int) -> CudaBlock:
        return CudaBlock(self._driver, nbytes)

    def pinned(self, nbytes: int) -> CudaPinned:
        return CudaPinned(self._driver, nbytes)

    def stream(self) -> CudaStream:
        return CudaStream(self._driver)

    def event(self) -> CudaEvent:
        return CudaEvent(self._driver)

    def kernels(self, image: bytes) -> CudaKernels:
        return CudaKernels(self._driver, image)
