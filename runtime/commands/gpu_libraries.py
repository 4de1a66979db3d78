"""What of NVIDIA's is installed, for `stillwave doctor`: name, status and detail of each part."""

import re
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..device.contract import check_driver
from ..engine_cache import EngineCache
from ..errors import BackendError, EngineCacheError
from ..memory import format_bytes
from ..trt_library import MODULES, trt_library

Part = tuple[str, str, str]

BOARD = Path("/proc/device-tree/model")
RELEASE = Path("/etc/nv_tegra_release")  # of Jetson's system, L4T
PACKAGES = ("cuda-bindings", "pycuda", "nvidia-cuda-nvrtc", "onnxruntime-gpu")


def gpu_libraries() -> Iterator[Part]:
    """The driver, the board, every library that a GPU backend could use, and the engines built so far."""
    try:
        check_driver()
        yield "NVIDIA driver", "ok", "found"
    except BackendError as error:
        yield "NVIDIA driver", "missing", str(error)
    if RELEASE.exists():
        yield from _jetson()
    for backend in MODULES:
        try:
            library = trt_library(backend)
        except BackendError as error:
            yield f"library {backend}", "missing", str(error)
            continue
        targets = ", ".join(f"sm_{target}" for target in library.targets())
        yield f"library {backend}", "ok", f"{library}" + (f"; builds ahead of time for {targets}" if targets else "")
    yield from _packages()
    yield from _onnx_runtime()
    yield _engines()


def _jetson() -> Iterator[Part]:
    board = _text(BOARD).strip("\0 \n") or "unknown board"
    release = re.search(r"R(\d+).*?REVISION: ([\d.]+)", _text(RELEASE))
    system = f"L4T {release[1]}.{release[2]}" if release else "L4T of unknown release"
    yield "Jetson", "ok", f"{board}, {system}; the backend to use is tensorrt, from JetPack (docs/engines.md)"
    if _version("onnxruntime-gpu"):
        yield (
            "onnxruntime-gpu",
            "warning",
            "the one on PyPI has no kernels for Jetson's GPUs; pip uninstall onnxruntime-gpu, pip install "
            "'stillwave[cpu]', and use --backend tensorrt",
        )


def _packages() -> Iterator[Part]:
    for package in PACKAGES:
        found = _version(package)
        if found:
            yield f"package {package}", "ok", found


def _onnx_runtime() -> Iterator[Part]:
    """Which of ONNX Runtime's two packages answers, and what they overwrite of each other."""
    if _version("onnxruntime") and _version("onnxruntime-gpu"):
        yield (
            "onnxruntime",
            "warning",
            "onnxruntime and onnxruntime-gpu overwrite each other; pip uninstall onnxruntime onnxruntime-gpu, then "
            "install the one you want: 'stillwave[cpu]' or 'stillwave[gpu]'",
        )
        return
    try:
        ort = import_module("onnxruntime")
    except ImportError:
        yield "onnxruntime", "missing", "pip install 'stillwave[cpu]', or 'stillwave[gpu]' for the cuda backend"
        return
    providers = ", ".join(name.removesuffix("ExecutionProvider") for name in ort.get_available_providers())
    yield "onnxruntime", "ok", f"{ort.__version__}, providers {providers}"


def _engines() -> Part:
    cache = EngineCache()
    try:
        headers = cache.headers()
    except EngineCacheError as error:
        return "engines", "warning", str(error)
    total = format_bytes(sum(header.bytes for header in headers))
    return "engines", "ok", f"{len(headers)} in {cache.folder}, {total}" if headers else "none built yet"


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
