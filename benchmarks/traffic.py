"""Bytes that each kernel has to read and write, at least: what times are compared with, measured or modelled."""

from collections.abc import Sequence

from stillwave.kernels import BlockedSpectrum

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
