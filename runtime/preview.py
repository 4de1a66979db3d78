"""A frame without networks: the photo's own colours, splatted; the photo where nothing lands."""

import numpy as np
import numpy.typing as npt

from stillwave import kernels

from .spectrum import Float

Pixels = npt.NDArray[np.uint8]


class Preview:
    """What `Renderer` draws previews with, made at the first one: 33 bytes a pixel, within what a budget
    leaves for a video encoder, which whoever previews does not need.

    photo  (H, W, 3) uint8, padded as the renderer's
    """

    def __init__(self, photo: Pixels):
        shape = (*photo.shape[:2], 4)
        self.colours = np.ones(shape, np.float32)  # the fourth says whether anything landed
        self.colours[..., :3] = photo + np.float32(0.5)  # so that cutting off the fraction rounds
        self.warped = np.empty(shape, np.float32)
        self.is_bare = np.empty((*photo.shape[:2], 1), np.bool_)
        self.photo = photo

    def render(
        self, motion: Float, importance: Float, workspace: Pixels, threads: int, out: Pixels
    ) -> None:
        """motion (H, W, 2) px, importance (H, W) -> out, uint8, at most as large as the padded photo."""
        kernels.splat(self.colours, motion, importance, self.warped, workspace=workspace, threads=threads)
        visible = np.s_[: out.shape[0], : out.shape[1]]
        warped, is_bare = self.warped[visible], self.is_bare[visible]
        np.copyto(out, warped[..., :3], casting="unsafe")
        np.equal(warped[..., 3:], 0, out=is_bare)
        np.copyto(out, self.photo[visible], where=is_bare)
