"""How near a predicted motion is to a measured one, and a frame to a frame. Volumes: runtime/spectrum.py."""

import cv2
import numpy as np

MOVING_PX = 0.5  # amplitude from which a pixel moves, on a grid 256 wide
NEIGHBOUR = 4  # px between the pixels whose phases are compared
TEXTURED = 3.0  # grey levels per pixel: flow can be measured from there
FLOOR_POWER = 1e-6
STILL_PX = 0.25  # what is below stands still to the eye


def motion_map(volume: np.ndarray) -> np.ndarray:
    """RMS displacement from its mean of every pixel, times sqrt(2): (K, 4, H, W) -> (H, W) px."""
    return np.sqrt(2 * (volume[1:] ** 2).sum((0, 1)))


def ranks(values: np.ndarray) -> np.ndarray:
    """Rank of every value, ties sharing their mean: any shape -> (N,)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[inverse.ravel()]


def area_under_curve(score: np.ndarray, positive: np.ndarray) -> float:
    """Chance that a positive scores above a negative; nan where one of them is below 1 %."""
    positive = positive.ravel()
    share = positive.mean() if positive.size else 0
    if not 0.01 <= share <= 0.99:
        return float("nan")
    count, others = positive.sum(), (~positive).sum()
    return float((ranks(score)[positive].sum() - count * (count + 1) / 2) / (count * others))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's."""
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1]) if a.size and np.ptp(a) and np.ptp(b) else 0.0


def coherence(volume: np.ndarray) -> float:
    """How far neighbours move in phase, weighted by power: 1 is as one."""
    S = volume[1:, 0::2] + 1j * volume[1:, 1::2]
    together = apart = 0.0
    for axis in (2, 3):
        near = np.take(S, range(S.shape[axis] - NEIGHBOUR), axis)
        far = np.take(S, range(NEIGHBOUR, S.shape[axis]), axis)
        together += (near * far.conj()).real.sum()
        apart += np.sqrt((abs(near) ** 2).sum(1) * (abs(far) ** 2).sum(1)).sum()
    return float(together / (apart + 1e-9))


def horizontal(volume: np.ndarray) -> float:
    """Share of the motion's energy that is horizontal."""
    energy = volume[1:].astype(np.float64) ** 2
    return float(energy[:, :2].sum() / (energy.sum() + 1e-9))


def modal_overlap(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Modal assurance criterion |<p, m>|^2 / (|p|^2 |m|^2) of each frequency, weighted by measured power: 1 where
    the shapes of motion agree, whatever their phases and sizes.
    """
    p, m = ((S[1:, 0::2] + 1j * S[1:, 1::2]).reshape(len(S) - 1, -1) for S in (predicted, measured))
    product = abs((p * m.conj()).sum(1)) ** 2
    power_p, power_m = ((abs(S) ** 2).sum(1) for S in (p, m))
    return float((power_m * product / (power_p * power_m + 1e-9)).sum() / (power_m.sum() + 1e-9))


def stillness(volume: np.ndarray) -> dict[str, float]:
    """How still a photo without motion stays, on a grid of long side 256: share of pixels below 0.25 px, which
    should be .99 or more, and the amplitude that one pixel in a hundred exceeds.
    """
    amplitude = motion_map(volume)
    return {"still": float((amplitude < STILL_PX).mean()), "p99_px": float(np.percentile(amplitude, 99))}


def compare_map(score: np.ndarray, measured: np.ndarray, textured: np.ndarray) -> dict[str, float]:
    """How well a map of any scale (H, W) tells where things move, on all pixels and on textured ones."""
    moving = measured > MOVING_PX
    return {
        "auc": area_under_curve(score, moving),
        "auc_textured": area_under_curve(score[textured], moving[textured]),
        "rank": rank_correlation(score, measured),
        "rank_textured": rank_correlation(score[textured], measured[textured]),
    }


def compare_motion(predicted: np.ndarray, measured: np.ndarray, gradient: np.ndarray) -> dict[str, float]:
    """The measures of docs/training.md.

    predicted, measured  (K, 4, H, W) px, one grid
    gradient             (H, W)       grey levels per pixel of the photo
    """
    p, m = motion_map(predicted), motion_map(measured)
    moving = m > MOVING_PX
    power_p, power_m = (np.log10((S[1:] ** 2).sum(1).mean((1, 2)) + FLOOR_POWER) for S in (predicted, measured))
    off = power_p - power_m
    return {
        **compare_map(p, m, gradient > TEXTURED),
        "octaves": float(np.log2((p[moving].mean() + 1e-3) / (m[moving].mean() + 1e-3))) if moving.any() else np.nan,
        "power_decades": float(abs(off).mean()),
        "shape_decades": float(abs(off - off.mean()).mean()),
        "coherence": coherence(predicted) - coherence(measured),
        "horizontal": horizontal(predicted) - horizontal(measured),
        "mac": modal_overlap(predicted, measured),
        "still": float((p[m < 0.1] < STILL_PX).mean()) if (m < 0.1).any() else np.nan,
    }


def psnr(frame: np.ndarray, target: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal to noise ratio in dB of uint8 pictures (H, W, 3), where `mask` (H, W) is set."""
    error = (frame.astype(np.float32) - target) ** 2
    return float(10 * np.log10(255**2 / max((error if mask is None else error[mask]).mean(), 1e-6)))


def structural_similarity(frame: np.ndarray, target: np.ndarray) -> float:
    """Mean SSIM (Wang et al. 2004) of uint8 pictures (H, W, 3): windows of 7 px, sample covariances, the mean
    of the channels, edges left out - the figures of scikit-image's `structural_similarity`.
    """
    x, y, side = frame.astype(np.float64), target.astype(np.float64), 7
    mean_x, mean_y, xx, yy, xy = (cv2.blur(v, (side, side)) for v in (x, y, x * x, y * y, x * y))
    unbiased = side**2 / (side**2 - 1)
    var_x, var_y, covariance = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * unbiased * covariance + c2)
    similarity /= (mean_x**2 + mean_y**2 + c1) * (unbiased * (var_x + var_y) + c2)
    edge = side // 2
    return float(similarity[edge:-edge, edge:-edge].mean())
