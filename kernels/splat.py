"""Softmax splatting: every pixel moves forward and is shared by the four it lands between."""

from __future__ import annotations

import math

import numpy as np

from stillwave.kernels import _library, reference
from stillwave.kernels.checks import PIXEL_LIMIT, Array, Float, finite, readable, separate, writable


def splat(
    features: Array,
    motion: Float,
    weight: Float,
    out: Array | None = None,
    *,
    rows: tuple[int, int] | None = None,
    cover: float = math.inf,
    threads: int = 0,
    workspace: Array | None = None,
) -> Array:
    """Features moved by `motion`; where several land, the softmax of `weight` decides.

    features   (H, W, C) float16 or float32
    motion     (H, W, 2) float32, px; x right, then y down
    weight     (H, W)    float32; importance is exp(weight), for any finite weight
    out        (H, W, C) float16 or float32, the dtype of `features` if None; 0 where nothing lands
    rows       (r0, r1)  only these output rows, from all sources; `out` is then (r1 - r0, W, C)
    cover      where sources land on less than 1 / cover of a pixel's area, `out` fades to 0; by default it never does
    workspace  uint8, at least `splat_workspace_bytes(H, W)`; None allocates
    """
    features = readable("features", features, (None, None, None), np.float32, np.float16)
    height, width, channels = features.shape
    motion = readable("motion", motion, (height, width, 2), np.float32)
    weight = readable("weight", weight, (height, width), np.float32)
    first, last = _check_rows(rows, height)
    if not cover > 0:
        raise ValueError(f"cover must be above 0, got {cover}")
    dtypes = (features.dtype, np.float32, np.float16)
    out = writable("out", out, (last - first, width, channels), *dtypes)
    separate("out", out, features=features, motion=motion, weight=weight)
    threads = _library.thread_count(threads)
    if workspace is not None:
        _check_workspace(workspace, height, width)
        separate("workspace", workspace, features=features, motion=motion, weight=weight, out=out)
    if features.size == 0 or out.size == 0:
        return out
    kernels = _library.kernels()
    if kernels is None:
        _refuse_non_finite(motion, weight)
        out[...] = reference.splat(features, motion, weight, (first, last), out.dtype, cover)
        return out
    if workspace is None:
        workspace = np.empty(splat_workspace_bytes(height, width), np.uint8)
    status = kernels.splat(
        *(features.ctypes.data, features.dtype == np.float16, motion.ctypes.data),
        *(weight.ctypes.data, out.ctypes.data, out.dtype == np.float16, workspace.ctypes.data),
        *(height, width, channels, first, last, cover, threads),
    )
    if status == _library.NON_FINITE:
        _refuse_non_finite(motion, weight)
    _library.check(status)
    return out


def splat_workspace_bytes(height: int, width: int) -> int:
    """Bytes of scratch that a splat from (H, W) needs, whatever its rows, channels and threads."""
    if min(height, width) < 0 or (height + 1) * (width + 1) > PIXEL_LIMIT:
        raise ValueError(f"a splat takes at most 2^31 pixels, got {height} x {width}; use tiles")
    cells = (height + 1) * (width + 1) + 1
    # Landing (x, y, mantissa, exponent), cell and order of every source; row ranges; alignment.
    return height * width * (16 + 4 + 4) + cells * 4 + height * 8 + 64


def _check_rows(rows: tuple[int, int] | None, height: int) -> tuple[int, int]:
    if rows is None:
        return 0, height
    first, last = rows
    if not 0 <= first <= last <= height:
        raise ValueError(f"rows must satisfy 0 <= r0 <= r1 <= {height}, got {tuple(rows)}")
    return first, last


def _check_workspace(workspace: Array, height: int, width: int) -> None:
    need = splat_workspace_bytes(height, width)
    if workspace.dtype != np.uint8 or workspace.ndim != 1 or not workspace.flags.c_contiguous:
        raise TypeError(
            f"workspace must be a flat, contiguous uint8 array, got {workspace.dtype} "
            f"{workspace.shape}; pass np.empty(splat_workspace_bytes({height}, {width}), np.uint8)"
        )
    if workspace.size < need:
        raise ValueError(
            f"workspace must hold {need} bytes, got {workspace.size}; "
            f"size it with splat_workspace_bytes({height}, {width})"
        )


def _refuse_non_finite(motion: Float, weight: Float) -> None:
    finite("motion", motion)
    finite("weight", weight)
