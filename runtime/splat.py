"""Features + displacement -> warped features, one pyramid level at a time, a band of rows at a time."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillwave import kernels

from .motion import trust_from_importance

PASSED = 4  # leading channels of every level: colours and a one, which says what is covered

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Level:
    """One level of a photo's feature pyramid and what splatting it needs; every array is the caller's.

    features    (H, W, C) float16
    importance  (H, W)    float32, exponent of the softmax
    motion      (H, W, 2) float32, px of this level; set by `move`
    workspace   uint8, kernels.splat_workspace_bytes(H, W)
    """

    features: npt.NDArray[np.float16]
    importance: Float
    motion: Float
    workspace: npt.NDArray[np.uint8]
    threads: int
    cover: float = math.inf  # see kernels.splat

    def move(self, grid_motion: Float) -> None:
        """Bring the motion (h, w, 2), px of its grid, to this level's size."""
        kernels.resize_motion(grid_motion, self.motion, threads=self.threads)

    def splat(self, first_row: int, out: Float) -> None:
        """Warped rows first_row.. of this level into `out` (rows, W, C); faded where little lands."""
        rows = (first_row, first_row + len(out))
        arrays: tuple[Any, ...] = (self.features, self.motion, self.importance, out)
        kernels.splat(*arrays, rows=rows, cover=self.cover, workspace=self.workspace, threads=self.threads)


def behind(planes: Float, importance: Float, scale: int) -> Float:
    """What fills holes: means of scale x scale pixels' colours and of a one, in which what moves counts for little.

    planes (3, H, W) 0..1, importance (H, W) -> (H / scale, W / scale, PASSED)
    """
    trust = trust_from_importance(importance)
    H, W = importance.shape
    means = np.empty((H // scale, W // scale, PASSED), np.float32)
    for c in range(PASSED):  # one after the other: the pyramid's memory is in use meanwhile
        plane = planes[c] * trust if c < len(planes) else trust
        means[..., c] = plane.reshape(H // scale, scale, W // scale, scale).mean((1, 3))
    return means
