"""Planes on another grid: linear interpolation as tables, which a device's kernels look up, too.

A motion that was measured is sharpened on the way; docs/decisions/0022 says why.
"""

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]

SHARPENING = 5 / 12  # of a measured motion's cells against their neighbours, on a photo far finer than they are


def interpolated(
    S: Float,
    height: int,
    width: int,
    extent: tuple[float, float] = (1.0, 1.0),
    sharpening: tuple[float, float] = (0.0, 0.0),
) -> Float:
    """Every plane of (K, C, h, w) on a grid of height x width."""
    h, w = S.shape[2:]
    down = interpolation(h, height, extent[0], sharpening[0])
    across = interpolation(w, width, extent[1], sharpening[1])
    half, out = np.empty((height, w), np.float32), np.empty((*S.shape[:2], height, width), np.float32)
    for source, target in zip(S.reshape(-1, h, w), out.reshape(-1, height, width), strict=True):
        half[:] = 0
        for cells, weights in zip(*down, strict=True):
            half += source.take(cells, 0) * weights[:, None]
        target[:] = 0
        for cells, weights in zip(*across, strict=True):
            target += half.take(cells, 1) * weights
    return out


def interpolation(
    source: int, target: int, extent: float = 1.0, sharpening: float = 0.0
) -> tuple[npt.NDArray[np.intp], Float]:
    """Linear interpolation of `source` cells at the centres of `target` cells; a mean where they are larger.

    sharpening  what a cell is first raised by over each of its neighbours: (-q, 1 + 2 q, -q)
    returns     cells (n, target), which of the source make up each of the target, and their weights (n, target)
    """
    cell = extent * source / target
    centres = np.clip((np.arange(target) + 0.5) * cell - 0.5, 0, source - 1)
    reach = max(1.0, cell)
    cells = np.ceil(centres - reach).astype(np.intp) + np.arange(int(2 * reach) + 1)[:, None]
    weights = np.maximum(0, 1 - np.abs(centres - cells) / reach)
    weights[(cells < 0) | (cells >= source)] = 0
    weights /= weights.sum(0)
    if sharpening:
        cells = np.concatenate([cells[:1] - 1, cells, cells[-1:] + 1])
        weights = np.pad(weights, ((1, 1), (0, 0)))
        weights += sharpening * (2 * weights - np.roll(weights, 1, 0) - np.roll(weights, -1, 0))
    used = weights.any(1)
    return cells[used].clip(0, source - 1), weights[used].astype(np.float32)


def sharpening_of(S: Float, photo: tuple[int, ...]) -> tuple[float, float]:
    """How much a measured motion (K, 4, h, w) is sharpened down and across, for a photo of (height, width).

    Optical flow is smooth, a cell holds its mean, and between means a renderer interpolates: all of it blurs
    the edges of what moves. Of a motion that is not smooth nothing is changed, nor where a cell is a pixel.
    """
    down, across = (
        SHARPENING * smoothness(S, axis) * max(0.0, 1 - (S.shape[axis] / side) ** 2)
        for axis, side in zip((2, 3), photo, strict=True)
    )
    return down, across


def smoothness(S: Float, axis: int) -> float:
    """0 where S (K, 4, h, w) goes in steps from cell to cell, 1 where it goes in slopes, 3 cells wide and more.

    Cells two apart differ by 4 times the squares that neighbours differ by on a slope, by twice as much
    around a step, and by as much where there is only noise.
    """
    lines = [np.moveaxis(slice_, axis - 1, 0) for slice_ in S]
    near, far = (sum(float(np.square(x[n:] - x[:-n], dtype=np.float64).sum()) for x in lines) for n in (1, 2))
    return min(max(far / near - 2, 0.0), 1.0) if near else 0.0
