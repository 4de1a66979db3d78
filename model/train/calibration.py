"""How strongly predicted motion is to be taken, fitted on photos that the heads had not seen.

Heads tell well which places move more than others, less well by how much: what is uncertain comes out
as a mean, calm where it should be lively and lively where it should be still.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ..amplitude import limited
from ..evaluate.measures import FLOOR_POWER, MOVING_PX, motion_map

# Predicted motion covers more ground than real motion. So amplitude where things move and power over the frame
# can't both be right: 0 would be right for the former, about -1.2 for the latter
TARGET_OCTAVES = -0.5
ROUNDS = 6  # what the limit takes, the gain gives back


@dataclass(frozen=True)
class Prediction:
    """What heads say of a photo whose motion is known.

    total     (h, w)          expected amplitude of each cell, px
    share     (K-1, h, w)     of each frequency in its power, relative to what is usual
    measured  (K, 4, H, W)    px of a grid of long side 256
    """

    total: np.ndarray
    share: np.ndarray
    measured: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """total <- limited(gain * total);  share of frequency k <- tilt[k] ** 2 times it, of their sum."""

    gain: float
    tilt: np.ndarray  # (K-1,)

    def amplitude(self, prediction: Prediction) -> np.ndarray:
        """RMS of |S_k| in each cell, px: (K-1, h, w)."""
        share = prediction.share * self.tilt[:, None, None] ** 2
        share = share / share.sum(0)
        return limited(self.gain * prediction.total) * np.sqrt(0.5 * share)


def volume_of(amplitude: np.ndarray, height: int, width: int) -> np.ndarray:
    """A volume (K, 4, height, width) of that amplitude (K-1, h, w), all of it to and fro: to compare amplitudes."""
    planes = [cv2.resize(a.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) for a in amplitude]
    volume = np.zeros((len(amplitude) + 1, 4, height, width), np.float32)
    volume[1:, 0] = planes
    return volume


def log_power(volume: np.ndarray) -> np.ndarray:
    """log10 of the mean power of each frequency: (K, 4, H, W) -> (K-1,)."""
    return np.log10((volume[1:] ** 2).sum(1).mean((1, 2)) + FLOOR_POWER)


def octaves(predicted: np.ndarray, measured: np.ndarray) -> float:
    """log2 of predicted over measured amplitude where things move; nan where nothing does."""
    m = motion_map(measured)
    moving = m > MOVING_PX
    return float(np.log2(motion_map(predicted)[moving].mean() / m[moving].mean())) if moving.any() else np.nan


def calibrate(predictions: list[Prediction]) -> Calibration:
    """The gain that is right for the median photo, and tilts that leave no frequency too strong in more photos
    than it is too weak.
    """
    gain, tilt = 1.0, np.ones(len(predictions[0].share))
    for _ in range(ROUNDS):
        calibration = Calibration(gain, tilt)
        volumes = [volume_of(calibration.amplitude(p), *p.measured.shape[2:]) for p in predictions]
        # decades by which each photo's power of each frequency is too large
        off = np.array([log_power(v) - log_power(p.measured) for v, p in zip(volumes, predictions, strict=True)])
        own = np.median(off - off.mean(1, keepdims=True), 0)
        tilt = tilt * 10 ** (-(own - own.mean()) / 2)
        louder = [octaves(v, p.measured) for v, p in zip(volumes, predictions, strict=True)]
        gain *= 2 ** (TARGET_OCTAVES - np.nanmedian(louder))
    return Calibration(float(gain), tilt)
