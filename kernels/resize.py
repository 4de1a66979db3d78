"""Motion and maps on another grid: Catmull-Rom, edges clamped, pixel centres aligned."""

from __future__ import annotations

import numpy as np

from stillwave.kernels import _library, reference
from stillwave.kernels.checks import Float, readable, separate, writable


def resize_motion(motion: Float, out: Float, *, threads: int = 0) -> Float:
    """Motion (h, w, 2) px on another grid: `out` (H, W, 2) px, x times W / w and y times H / h."""
    motion = readable("motion", motion, (None, None, 2), np.float32)
    height, width = _check_out(out, (2,))
    if motion.size == 0 and out.size > 0:
        raise ValueError(f"motion is empty {motion.shape}; nothing to interpolate")
    scale = (width / max(motion.shape[1], 1), height / max(motion.shape[0], 1))
    return _resize("motion", motion, out, scale, threads)


def resize_map(weight: Float, out: Float, *, threads: int = 0) -> Float:
    """A map (h, w) on another grid: `out` (H, W), values kept."""
    weight = readable("weight", weight, (None, None), np.float32)
    _check_out(out, ())
    if weight.size == 0 and out.size > 0:
        raise ValueError(f"weight is empty {weight.shape}; nothing to interpolate")
    return _resize("weight", weight, out, (1.0,), threads)


def _check_out(out: Float, tail: tuple[int, ...]) -> tuple[int, int]:
    if not isinstance(out, np.ndarray) or out.ndim != 2 + len(tail):
        raise ValueError("out must be a float32 array whose shape says the new size; np.empty one")
    height, width = out.shape[:2]
    writable("out", out, (height, width, *tail), np.float32)
    return height, width


def _resize(name: str, field: Float, out: Float, scale: tuple[float, ...], threads: int) -> Float:
    separate("out", out, **{name: field})
    threads = _library.thread_count(threads)
    if out.size == 0:
        return out
    kernels = _library.kernels()
    if kernels is None:
        channels = len(scale)
        reference.resize(field.reshape(*field.shape[:2], channels), out.reshape(*out.shape[:2], channels), scale)
        return out
    status = kernels.resize(
        *(field.ctypes.data, out.ctypes.data, *field.shape[:2], *out.shape[:2]),
        *(len(scale), scale[0], scale[-1], threads),
    )
    _library.check(status)
    return out
