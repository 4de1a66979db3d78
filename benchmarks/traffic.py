"""Bytes that each kernel has to read and write, at least: what times are compared with, measured or modelled."""

from collections.abc import Sequence

from stillwave.kernels import BlockedSpectrum
from stillwave.runtime.spectrum import COARSE, sparse_step

Levels = Sequence[tuple[int, int, int]]  # (height, width, channels), finest first
SHARE, ORDER, CELL, START, MOTION = 16, 4, 4, 4, 8  # bytes of each


def motion_bytes(grid: tuple[int, int], num_frequencies: int, frames: int) -> int:
    """The volume once, and every frame's displacements."""
    return BlockedSpectrum.bytes_for(num_frequencies, *grid) + MOTION * frames * grid[0] * grid[1]


def splat_bytes(levels: Levels, grid: tuple[int, int], out_bytes: int) -> dict[str, int]:
    """Of each kernel of the splat, by its name. Where sources land is taken to be in order, as it nearly is.

    out_bytes  of a value of the output, 2 or 4
    """
    sources = sum(h * w for h, w, _ in levels)
    cells = sum((h + 1) * (w + 1) for h, w, _ in levels)
    values = sum(h * w * c for h, w, c in levels)
    first = levels[0][0] * levels[0][1]
    return {
        "clear": START * cells,
        "splat_move": MOTION * grid[0] * grid[1] + (MOTION + CELL) * sources + 2 * START * cells + 8 * first,
        "splat_sum": START * cells,
        "splat_scan": 2 * START * cells,
        "splat_fill": (CELL + ORDER) * sources + 2 * START * cells,
        "splat_sort": START * cells + (ORDER + MOTION + 4 + SHARE) * sources,
        "splat_gather": START * cells + (ORDER + SHARE) * sources + (2 + out_bytes) * values,
    }


def frame_bytes(height: int, width: int, plane_pixels: int) -> int:
    """Planes to RGB."""
    return 12 * plane_pixels + 3 * height * width


def volume_bytes(num_frequencies: int, grid: tuple[int, int], grid_out: tuple[int, int]) -> dict[str, int]:
    """Of each launch from coefficients to a scene's volume, once a photo; tables are left out.

    grid, grid_out  (rows, columns) of the networks, and of the volume and the frame
    """
    moving, full, out = 16 * (num_frequencies - 1), grid[0] * grid[1], grid_out[0] * grid_out[1]
    coarse = full // COARSE**2
    whole, whole_out = 16 * num_frequencies * full, 16 * num_frequencies * out
    return {
        "interpolate to coarse": moving * (full + coarse),
        "blur down": 2 * moving * coarse,
        "blur across": 2 * moving * coarse,
        "interpolate from coarse": moving * (coarse + full),
        "gain": moving * full,
        "calibrate": 2 * moving * full,
        "pace": moving * full // sparse_step(*grid) ** 2,
        "advance": 2 * whole,
        "interpolate to volume": whole + whole_out,
        "copy": 2 * whole_out,
        "interpolate to frame": 2 * whole_out,
        "largest": 16 * out,
        "start": 2 * whole_out,
        "block": whole_out + BlockedSpectrum.bytes_for(num_frequencies, *grid_out),
        "weight": BlockedSpectrum.bytes_for(num_frequencies, *grid_out),
    }
