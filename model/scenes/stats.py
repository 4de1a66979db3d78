"""How scenes move beside how the development clips move: the same figures of both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .texture import Float

MOVING_PX, STILL_PX, NEIGHBOUR_PX = 0.5, 0.1, 4


@dataclass(frozen=True, slots=True)
class Statistics:
    """Means over pictures; lengths in px at 256 wide, k >= 1 only."""

    moving: float  # share of pixels with RMS amplitude above 0.5 px
    still: float  # share below 0.1 px
    amplitude: float  # RMS amplitude, mean over the picture
    amplitude_p95: float
    amplitude_max: float
    horizontal: float  # share of the motion's energy
    coherence: float  # of pixels 4 px apart
    strongest: float  # share of power in the strongest harmonic
    low: float  # share of power in k = 1..5
    s_k: Float  # (15,) 95th percentile of |S_k| over all pixels, x and y apart
    share_k: Float  # (15,) power of each harmonic, mean of each picture's shares


# Measured on the 19 development loops: optical flow at 256 x 144, gated by temporal deviation.
CLIPS = Statistics(
    moving=0.249,
    still=0.549,
    amplitude=0.319,
    amplitude_p95=0.991,
    amplitude_max=1.955,
    horizontal=0.615,
    coherence=0.956,
    strongest=0.423,
    low=0.693,
    s_k=np.array(
        [0.354, 0.256, 0.168, 0.250, 0.142, 0.179, 0.115, 0.134, 0.085, 0.087, 0.087, 0.076, 0.046, 0.054, 0.038],
        np.float32,
    ),
    share_k=np.array(
        [0.158, 0.214, 0.141, 0.147, 0.033, 0.080, 0.020, 0.030, 0.034, 0.029, 0.020, 0.034, 0.015, 0.033, 0.014],
        np.float32,
    ),
)


def coherence(volume: Float) -> float:
    """In-phase share of neighbouring pixels' motion, weighted by power."""
    phasors = volume[1:, 0::2] + 1j * volume[1:, 1::2]
    d, together, apart = NEIGHBOUR_PX, 0.0, 1e-9
    for a, b in (
        (phasors[..., d:], phasors[..., :-d]),
        (phasors[..., d:, :], phasors[..., :-d, :]),
    ):
        together += float((a * b.conj()).real.sum())
        power = np.square(np.abs(a)).sum(1) * np.square(np.abs(b)).sum(1)
        apart += float(np.sqrt(power).sum())
    return together / apart


def statistics(volumes: Iterable[Float]) -> Statistics:
    """Figures of spectral volumes (16, 4, h, 256), px at 256 wide; still pictures count as such."""
    rows, shares, magnitudes = [], [], []
    for volume in volumes:
        energy = np.square(volume[1:])
        amplitude = np.sqrt(2 * energy.sum((0, 1)))
        power = energy.sum((1, 2, 3))
        row = [(amplitude > MOVING_PX).mean(), (amplitude < STILL_PX).mean(), amplitude.mean()]
        row += [np.percentile(amplitude, 95), amplitude.max()]
        if power.sum() > 0:
            share = power / power.sum()
            shares.append(share)
            row += [
                energy[:, :2].sum() / energy.sum(),
                coherence(volume),
                share.max(),
                share[:5].sum(),
            ]
        else:
            row += [np.nan] * 4
        rows.append(row)
        xy = np.hypot(volume[1:, 0::2], volume[1:, 1::2]).reshape(15, -1)
        magnitudes.append(xy[:, ::7])
    means = [float(m) for m in np.nanmean(np.array(rows, float), 0)]
    s_k = np.percentile(np.concatenate(magnitudes, 1), 95, axis=1).astype(np.float32)
    return Statistics(*means, s_k, np.mean(shares, 0).astype(np.float32))


def table(found: Statistics, reference: Statistics = CLIPS) -> str:
    """Both as text, a figure a line."""
    lines = [f"{'':24s}{'scenes':>9s}{'clips':>9s}"]
    for name in Statistics.__slots__[:9]:
        lines.append(f"{name:24s}{getattr(found, name):9.3f}{getattr(reference, name):9.3f}")
    for name in ("s_k", "share_k"):
        for k, (a, b) in enumerate(zip(getattr(found, name), getattr(reference, name), strict=True), 1):
            lines.append(f"{name + f' k={k}':24s}{a:9.3f}{b:9.3f}")
    return "\n".join(lines)
