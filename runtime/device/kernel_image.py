"""The CUDA kernels as a driver loads them: the fatbin that was built with the package, or compiled here, once."""

import hashlib
import importlib
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from stillwave.kernels import cuda

from ..engine_cache import EngineCache, EngineKey
from ..errors import BackendError

logger = logging.getLogger(__name__)

OPTIONS = ("--std=c++17", "--fmad=false")  # as CMakeLists.txt; the second for the host's bits


def kernel_image(compute_capability: int, cache: EngineCache | None = None) -> bytes:
    """For a device of this compute capability, such as 87. What is compiled is kept among this user's engines."""
    for folder in sys.modules[cuda.__package__].__path__:
        if (fatbin := Path(folder, cuda.FATBIN)).is_file():
            image = fatbin.read_bytes()
            if made_of().encode() in image:
                return image
            logger.warning("%s was made of other sources; they are compiled again. Install stillwave anew", fatbin)
    cache, key = cache or EngineCache(), _key(compute_capability)
    with cache.building(key):
        kept = cache.find(key)
        if kept is None:
            kept = compiled(compute_capability)
            cache.keep(key, kept)
    return kept


def _key(compute_capability: int) -> EngineKey:
    nvrtc, digest = _nvrtc(), hashlib.sha256(repr(OPTIONS).encode())
    for name, text in sorted(sources().items()):
        digest.update(f"\0{name}\0{len(text)}\0".encode() + text)
    version = ".".join(map(str, _checked(nvrtc, nvrtc.nvrtcVersion())))
    return EngineKey("kernels", digest.hexdigest(), "", "nvrtc", version, "", (compute_capability,), "")


def compiled(compute_capability: int) -> bytes:
    """By NVRTC, from the package's sources alone; needs neither toolkit nor driver."""
    nvrtc = _nvrtc()
    texts = sources()
    main = texts.pop(cuda.SOURCE)
    names, contents = [name.encode() for name in texts], list(texts.values())
    (program,) = _checked(nvrtc, nvrtc.nvrtcCreateProgram(main, cuda.SOURCE.encode(), len(names), contents, names))
    options = [option.encode() for option in (*OPTIONS, f"--gpu-architecture=sm_{compute_capability}")]
    status = nvrtc.nvrtcCompileProgram(program, len(options), options)[0]
    if status != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        log = b" " * _checked(nvrtc, nvrtc.nvrtcGetProgramLogSize(program))[0]
        nvrtc.nvrtcGetProgramLog(program, log)
        told = log.decode(errors="replace").strip(" \0\n")
        raise BackendError(
            f"NVRTC could not compile the kernels for sm_{compute_capability}: {told}; "
            "install an nvidia-cuda-nvrtc that knows this device"
        )
    cubin: bytes = b" " * _checked(nvrtc, nvrtc.nvrtcGetCUBINSize(program))[0]
    _checked(nvrtc, nvrtc.nvrtcGetCUBIN(program, cubin))
    nvrtc.nvrtcDestroyProgram(program)
    return cubin


def sources() -> dict[str, bytes]:
    """The CUDA sources and the headers they share with the host, by name."""
    folder = cuda.source_folder()
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".cu", ".h")}


def made_of() -> str:
    """The name that a fatbin of these sources has in it; CMakeLists.txt makes the same."""
    texts = (text for name, text in sources().items() if not name.endswith(("_host.h", "pool.h")))
    hashes = sorted(hashlib.sha256(text).hexdigest() for text in texts)
    return f"stillwave_sources_{hashlib.sha256(';'.join(hashes).encode()).hexdigest()}"


def _nvrtc() -> ModuleType:
    try:
        nvrtc = importlib.import_module("cuda.bindings.nvrtc")
        nvrtc.nvrtcVersion()
    except (ImportError, RuntimeError) as error:  # no library: cuda-pathfinder's error is a RuntimeError
        raise BackendError(
            f"this installation has no compiled CUDA kernels, and no NVRTC to compile them ({error}); "
            "pip install 'stillwave[gpu]', or reinstall stillwave with nvcc on PATH"
        ) from error
    return nvrtc


def _checked(nvrtc: ModuleType, result: tuple[Any, ...]) -> tuple[Any, ...]:
    if result[0] != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise BackendError(f"NVRTC failed: {result[0]}; reinstall nvidia-cuda-nvrtc")
    return result[1:]
