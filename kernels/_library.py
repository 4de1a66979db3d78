"""The compiled kernels, found and bound at first use."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INTERFACE = 4  # changes with _SIGNATURES, together with processor.cpp
NON_FINITE = 1
ISA_ORDER = ("avx512", "avx2", "neon", "baseline")
THREAD_LIMIT = 64

_POINTER = ctypes.c_void_p
_INT = ctypes.c_int
_LONG = ctypes.c_int64
_FLOAT = ctypes.c_float
# Argument types of each launcher.
_SIGNATURES: dict[str, list[Any]] = {
    "splat": [_POINTER, _INT, *[_POINTER] * 3, _INT, _POINTER, *[_INT] * 5, _FLOAT, _INT],
    "block": [*[_POINTER] * 3, _LONG, _INT, _FLOAT, _INT],
    "motion": [*[_POINTER] * 4, _LONG, *[_INT] * 3],
    "motion_planar": [*[_POINTER] * 3, _LONG, *[_INT] * 2],
    "mean_magnitude": [*[_POINTER] * 4, _LONG, *[_INT] * 3],
    "resize": [*[_POINTER] * 2, *[_INT] * 5, *[_FLOAT] * 2, _INT],
    "frame": [*[_POINTER] * 2, _LONG, _INT],
    "nv12": [*[_POINTER] * 2, *[_INT] * 3],
    "ddim": [*[_POINTER] * 4, _LONG, _POINTER, _INT],
}


@dataclass(frozen=True)
class Kernels:
    """The launchers compiled for one instruction set. Each returns a status, 0 for success."""

    isa: str
    splat: Any
    block: Any
    motion: Any
    motion_planar: Any
    mean_magnitude: Any
    resize: Any
    frame: Any
    nv12: Any
    ddim: Any


@functools.lru_cache(maxsize=1)
def load() -> ctypes.CDLL | None:
    """The shared library, or None where the package was built without a compiler."""
    # An editable install keeps the library apart from the sources: the package has two folders.
    for folder in sys.modules[__package__].__path__:
        for name in ("libstillwave_kernels.so", "libstillwave_kernels.dylib"):
            path = Path(folder, name)
            if path.is_file():
                return _checked(ctypes.CDLL(str(path)), path)
    return None


def _checked(loaded: ctypes.CDLL, path: Path) -> ctypes.CDLL:
    """Refuse a library of other sources, as in an editable install: its launchers take other arguments."""
    found = loaded.stillwave_interface() if hasattr(loaded, "stillwave_interface") else 0
    if found != INTERFACE:
        raise RuntimeError(f"{path} has interface {found}, these sources have {INTERFACE}; install them again")
    return loaded


@functools.cache
def kernels(isa: str | None = None) -> Kernels | None:
    """The launchers for `isa`, or for the best this processor has; None means the reference.

    The choice is made once. Tests and benchmarks name another by `isa`.
    """
    loaded = load()
    if loaded is None or isa == "reference":
        if isa is None:
            warnings.warn(
                "stillwave.kernels was built without a compiler and runs the numpy reference, "
                "about 20 times slower; install a C++ compiler and run "
                "`pip install --force-reinstall --no-binary stillwave stillwave`",
                RuntimeWarning,
                stacklevel=3,
            )
        return None
    chosen = isa or available()[0]
    launchers = {}
    for name, signature in _SIGNATURES.items():
        launcher = getattr(loaded, f"stillwave_{name}_{chosen}")
        launcher.argtypes = signature
        launcher.restype = ctypes.c_int
        launchers[name] = launcher
    return Kernels(chosen, **launchers)


def available() -> list[str]:
    """Instruction sets that were compiled in and that this processor runs, best first."""
    loaded = load()
    if loaded is None:
        return []
    loaded.stillwave_supports.argtypes = [ctypes.c_char_p]
    return [isa for isa in ISA_ORDER if loaded.stillwave_supports(isa.encode())]


def thread_count(threads: int) -> int:
    """`threads`, or one for each usable core when it is 0."""
    if threads < 0:
        raise ValueError(f"threads must be 0 (one a core) or more, got {threads}")
    return min(threads or default_threads(), THREAD_LIMIT)


@functools.lru_cache(maxsize=1)
def default_threads() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check(status: int) -> None:
    """Refuse any status but success: arguments were checked before, so it is a bug of ours."""
    if status != 0:
        raise RuntimeError(f"a kernel returned status {status}; please report it with its shapes")


def build_info() -> dict[str, Any]:
    """What was built and what runs: extension, isa, compiler, threads_default."""
    loaded = load()
    if loaded is None:
        compiler, isa = "none", "reference"
    else:
        loaded.stillwave_compiler.restype = ctypes.c_char_p
        compiler, isa = loaded.stillwave_compiler().decode(), available()[0]
    return {
        "extension": loaded is not None,
        "isa": isa,
        "compiler": compiler,
        "threads_default": default_threads(),
    }
