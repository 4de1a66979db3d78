"""What a person changes about a motion before it is rendered: what moves, how strongly, which way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from . import spectrum
from .errors import MotionError, PhotoError
from .interpolation import interpolated
from .photo import Photo, PhotoSource
from .spectrum import Float

Mask = PhotoSource | npt.NDArray[np.bool_] | Float

SOFT_CELLS = 2.0  # of the motion grid: over so much a mask's edge is blurred
ACROSS = 0.35  # of the motion across the wind is left


@dataclass(frozen=True)
class Edit:
    """Changes to a spectral volume.

    gains         k -> factor of the motion of k cycles a period, for some k of 1..K-1
    wind          factor of all motion along the wind
    wind_degrees  where the wind blows to, clockwise: 0 to the right, 90 down; None leaves directions
    mask          what may move: white or 1 does, black or 0 stays, the edge is softened. A picture, or an
                  array (H, W) of bool or of float 0..1, over the whole photo
    """

    gains: Mapping[int, float] = field(default_factory=dict)
    wind: float = 1.0
    wind_degrees: float | None = None
    mask: Mask | None = None

    def __post_init__(self) -> None:
        numbers = [*self.gains.values(), self.wind, self.wind_degrees or 0.0]
        if not np.isfinite(numbers).all():
            raise ValueError(f"gains and wind must be finite numbers, got {self}")

    @property
    def is_none(self) -> bool:
        """Whether it leaves every motion as it is."""
        return not self.gains and self.wind == 1 and self.wind_degrees is None and self.mask is None


def edited(volume: Float, edit: Edit, frame_size: tuple[int, int], source_size: tuple[int, int]) -> Float:
    """The edited volume, anchored; the one given stays as it is.

    volume       (K, 4, h, w) px of a grid over the frame
    frame_size   (w, h) of the frame, which shows the centre of a photo of `source_size`
    """
    if edit.is_none:
        return volume
    S = volume.copy()
    for k, gain in edit.gains.items():
        if not 1 <= k < len(S):
            raise MotionError(f"this motion has frequencies 1 to {len(S) - 1}, got a gain for {k}; leave it out")
        S[k] *= np.float32(gain)
    S[1:] *= np.float32(edit.wind)
    if edit.wind_degrees is not None:
        _blow(S, np.radians(edit.wind_degrees))
    if edit.mask is not None:
        S *= mask_on_grid(edit.mask, volume.shape[:1:-1], frame_size, source_size)
    return spectrum.anchor(S)


def _blow(S: Float, angle: float) -> None:
    """Calm what moves across the wind, in place, and let the whole lean with it rather than against it.

    A motion and its negative are equally plausible: which way it leans is free to choose.
    """
    along = np.array([np.cos(angle), np.sin(angle)])
    (xx, xy), (_, yy) = (ACROSS * np.eye(2) + (1 - ACROSS) * np.outer(along, along)).astype(np.float32)
    for slice_ in S[1:]:
        x, y = slice_[:2].copy(), slice_[2:]
        slice_[:2] = xx * x + xy * y
        slice_[2:] = xy * x + yy * y
    lean = spectrum.anchor(S)[0, 0::2].astype(np.float64).sum((1, 2))
    if lean @ along < 0:
        S *= np.float32(-1)


def mask_on_grid(mask: Mask, grid: tuple[int, int], frame_size: tuple[int, int], source_size: tuple[int, int]) -> Float:
    """How much each cell of `grid` (w, h) may move, 0..1: (h, w). The mask is cropped as the photo was."""
    with Photo(_picture_from_array(mask) if isinstance(mask, np.ndarray) else mask, frame_size) as picture:
        width, height = picture.source_size
        if not 0.98 < width / height * source_size[1] / source_size[0] < 1.02:
            raise PhotoError(
                f"the mask is {width} x {height} and the photo {source_size[0]} x {source_size[1]};"
                " draw the mask over the whole photo, at any size of the same shape"
            )
        grey = picture.pixels().mean(2, dtype=np.float32) / np.float32(255)
    cells = interpolated(grey[None, None], grid[1], grid[0])
    soft: Float = spectrum.blur(cells, SOFT_CELLS)[0, 0].clip(0, 1)
    soft[soft < 1 / 255] = 0  # what is black stays the photo, exactly
    return soft


def _picture_from_array(mask: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if mask.ndim == 3 and mask.dtype == np.uint8:
        return mask
    is_float = mask.dtype.kind == "f"
    if mask.ndim != 2 or not (is_float or mask.dtype in (np.bool_, np.uint8)) or (is_float and not _is_share(mask)):
        raise PhotoError(
            f"want a mask (H, W) of bool, of uint8 or of float 0..1, got {mask.dtype} of shape {mask.shape}"
        )
    grey = mask if mask.dtype == np.uint8 else np.rint(mask.astype(np.float32) * 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, 2)


def _is_share(mask: npt.NDArray[Any]) -> bool:
    return bool(((mask >= 0) & (mask <= 1)).all())
