"""The CUDA kernels as a driver loads them: the fatbin that was built with the package, or compiled here, once."""

import hashlib
import importlib
import os
import stat
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from stillwave.kernels import cuda

from .errors import BackendError, EngineCacheError
from .output import atomic_output

OPTIONS = ("--std=c++17", "--fmad=false")  # as CMakeLists.txt; the second for the host's bits


def kernel_image(compute_capability: int) -> bytes:
    """For a device of this compute capability, such as 87. What is compiled is kept in a private folder."""
    for folder in sys.modules[cuda.__package__].__path__:
        if (fatbin := Path(folder, cuda.FATBIN)).is_file():
            return fatbin.read_bytes()
    nvrtc = _nvrtc()
    version = _checked(nvrtc, nvrtc.nvrtcVersion())
    key = hashlib.sha256(repr((compute_capability, version, OPTIONS)).encode())
    for name, text in sorted(sources().items()):
        key.update(name.encode() + b"\0" + text + b"\0")
    path = private_folder() / f"{key.hexdigest()}.cubin"
    if not path.is_file():
        with atomic_output(path) as unfinished:
            unfinished.write_bytes(compiled(compute_capability))
    return path.read_bytes()


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
    cubin = b" " * _checked(nvrtc, nvrtc.nvrtcGetCUBINSize(program))[0]
    _checked(nvrtc, nvrtc.nvrtcGetCUBIN(program, cubin))
    nvrtc.nvrtcDestroyProgram(program)
    return cubin


def sources() -> dict[str, bytes]:
    """The CUDA sources and the headers they share with the host, by name."""
    folder = cuda.source_folder()
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".cu", ".h")}


def private_folder() -> Path:
    """Compiled kernels are code: a folder that is this user's alone, or `EngineCacheError`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base, "stillwave", "kernels")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    is_private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
    if os.name == "posix" and not (is_private and status.st_uid == os.getuid()):
        raise EngineCacheError(f"{folder}: others than you may write or read it; remove it, or chmod 700")
    return folder


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
