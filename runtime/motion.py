"""Spectral volume -> displacement at time t, and what is fixed for a whole scene: who is in front."""

import numpy as np
import numpy.typing as npt

from .spectrum import REFERENCE_SIDE

Float = npt.NDArray[np.float32]

WEIGHT_EXPONENT = 3.0  # splat importance exp(3 W / max W): what moves more is in front (paper section 5)
COVER = 4.0  # a pixel is covered where 1 / COVER of its area is landed on: motion also stretches, up to so much
DOUBT = 8.0  # how much what is in front is left out of what fills holes
REACH = 4  # grid cells a moving thing is expected to sweep


def importance_from_weight(weight: Float) -> Float:
    """Exponent of softmax splatting from W(p) = mean over time of |F_t(p)|: (H, W) px -> (H, W) in 0..3."""
    return (WEIGHT_EXPONENT / max(float(weight.max()), 1e-6)) * weight


def trust_from_importance(importance: Float) -> Float:
    """Share with which a pixel fills holes: 1 where nothing moves, since what comes into sight lay behind."""
    trust: Float = np.float32(1) / (1 + np.float32(DOUBT) * np.maximum(importance, 0))
    return trust


def activity_from_weight(weight: Float) -> Float:
    """Largest W within REACH cells, px on a grid of long side REFERENCE_SIDE: (H, W) -> (H, W).

    Where it is 0 nothing ever arrives, and the renderer passes the photo through.
    """
    reached = weight
    for axis in (0, 1):
        padding = [(REACH, REACH) if a == axis else (0, 0) for a in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(reached, padding, mode="edge"), 2 * REACH + 1, axis)
        reached = windows.max(-1)
    return reached * np.float32(REFERENCE_SIDE / max(weight.shape))
