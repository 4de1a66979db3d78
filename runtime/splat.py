"""Features + displacement -> warped features, one pyramid level at a time, a band of rows at a time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillwave import kernels

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

    def move(self, grid_motion: Float) -> None:
        """Bring the motion (h, w, 2), px of its grid, to this level's size."""
        kernels.resize_motion(grid_motion, self.motion, threads=self.threads)

    def splat(self, first_row: int, out: Float) -> None:
        """Warped rows first_row.. of this level into `out` (rows, W, C)."""
        rows = (first_row, first_row + len(out))
        arrays: tuple[Any, ...] = (self.features, self.motion, self.importance, out)
        kernels.splat(*arrays, rows=rows, workspace=self.workspace, threads=self.threads)
