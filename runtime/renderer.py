"""Warped features -> frame: the photo's pyramid once, then motion, splat and synthesis per frame.

A frame is made in horizontal tiles of equal height, one where the memory budget allows. Tiles overlap
by a halo of rows on each side, as many as the networks see, so that tiling does not change a pixel.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillwave import kernels

from .engine import Engine
from .memory import Arena, Buffer, Plan, place
from .motion import COVER, activity_from_weight, importance_from_weight
from .preview import Preview
from .spectrum import Float
from .splat import PASSED, Level, behind

PASS = 8  # frames whose motion is made in one pass over the spectral volume

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Sizes of everything a scene needs: the frame, padded to `multiple`, its tiles and its motion grid."""

    height: int
    width: int
    grid: tuple[int, int]  # rows, columns of the motion grid over the padded frame
    num_frequencies: int
    channels: tuple[int, ...]  # of each pyramid level, finest first
    multiple: int
    halo: int  # rows beside those a tile keeps that pyramid and synthesis see; of `multiple`
    tile_rows: int  # rows a tile computes, halos included; padded height if one tile does

    @property
    def padded(self) -> tuple[int, int]:
        return -(-self.height // self.multiple) * self.multiple, -(-self.width // self.multiple) * self.multiple

    def tiles(self) -> Iterator[tuple[int, int, int]]:
        """(first row computed, first row kept, end of the rows kept) of each tile."""
        height, kept = self.padded[0], 0
        while kept < height:
            first = min(max(0, kept - self.halo), height - self.tile_rows)
            end = height if first + self.tile_rows >= height else first + self.tile_rows - self.halo
            yield first, kept, end
            kept = end

    def shapes(self) -> dict[str, tuple[Shape, type, int, int]]:
        """name -> (shape, type, first step, last step) of every array, in the steps of STEPS."""
        (H, W), (h, w), rows = self.padded, self.grid, self.tile_rows
        table: dict[str, tuple[Shape, type, int, int]] = {
            "spectrum": ((kernels.BlockedSpectrum.bytes_for(self.num_frequencies, h, w),), np.uint8, 0, 5),
            "weight": ((h, w), np.float32, 0, 1),
            "activity_map": ((H, W), np.float32, 0, 5),
            "photo": ((1, 3, rows, W), np.float32, 0, 0),
            "motions": ((PASS, h, w, 2), np.float32, 0, 5),
            "still": ((1, 3, rows, W), np.float32, 3, 4),
            "motion": ((1, rows, W, 2), np.float32, 3, 4),
            "activity": ((1, rows, W, 1), np.float32, 3, 4),
            "frame": ((1, 3, rows, W), np.float32, 4, 5),
            "tile": ((rows, W, 3), np.uint8, 5, 5),
            "workspace": ((kernels.splat_workspace_bytes(H, W),), np.uint8, 3, 3),
        }
        for j, C in enumerate(self.channels):
            s = 2**j
            table |= {
                f"features{j}": ((H // s, W // s, C), np.float16, 0, 5),
                f"importance{j}": ((H // s, W // s), np.float32, 0, 5),
                f"pyramid{j}": ((1, rows // s, W // s, C), np.float32, 0, 0),
                f"motion{j}": ((H // s, W // s, 2), np.float32, 2, 4),
                f"level{j}": ((1, rows // s, W // s, C), np.float32, 3, 4),
            }
        return table

    def plan(self) -> Plan:
        """Where every array lies in one block of memory."""
        return place([Buffer(n, _bytes(shape, kind), a, b) for n, (shape, kind, a, b) in self.shapes().items()], STEPS)


STEPS = ("photo", "motion of a pass", "motion of a level", "splat", "synthesis", "bytes")


def _bytes(shape: Shape, kind: type) -> int:
    return int(np.prod(shape)) * np.dtype(kind).itemsize


class Renderer:
    """Frames of one photo. Owns its arrays; after the constructor nothing is allocated.

    pyramid    engine, used only while the constructor runs; the caller's
    synthesis  engine, this renderer's own from here on
    photo      uint8 (H, W, 3)
    volume     float32 (K, 4, h, w) px of the grid over the padded frame
    """

    def __init__(
        self,
        layout: Layout,
        pyramid: Engine,
        synthesis: Engine,
        photo: npt.NDArray[np.uint8],
        volume: Float,
        num_frames: int,
        threads: int,
    ):
        self.layout, self.synthesis, self.num_frames, self.threads = layout, synthesis, num_frames, threads
        self.arena = Arena(layout.plan())
        self.arrays: dict[str, Any] = {}
        for name, (shape, kind, _, _) in layout.shapes().items():
            self.arrays[name] = self.arena.view(name, kind, shape)
        pad = layout.padded[0] - layout.height, layout.padded[1] - layout.width
        self.photo = np.pad(photo, ((0, pad[0]), (0, pad[1]), (0, 0)), mode="edge") if any(pad) else photo
        self._preview: Preview | None = None
        self.spectrum = kernels.BlockedSpectrum(volume, self.arrays["spectrum"], threads=threads)
        self._weigh()
        self._extract(pyramid)
        self.levels = [self._level(j) for j in range(len(layout.channels))]
        names = ("still", "motion", "activity", "frame", *(f"level{j}" for j in range(len(self.levels))))
        synthesis.bind(**{name: self.arrays[name] for name in names})

    def _weigh(self) -> None:
        """What is fixed for the scene: who is in front, and where anything ever moves."""
        weight = self.spectrum.weight(self.num_frames, self.arrays["weight"], threads=self.threads)
        kernels.resize_map(activity_from_weight(weight), self.arrays["activity_map"], threads=self.threads)
        np.maximum(self.arrays["activity_map"], 0, out=self.arrays["activity_map"])
        for j in range(len(self.layout.channels)):
            kernels.resize_map(importance_from_weight(weight), self.arrays[f"importance{j}"], threads=self.threads)

    def _extract(self, pyramid: Engine) -> None:
        a = self.arrays
        outputs = {f"level{j}": a[f"pyramid{j}"] for j in range(len(self.layout.channels))}
        pyramid.bind(photo=a["photo"], **outputs)
        for first, kept, end in self.layout.tiles():
            self._planes(first, a["photo"])
            pyramid.run()
            for j in range(len(outputs)):
                rows = slice(kept >> j, end >> j)
                a[f"features{j}"][rows] = a[f"pyramid{j}"][0, (kept - first) >> j : (end - first) >> j]
                if j:
                    planes, importance = a["photo"][0, :, kept - first : end - first], a["importance0"][kept:end]
                    a[f"features{j}"][rows, :, :PASSED] = behind(planes, importance, 2**j)

    def _planes(self, first: int, out: Float) -> None:
        """Rows of the photo as planes 0..1: (1, 3, rows, W)."""
        rows = self.photo[first : first + out.shape[2]]
        np.multiply(rows.transpose(2, 0, 1), np.float32(1 / 255), out=out[0])

    def _level(self, j: int) -> Level:
        a = self.arrays
        features, importance, motion = (a[f"{name}{j}"] for name in ("features", "importance", "motion"))
        return Level(features, importance, motion, a["workspace"], self.threads, math.inf if j else COVER)

    def motions(self, basis: Float) -> Float:
        """Up to PASS displacements on the grid, of a basis (n, 2K): (n, h, w, 2) px of the grid, valid
        until the next call; see rhythm.py.
        """
        out: Float = self.arrays["motions"][: len(basis)]
        self.spectrum.combine(basis, out, threads=self.threads)
        return out

    def farthest(self, grid_motion: Float) -> float:
        """The largest part of a displacement, px of the grid."""
        return float(np.abs(grid_motion).max())

    def render(self, grid_motion: Float, out: npt.NDArray[np.uint8], liveliness: float = 1.0) -> None:
        """One frame, its motion given on the grid (h, w, 2) -> uint8 (H, W, 3).

        With `liveliness` 0 nothing is painted: a motion of 0 then gives the photo, exactly.
        """
        for level in self.levels:
            level.move(grid_motion)
        for first, kept, end in self.layout.tiles():
            self.warp(first)
            if liveliness != 1:
                np.multiply(self.arrays["activity"], np.float32(liveliness), out=self.arrays["activity"])
            self.synthesis.run()
            self.write(first, kept, end, out)

    def preview(self, grid_motion: Float, out: npt.NDArray[np.uint8]) -> None:
        """As `render`, without the synthesis network."""
        self._preview = self._preview or Preview(self.photo)
        self.levels[0].move(grid_motion)
        a = self.arrays
        self._preview.render(a["motion0"], a["importance0"], a["workspace"], self.threads, out)

    def warp(self, first: int) -> None:
        """Everything the synthesis of the tile that begins at row `first` reads."""
        a, rows = self.arrays, slice(first, first + self.layout.tile_rows)
        for j, level in enumerate(self.levels):
            level.splat(first >> j, a[f"level{j}"][0])
        self._planes(first, a["still"])
        np.copyto(a["motion"][0], a["motion0"][rows])
        np.copyto(a["activity"][0, :, :, 0], a["activity_map"][rows])

    def write(self, first: int, kept: int, end: int, out: npt.NDArray[np.uint8]) -> None:
        """Rows kept..end of the synthesised tile, as bytes."""
        a, end = self.arrays, min(end, self.layout.height)
        kernels.frame_from_planes(a["frame"][0], a["tile"], threads=self.threads)
        np.copyto(out[kept:end], a["tile"][kept - first : end - first, : self.layout.width])

    def close(self) -> None:
        """Let go of the engine and the arrays; a second call does nothing."""
        self.synthesis.close()
        self.levels.clear()
        self._preview = None
        self.arrays.clear()
        self.arena.close()
