"""Motion as colour: the hue is its direction, as on a wheel, the strength of the colour how far."""

import numpy as np
import numpy.typing as npt

from .rhythm import natural_turns, parts_from_weights, swing
from .spectrum import Float

Pixels = npt.NDArray[np.uint8]

PROBES = 48  # times at which the farthest moment is looked for
STRIDE = 4  # cells of the grid of which one is looked at


def colours_from_motion(motion: Float, farthest: float) -> Float:
    """(h, w, 2) px, x right and y down -> (h, w, 3) in 0..1; white where nothing moves, full at `farthest`."""
    saturation = np.minimum(1, np.linalg.norm(motion, axis=-1) / max(farthest, 1e-6))[..., None]
    sector = (np.arctan2(motion[..., 1], motion[..., 0]) / (np.pi / 3))[..., None]
    ramp = (np.array([5.0, 3.0, 1.0]) + sector) % 6
    colours: Float = (1 - saturation * np.clip(np.minimum(ramp, 4 - ramp), 0, 1)).astype(np.float32)
    return colours


def motion_map(photo: Pixels, motion: Float, farthest: float) -> Pixels:
    """The colours over the photo in grey; both on one grid: (h, w, 3) and (h, w, 2) -> (h, w, 3)."""
    grey = photo.mean(2, keepdims=True) / 255
    shade = np.minimum(1, np.linalg.norm(motion, axis=-1) / max(farthest, 1e-6))[..., None]
    mixed = (1 - shade) * (0.15 + 0.6 * grey) + shade * (0.35 + 0.65 * grey) * colours_from_motion(motion, farthest)
    picture: Pixels = np.rint(255 * mixed.clip(0, 1)).astype(np.uint8)
    return picture


def motion_at(volume: Float, t: float, num_frames: int) -> Float:
    """Anchored displacement at time `t`: (K, 4, h, w) -> (h, w, 2) px of its grid."""
    terms = parts_from_weights(swing(natural_turns(len(volume), num_frames)[None] * t))[0]
    parts = volume.reshape(len(volume), 2, 2, *volume.shape[2:])
    motion: Float = np.einsum("kc,kxchw->hwx", terms.reshape(-1, 2).astype(np.float32), parts)
    return motion


def farthest_time(volume: Float, num_frames: int) -> float:
    """When the motion is largest on the whole, in frames."""
    coarse = volume[:, :, ::STRIDE, ::STRIDE]
    times = np.arange(PROBES) * num_frames / PROBES
    return float(max(times, key=lambda t: float(np.abs(motion_at(coarse, t, num_frames)).sum())))
