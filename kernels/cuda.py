"""The CUDA kernels' launches: which kernel, how many blocks, with what argument.

Nothing here touches a device: addresses are integers, and whoever has a device launches what these
functions return. The arguments are those of arguments.py.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from stillwave.kernels.arguments import ARGUMENTS as ARGUMENTS
from stillwave.kernels.arguments import MAX_LEVELS as MAX_LEVELS
from stillwave.kernels.arguments import Axis as Axis
from stillwave.kernels.arguments import Behind as Behind
from stillwave.kernels.arguments import Blocks as Blocks
from stillwave.kernels.arguments import Blur as Blur
from stillwave.kernels.arguments import Calibration as Calibration
from stillwave.kernels.arguments import FrameChoice as FrameChoice
from stillwave.kernels.arguments import Gains as Gains
from stillwave.kernels.arguments import Halving as Halving
from stillwave.kernels.arguments import Largest as Largest
from stillwave.kernels.arguments import Level as Level
from stillwave.kernels.arguments import Map as Map
from stillwave.kernels.arguments import Paces as Paces
from stillwave.kernels.arguments import Packing as Packing
from stillwave.kernels.arguments import Picture as Picture
from stillwave.kernels.arguments import Planes as Planes
from stillwave.kernels.arguments import Pyramid as Pyramid
from stillwave.kernels.arguments import Sampling as Sampling
from stillwave.kernels.arguments import Step as Step
from stillwave.kernels.arguments import Turning as Turning
from stillwave.kernels.arguments import Weights as Weights
from stillwave.kernels.checks import PIXEL_LIMIT

THREADS = 256  # of a block, always
SCAN_TILE = 16 * THREADS  # cells that a block scans
STARTS_OFFSET = 12  # bytes: the second start is then aligned for loads of 16
PIXELS = 8  # of the motion that a thread makes
SOURCE = "device.cu"
FATBIN = "stillwave_kernels.fatbin"
ARCHITECTURES = (75, 80, 86, 87, 89, 90, 100, 110, 120)


class Launch(NamedTuple):
    kernel: str
    blocks: int
    argument: ctypes.Structure


def launch(kernel: str, items: int, argument: ctypes.Structure) -> Launch:
    """One thread for each of `items`."""
    if not isinstance(argument, ARGUMENTS[kernel]):
        raise TypeError(f"{kernel} takes {ARGUMENTS[kernel].__name__}, got {type(argument).__name__}")
    if not 0 < items <= PIXEL_LIMIT:
        raise ValueError(f"{kernel} takes 1 to 2^31 - 1 items, got {items}")
    return Launch(kernel, -(-items // THREADS), argument)


def motion(blocks: Blocks) -> Launch:
    """`frames` displacements, (frames, P, 2) px."""
    return launch("motion", -(-blocks.pixels // PIXELS), blocks)


def weight(blocks: Blocks) -> Launch:
    """Mean length of the displacements of all frames, (P,) px."""
    return launch("weight", -(-blocks.pixels // PIXELS), blocks)


def block(packing: Packing) -> Launch:
    """The blocked copy of a spectral volume; see `BlockedSpectrum`."""
    return launch("block", -(-packing.pixels // 16), packing)


def largest(argument: Largest) -> Launch:
    return launch("largest", -(-argument.count // 4), argument)


def importance(weights: Weights) -> Launch:
    return launch("importance", weights.height * weights.width, weights)


def resize(argument: Map) -> Launch:
    return launch("resize", argument.height_out * argument.width_out, argument)


def ddim(sampling: Sampling) -> Launch:
    return launch("ddim", -(-sampling.count // 4), sampling)


def planes(picture: Picture) -> Launch:
    """Bytes (height, width, 3) to planes (3, plane_height, plane_width) in 0..1, continued at the edge."""
    return launch("planes", picture.plane_height * picture.plane_width, picture)


def rgb(picture: Picture) -> Launch:
    """Planes to bytes (height, width, 3)."""
    if picture.plane_width % 4:
        raise ValueError(f"planes must be a multiple of 4 wide, got {picture.plane_width}")
    return launch("rgb", -(-picture.width // 4) * picture.height, picture)


def nv12(picture: Picture) -> Launch:
    """Planes to `height` rows of luma and half as many of chroma; sides are even."""
    if picture.height % 2 or picture.width % 2:
        raise ValueError(f"NV12 has even sides, got {picture.width} x {picture.height}")
    return launch("nv12", picture.height * picture.width // 4, picture)


def halve(halving: Halving) -> Launch:
    if halving.count % 8:
        raise ValueError(f"halving takes a multiple of 8 values, got {halving.count}")
    return launch("halve", halving.count // 8, halving)


def interpolate(planes: Planes) -> Launch:
    """Slices (slices, 4, ...) on another grid; of coefficients, with scales, in px."""
    return launch("interpolate", 4 * planes.slices * planes.rows.size_out * planes.columns.size_out, planes)


def blur(argument: Blur) -> Launch:
    return launch("blur", argument.count * argument.height * argument.width, argument)


def gain(gains: Gains) -> Launch:
    """Factors that bring slices to the expected amplitude, (count, rows, columns)."""
    if gains.height % gains.rows or gains.width % gains.columns:
        grids = f"{gains.columns} x {gains.rows} of {gains.width} x {gains.height}"
        raise ValueError(f"a cell of the amplitude is a whole number of the slices', got {grids}")
    return launch("gain", gains.count * gains.rows * gains.columns, gains)


def calibrate(calibration: Calibration) -> Launch:
    """Slices times their factors, in place."""
    pixels = calibration.rows.size_out * calibration.columns.size_out
    return launch("calibrate", calibration.count * pixels, calibration)


def pace(paces: Paces) -> Launch:
    """How fast and how far from its mean a volume's motion is at every frame."""
    return Launch("pace", paces.num_frames, paces)


