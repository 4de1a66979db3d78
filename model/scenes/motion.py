"""What moves things: harmonics of one loop, a shared wind, and each object's own modes.

Every phasor array ends in the 15 harmonics k = 1..15 of a loop of 150 frames, so the spectral
volume of a scene is a closed form: displacement(t) = sum_k 2 Re(S_k (exp(2 pi i k t / 150) - 1)).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .texture import Float, Size

Complex = NDArray[np.complex64]

NUM_FRAMES = 150
HARMONICS = np.arange(1, 16)
# The development clips' spectra: decades of power lost a harmonic, and their scatter (one sigma).
DECAY, RIPPLE = 0.115, 0.65


def spectrum(rng: np.random.Generator, decay: float = DECAY, ripple: float = RIPPLE) -> Float:
    """Amplitudes (15,) with an RMS motion of 1: falling with k, with a few strong peaks."""
    log_power = -decay * (HARMONICS - 1) + rng.normal(0, ripple, 15)
    power = 10.0**log_power
    return np.sqrt(power / (2 * power.sum())).astype(np.float32)


def phases(rng: np.random.Generator, *shape: int) -> Complex:
    """Random unit phasors (*shape, 15)."""
    return np.exp(2j * np.pi * rng.random((*shape, 15))).astype(np.complex64)


class Wind:
    """A gust that crosses the scene, unevenly: a smooth field of phasors in x and y."""

    def __init__(self, rng: np.random.Generator, size: Size):
        self.rng, self.size = rng, size
        self.amplitude = spectrum(rng)
        angle = rng.normal(0, 0.5) + rng.normal(0, 0.35, 15)
        turn = np.exp(1j * rng.normal(0, 0.7, 15))
        self.direction = np.stack([np.cos(angle), np.sin(angle) * turn]).astype(np.complex64)
        self.sway = phases(rng)
        self.delay = rng.normal(0, 6, 2) / size[0]  # frames of delay per px of the way
        patch = float(np.exp(rng.uniform(np.log(0.12), np.log(0.6))))  # of the width
        unevenness = rng.uniform(0.2, 1.2)
        shape = (int(size[1] / size[0] / patch) + 3, int(1 / patch) + 3)
        noise = rng.standard_normal((*shape, 15, 2)) + 1j * rng.standard_normal((*shape, 15, 2))
        noise = noise * unevenness * 0.7 + 1
        self.grid = (noise / np.sqrt(1 + unevenness**2)).astype(np.complex64)

    def at(self, points: Float) -> Complex:
        """Displacement phasors (N, 2, 15) of a free thing at `points` (N, 2) px; RMS about 1."""
        points = np.atleast_2d(np.asarray(points, np.float32))
        rows, columns = self.grid.shape[:2]
        u = np.clip(points[:, 0] / self.size[0], -0.2, 1.2) * (columns - 3) + 1
        v = np.clip(points[:, 1] / self.size[1], -0.2, 1.2) * (rows - 3) + 1
        local = _sample(self.grid, u, v)
        delay = np.exp(-2j * np.pi / NUM_FRAMES * np.outer(points @ self.delay, HARMONICS))
        common = self.amplitude * self.sway * self.direction
        return (local.transpose(0, 2, 1) * delay[:, None] * common).astype(np.complex64)

    def own(self, count: int, spread: float = 0.35) -> Complex:
        """Private displacement phasors (count, 2, 15): the wind's spectrum with resonances."""
        tone = np.exp(self.rng.normal(0, spread, (count, 15))) * self.amplitude
        tone /= np.sqrt(2 * (tone**2).sum(1, keepdims=True))
        angle = self.rng.normal(0, 0.7, (count, 1))
        turn = np.stack([np.cos(angle) + 0j, np.sin(angle) * np.exp(1j * angle)], 1)
        return (tone[:, None] * turn * phases(self.rng, count)[:, None]).astype(np.complex64)

    def twist(self, count: int) -> Complex:
        """Private scalar phasors (count, 15), RMS 1: turning, fluttering."""
        tone = np.exp(self.rng.normal(0, 0.35, (count, 15))) * self.amplitude
        tone /= np.sqrt(2 * (tone**2).sum(1, keepdims=True))
        return (tone * phases(self.rng, count)).astype(np.complex64)


def _sample(field: Complex, u: Float, v: Float) -> Complex:
    """Bilinear samples (N, ...) of field (rows, columns, ...)."""
    u = np.clip(u, 0, field.shape[1] - 1.001)
    v = np.clip(v, 0, field.shape[0] - 1.001)
    i, j = u.astype(int), v.astype(int)
    fu = (u - i).reshape(-1, *(1,) * (field.ndim - 2))
    fv = (v - j).reshape(fu.shape)
    top = field[j, i] * (1 - fu) + field[j, i + 1] * fu
    bottom = field[j + 1, i] * (1 - fu) + field[j + 1, i + 1] * fu
    return (top * (1 - fv) + bottom * fv).astype(np.complex64)


def rotating(points: Complex, t: float) -> Float:
    """Real displacement at time t (frames), anchored to 0 at t = 0: (..., 15) -> (...)."""
    turn = np.exp(2j * np.pi * HARMONICS * t / NUM_FRAMES) - 1
    return np.asarray(2 * (points @ turn.astype(np.complex64)).real, np.float32)
