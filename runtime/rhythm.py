"""Time -> how much of every frequency: what the kernels multiply a spectral volume by.

A displacement is Re sum_k c_k S_k. Ambient motion, loops and touch differ in the weights c alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .spectrum import Float

Double = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Rhythm:
    """A clip's motion over its frames, as weights of the volume's frequencies.

    turns   (K,) of every frequency in a frame of the clip
    mixing  (2K, 2K) that the parts (Re S_0, Im S_0, Re S_1, ...) go through first; None leaves them
    start   frame of the motion that the clip begins with
    """

    turns: Double
    mixing: Double | None = None
    start: float = 0.0

    def basis(self, frames: Sequence[float], magnify: float = 1.0) -> Float:
        """The kernels' matrix at these frames of the clip: (n, 2K) float32; all 0 at frame 0."""
        weights = magnify * swing(np.multiply.outer(np.asarray(frames, np.float64), self.turns))
        weights *= np.exp(2j * np.pi * (self.start * self.turns % 1.0))
        parts = parts_from_weights(weights)
        mixed: Float = (parts if self.mixing is None else parts @ self.mixing).astype(np.float32)
        return mixed


def natural_turns(num_frequencies: int, num_frames: float) -> Double:
    """Turns of every frequency in a frame: k cycles in `num_frames`, (K,)."""
    return np.arange(num_frequencies) / num_frames


def swing(turns: Double) -> Complex:
    """Weights of free motion after so many turns, anchored: 2 (e^(2 pi i turns) - 1), 0 for k = 0.

    turns, returns  (n, K)
    """
    weights: Complex = 2 * (np.exp(2j * np.pi * (turns % 1.0)) - 1)
    weights[:, 0] = 0
    return weights


def parts_from_weights(weights: Complex) -> Double:
    """Re(c S) = Re c Re S - Im c Im S as a product of real parts: (n, K) -> (n, 2K)."""
    return np.ascontiguousarray(weights.conj()).view(np.float64)
