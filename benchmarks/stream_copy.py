"""The fastest copy a processor knows, past its caches: what kernels bound by memory are measured by."""

import ctypes
import subprocess
import tempfile
from pathlib import Path
from typing import Any


def stream_copy() -> Any:
    """The C++ copy beside this file, compiled for this processor."""
    source = Path(__file__).with_name("stream_copy.cpp")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "stream_copy.so")
        flags = ["-O3", "-march=native", "-shared", "-fPIC"]
        subprocess.run(["c++", *flags, source, "-o", library], check=True)
        copy = ctypes.CDLL(str(library)).stream_copy
    copy.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    copy.restype = None
    return lambda a, b: copy(a.ctypes.data, b.ctypes.data, min(a.nbytes, b.nbytes) // 64 * 64)