def advance(turning: Turning) -> Launch:
    """A volume begun later, anchored, in place."""
    return launch("advance", turning.pixels, turning)


def start(turning: Turning) -> Launch:
    """A volume whose first frame is the photo, in place, where `largest` of S_0 is not 0."""
    return launch("start", turning.pixels, turning)


def behind(argument: Behind) -> Launch:
    """The first four channels of a coarser level's features; see runtime/splat.py."""
    return launch("behind", argument.height * argument.width, argument)


@dataclass(frozen=True)
class Splat:
    """Sizes of the splat of a pyramid: (height, width, channels) of each level, finest first."""

    levels: tuple[tuple[int, int, int], ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.levels) <= MAX_LEVELS:
            raise ValueError(f"a pyramid has 1 to {MAX_LEVELS} levels, got {len(self.levels)}")
        for level in self.levels:
            if level[2] % 8 or min(level) < 1:
                raise ValueError(f"a level is (height, width, channels) with channels a multiple of 8, got {level}")
        if self.num_vectors > PIXEL_LIMIT:
            raise ValueError(f"a splat takes at most 2^31 vectors of 8 channels, got {self.num_vectors}")

    @property
    def num_sources(self) -> int:
        return sum(h * w for h, w, _ in self.levels)

    @property
    def num_cells(self) -> int:
        return sum((h + 1) * (w + 1) for h, w, _ in self.levels)

    @property
    def num_vectors(self) -> int:
        return sum(h * w * c // 8 for h, w, c in self.levels)

    def buffers(self) -> dict[str, int]:
        """Bytes of each part of the index, by its name in `Pyramid`; each at a multiple of 16."""
        return {
            "cells": 4 * self.num_sources,
            "starts": 4 * (self.num_cells + 1) + STARTS_OFFSET,
            "order": 4 * self.num_sources,
            "shares": 16 * self.num_sources,
            "tile_sums": 4 * -(-self.num_cells // SCAN_TILE),
        }

    def pyramid(self, addresses: Sequence[tuple[int, int, int, int]], cover: float, **fields: int) -> Pyramid:
        """The argument of the splat's kernels.

        addresses  of features, importance, motion and out of each level
        cover      as of `kernels.splat`, at the finest level; the others never fade
        fields     all others of `Pyramid`, but the counts
        """
        p = Pyramid(num_levels=len(self.levels), **fields)
        p.starts = fields["starts"] + STARTS_OFFSET
        source = cell = vector = 0
        for j, ((h, w, c), where) in enumerate(zip(self.levels, addresses, strict=True)):
            p.level[j] = Level(*where, h, w, c, source, cell, vector, math.inf if j else cover)
            source, cell, vector = source + h * w, cell + (h + 1) * (w + 1), vector + h * w * c // 8
        p.num_sources, p.num_cells, p.num_vectors = source, cell, vector
        return p

    def launches(self, pyramid: Pyramid) -> list[Launch]:
        """In order, after `starts` was cleared."""
        tiles = -(-self.num_cells // SCAN_TILE)
        return [
            launch("splat_move", self.num_sources, pyramid),
            Launch("splat_sum", tiles, pyramid),
            Launch("splat_scan", tiles, pyramid),
            launch("splat_fill", self.num_sources, pyramid),
            launch("splat_sort", self.num_cells, pyramid),
            launch("splat_gather", self.num_vectors, pyramid),
        ]


def source_folder() -> Path:
    """Where the kernels' sources lie: they are part of the package."""
    return Path(__file__).parent
