"""Loops of any length: the rhythm of a clip whose last frame leads back to its first.

The motion itself repeats after T frames only; docs/decisions/0014 compares the ways and says why.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .rhythm import Double, Rhythm, parts_from_weights, swing
from .spectrum import Float, calm_moment, sparse_cells

LOOPS = ("exact", "guided", "crossfade", "none")
FADE = 0.25  # of a clip that is cross-faded
MOMENTS = 300  # of a clip among which the one to begin with is looked for, at most
GAIN = (0.5, 2.0)  # limits of what keeps the energy of frequencies that meet


def rhythm_for(
    loop: str, volume: Callable[[], Float], turns: Double, num_frames: int, is_predicted: bool = False
) -> Rhythm:
    """How the volume moves in a clip of `num_frames` whose natural rhythm is `turns` (K,) a frame.

    volume        gives it; called only where it matters, since one on a device has to be copied
    is_predicted  by a model that is told nothing of time: whatever moment the clip begins with is the photo
    """
    if loop not in LOOPS:
        raise ValueError(f"loop must be one of {', '.join(LOOPS)}, got {loop!r}")
    if loop == "exact":
        rhythm = exact(volume, turns, num_frames)
        is_changed = not np.allclose(rhythm.turns, turns, rtol=0, atol=1e-12)
        return begun_calmly(rhythm, volume(), num_frames) if is_predicted and is_changed else rhythm
    return guided(volume, turns, num_frames) if loop == "guided" else Rhythm(turns)


def exact(volume: Callable[[], Float], turns: Double, num_frames: int) -> Rhythm:
    """Every frequency moved to the nearest whole number of turns in the clip, but to one at least.

    What is too slow for a turn is sped up to one and made smaller in proportion, so that nothing
    moves faster than it did. Frequencies that meet add up as waves do, and are scaled together to
    the energy they had apart.
    """
    natural = np.abs(turns) * num_frames
    whole = np.where(natural > 0, np.maximum(1, np.floor(natural + 0.5 + 1e-9)), 0)
    gains = np.where(natural < 0.5 - 1e-9, natural, 1.0)
    for turn in np.unique(whole[whole > 0]):
        together = np.flatnonzero(whole == turn)
        if len(together) > 1:
            gains[together] *= _kept(volume()[together], gains[together])
    return Rhythm(np.sign(turns) * whole / num_frames, np.diag(np.repeat(gains, 2)))


def begun_calmly(rhythm: Rhythm, volume: Float, num_frames: int) -> Rhythm:
    """The same closed motion from where its seam shows least: in another rhythm that is another moment."""
    moments = np.linspace(0, num_frames, min(num_frames, MOMENTS), endpoint=False)
    cells = sparse_cells(volume)
    parts = cells.reshape(len(volume), 2, 2, *cells.shape[2:])  # [frequency, x or y, real or imaginary]
    bases = (rhythm.basis(list(moments - back)).reshape(len(moments), -1, 2) for back in (0, 1))
    now, before = (np.einsum("nkc,kxchw->nxhw", basis, parts) for basis in bases)
    return replace(rhythm, start=float(moments[calm_moment(now, now - before)]))


def _kept(slices: Float, gains: Double) -> float:
    """The factor at which the sum of slices (n, 4, h, w) has the energy of its parts."""
    scaled = slices * gains[:, None, None, None].astype(np.float32)
    apart, together = float((scaled**2).sum()), float((scaled.sum(0) ** 2).sum())
    return float(np.clip(np.sqrt(apart / max(together, 1e-12)), *GAIN)) if apart else 1.0


def guided(volume: Callable[[], Float], turns: Double, num_frames: int) -> Rhythm:
    """The natural rhythm of the nearest motion that closes: position and velocity agree at both ends.

    What self-guidance (eq. 5, see guidance.py) leaves to be done, in closed form.
    Both differences are linear in the volume, A S. Its frequencies are weighted by their power P:
    S - P A^T (A P A^T)^-1 A S is the sample of a normal prior N(0, P) conditioned on A S = 0
    (Matheron's rule), and where steepest descent of |A S|^2, preconditioned by P, ends.
    """
    ends = ends_apart(turns, num_frames)
    power = np.repeat([float((slice_**2).mean()) for slice_ in volume()], 2)
    spread = power[:, None] * ends.T
    return Rhythm(turns, np.eye(len(power)) - spread @ np.linalg.pinv(ends @ spread, hermitian=True) @ ends)


def ends_apart(turns: Double, num_frames: float) -> Double:
    """F_L - F_0 and F'_L - F'_0 as sums of the volume's parts: (2, 2K); all 0 where the motion closes.

    Velocities count in px a radian of the fastest frequency.
    """
    total = turns * num_frames
    missing = np.where(np.abs(total - np.round(total)) < 1e-9, 0, total)
    position = swing(missing[None])
    return parts_from_weights(np.concatenate([position, 1j * turns / max(np.abs(turns).max(), 1e-12) * position]))


def fade_shares(num_frames: int) -> Double:
    """How much of each frame of a cross-faded clip is what came before its start: (num_frames,).

    It rises as 3 u^2 - 2 u^3: the fade's own step is 0 at both ends, where it would add to the seam.
    """
    fading = int(FADE * num_frames)
    shares = np.zeros(num_frames)
    u = np.arange(1, fading + 1) / (fading + 1)
    shares[num_frames - fading :] = u**2 * (3 - 2 * u)
    return shares
