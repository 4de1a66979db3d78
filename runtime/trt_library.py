"""TensorRT as it is installed here: the standard library 10 or 11, or TensorRT-RTX. They share an interface;
what one of them lacks is asked for by name, never concluded from its version.
"""

import importlib
import logging
from dataclasses import dataclass
from typing import Any

from .errors import BackendError

logger = logging.getLogger(__name__)

MODULES = {"tensorrt": ("tensorrt",), "tensorrt-rtx": ("tensorrt_rtx", "tensorrt_rtx_bindings")}
REMEDIES = {
    "tensorrt": "pip install 'stillwave[tensorrt]'; on Jetson it comes with JetPack (apt install python3-libnvinfer, "
    "and a virtual environment made with --system-site-packages)",
    "tensorrt-rtx": "pip install 'stillwave[tensorrt-rtx]', for desktop GPUs of compute capability 7.5 and later",
}
NEEDED = ("Builder", "OnnxParser", "Runtime", "ExecutionContextAllocationStrategy")  # 10.0 and later


@dataclass(frozen=True)
class TrtLibrary:
    """`trt` is the module; `backend` the name that people use for it."""

    backend: str
    trt: Any

    @property
    def version(self) -> str:
        return str(self.trt.__version__)

    def targets(self) -> tuple[int, ...]:
        """Compute capabilities it builds for without such a GPU, 86 for 8.6: TensorRT-RTX only."""
        offered = getattr(self.trt, "ComputeCapability", None)
        names = dir(offered) if offered is not None else []
        return tuple(sorted(int(n[2:]) for n in names if n.startswith("SM") and n[2:].isdecimal()))

    def __str__(self) -> str:
        return f"{'TensorRT-RTX' if self.backend == 'tensorrt-rtx' else 'TensorRT'} {self.version}"


def trt_library(backend: str) -> TrtLibrary:
    """The library of this backend, or a `BackendError` that says how to install it."""
    reasons = []
    for module in MODULES[backend]:
        try:
            trt = importlib.import_module(module)
        except (ImportError, OSError) as error:  # bindings without their libraries fail in either way
            reasons.append(str(error))
            continue
        missing = [name for name in NEEDED if not hasattr(trt, name)]
        if missing:
            raise BackendError(
                f"{backend} {getattr(trt, '__version__', '?')} has no {missing[0]}; stillwave needs 10.0 or later"
            )
        return TrtLibrary(backend, trt)
    raise BackendError(f"no {backend} here ({reasons[0]}); {REMEDIES[backend]}")


def trt_logger(trt: Any, messages: list[str]) -> Any:
    """Errors and warnings go into `messages`, the rest to the log."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.ERROR:
                messages.append(message)
            logger.debug("%s", message)

    return Logger()
