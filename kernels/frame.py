"""Network output to picture: interleaved bytes, or NV12 as video encoders want it."""

from __future__ import annotations

import numpy as np

from stillwave.kernels import _library, reference
from stillwave.kernels.checks import Array, Float, readable, separate, writable


def frame_from_planes(planes: Float, out: Array | None = None, *, threads: int = 0) -> Array:
    """Interleaved bytes: clamped, rounded half to even, nan is 0.

    planes  (3, H, W) float32, 0..1
    out     (H, W, 3) uint8
    """
    planes = readable("planes", planes, (3, None, None), np.float32)
    _, height, width = planes.shape
    out = writable("out", out, (height, width, 3), np.uint8)
    separate("out", out, planes=planes)
    threads = _library.thread_count(threads)
    kernels = _library.kernels()
    if kernels is None:
        reference.frame_from_planes(planes, out)
        return out
    _library.check(kernels.frame(planes.ctypes.data, out.ctypes.data, height * width, threads))
    return out


def nv12_from_planes(planes: Float, out: Array | None = None, *, threads: int = 0) -> Array:
    """Luma, then pairs of chroma for 2 x 2 pixels: BT.709, limited range, rounded half to even.

    planes  (3, H, W) float32, 0..1; H and W even
    out     (3 H / 2, W) uint8
    """
    planes = readable("planes", planes, (3, None, None), np.float32)
    _, height, width = planes.shape
    if height % 2 or width % 2:
        raise ValueError(f"NV12 has even sides, got {width} x {height}; crop first")
    out = writable("out", out, (height * 3 // 2, width), np.uint8)
    separate("out", out, planes=planes)
    threads = _library.thread_count(threads)
    kernels = _library.kernels()
    if kernels is None:
        reference.nv12_from_planes(planes, out)
        return out
    _library.check(kernels.nv12(planes.ctypes.data, out.ctypes.data, height, width, threads))
    return out
