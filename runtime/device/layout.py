"""Sizes and lifetimes of everything a scene needs on a device: one block of memory, planned before it is asked for."""

import math
from dataclasses import dataclass
from functools import lru_cache

from stillwave import kernels
from stillwave.kernels import cuda

from ..errors import BudgetError
from ..memory import Buffer, Plan, format_bytes, place
from .contract import ALIGNMENT
from .tables import Tables

PASS = 8  # frames whose motion is made in one pass over the spectral volume
STEPS = ("photo", "weights", "pyramid", "motion of a pass", "splat", "synthesis", "bytes")
PHOTO, WEIGHTS, PYRAMID, MOTION, SPLAT, SYNTHESIS, BYTES = range(len(STEPS))


@dataclass(frozen=True)
class DeviceLayout:
    """A frame, padded to `multiple`, and its motion grid. There are no tiles: a frame is made whole.

    keeps_volume      whether the host has no copy, and may ask for one later
    is_measured       whether the volume may be sharpened; see `sharpening_of`
    is_half           whether the synthesis reads float16
    pyramid_bytes     workspaces of the engines, which never run together
    """

    height: int
    width: int
    grid: tuple[int, int]  # rows, columns of the motion grid over the padded frame
    volume_grid: tuple[int, int]  # and of the volume, over the photo
    num_frequencies: int
    num_frames: int
    channels: tuple[int, ...]  # of each pyramid level, finest first
    multiple: int
    is_half: bool
    keeps_volume: bool = False
    is_measured: bool = False
    pyramid_bytes: int = 0
    synthesis_bytes: int = 0

    @property
    def padded(self) -> tuple[int, int]:
        return -(-self.height // self.multiple) * self.multiple, -(-self.width // self.multiple) * self.multiple

    @property
    def levels(self) -> tuple[tuple[int, int, int], ...]:
        """(height, width, channels) of each level."""
        H, W = self.padded
        return tuple((H >> j, W >> j, C) for j, C in enumerate(self.channels))

    @property
    def extent(self) -> tuple[float, float]:
        """How far the grid reaches, in heights and widths of the photo."""
        return self.padded[0] / self.height, self.padded[1] / self.width

    def tables(self, sharpening: tuple[float, float]) -> Tables:
        """What brings the volume to the frame's grid: as large for every sharpening, and less without."""
        tables = Tables()
        for i, axis in enumerate(("rows", "columns")):
            tables.add_axis(axis, self.volume_grid[i], self.grid[i], self.extent[i], sharpening[i])
        return tables

    def buffers(self) -> dict[str, tuple[int, int, int]]:
        """name -> (bytes, first step, last step); steps of a frame repeat, so what lasts lives to the end."""
        (H, W), (h, w), K = self.padded, self.grid, self.num_frequencies
        moving, visible = K - 1, self.height * self.width
        table = {
            "photo_bytes": (3 * visible, PHOTO, PHOTO),
            "still": (4 * 3 * H * W, PHOTO, BYTES),
            "volume": (16 * K * math.prod(self.volume_grid), PHOTO, BYTES if self.keeps_volume else PHOTO),
            "tables": (self.tables((1.0, 1.0) if self.is_measured else (0.0, 0.0)).nbytes, PHOTO, PHOTO),
            "framed_volume": (16 * K * h * w, PHOTO, PHOTO),
            "spectrum": (kernels.BlockedSpectrum.bytes_for(K, h, w), PHOTO, BYTES),
            "terms": (4 * moving * max(PASS, self.num_frames), PHOTO, BYTES),
            "scales": (4 * max(PASS, self.num_frames), PHOTO, BYTES),
            "largest": (4, PHOTO, BYTES),
            "choice": (16, PHOTO, BYTES),
            "weight": (4 * h * w, WEIGHTS, WEIGHTS),
            "importance": (4 * h * w, WEIGHTS, WEIGHTS),
            "grid_activity": (4 * h * w, WEIGHTS, WEIGHTS),
            "activity_map": (4 * H * W, WEIGHTS, BYTES),
            "pyramid_workspace": (self.pyramid_bytes, PYRAMID, PYRAMID),
            "motions": (8 * PASS * h * w, MOTION, BYTES),
            "activity": (4 * H * W, SPLAT, SYNTHESIS),
            "synthesis_workspace": (self.synthesis_bytes, SYNTHESIS, SYNTHESIS),
            "frame": (4 * 3 * H * W, SYNTHESIS, BYTES),
            "picture": (3 * visible, BYTES, BYTES),
            "nv12": (3 * visible // 2, BYTES, BYTES),
        }
        table |= {name: (n, SPLAT, SPLAT) for name, n in cuda.Splat(self.levels).buffers().items()}
        for j, (rows, columns, C) in enumerate(self.levels):
            cells = rows * columns
            table |= {
                f"importance{j}": (4 * cells, WEIGHTS, BYTES),
                f"pyramid{j}": (4 * cells * C, PYRAMID, PYRAMID),
                f"features{j}": (2 * cells * C, PYRAMID, BYTES),
                f"motion{j}": (8 * cells, SPLAT, SYNTHESIS if j == 0 else SPLAT),
                f"level{j}": ((2 if self.is_half else 4) * cells * C, SPLAT, SYNTHESIS),
            }
        return table

    def plan(self) -> Plan:
        """Offsets in one block, multiples of ALIGNMENT."""
        return _planned(self)


@lru_cache(maxsize=4)  # a scene asks four times
def _planned(layout: DeviceLayout) -> Plan:
    return place([Buffer(name, aligned_bytes(n), a, b) for name, (n, a, b) in layout.buffers().items()], STEPS)


def check_budget(what: str, plan: Plan, weights_bytes: int, budget: int, free_bytes: int) -> None:
    """`BudgetError` with the least that would do, before anything is allocated."""
    need = plan.nbytes + weights_bytes
    what = f"{what} needs at least {format_bytes(need)} on the device"
    remedy = "choose a smaller --size, or --backend cpu, which renders in tiles"
    if need > budget:
        raise BudgetError(f"{what}, the budget is {format_bytes(budget)}; raise --memory-budget, {remedy}")
    if plan.nbytes > free_bytes:
        raise BudgetError(f"{what}, {format_bytes(free_bytes)} are free; close what else uses it, {remedy}")


def aligned_bytes(nbytes: int) -> int:
    """`nbytes`, at least 1, as a multiple of ALIGNMENT: then so is every offset."""
    return -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT
