"""Photo and noise -> latents of a spectral volume: deterministic DDIM in a few steps.

The sampler does not know what the model is: it calls `predict(latents, timestep)`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Schedule:
    """Squared-linear beta schedule of latent diffusion, velocity prediction.

    x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) eps;  the network predicts v = sqrt(a_t) eps - sqrt(1 - a_t) x_0
    (Salimans and Ho 2022), which stays well conditioned at the high noise of a few-step sampler.
    """

    train_steps: int = 1000
    beta_start: float = 0.0015
    beta_end: float = 0.0195

    def signal(self) -> npt.NDArray[np.float64]:
        """a_t, the share of signal variance left after t + 1 noising steps: (train_steps,)."""
        betas = np.linspace(self.beta_start**0.5, self.beta_end**0.5, self.train_steps) ** 2
        return np.cumprod(1 - betas)

    def timesteps(self, steps: int) -> npt.NDArray[np.int64]:
        """Evenly spaced from the noisiest step down: (steps,)."""
        if not 1 <= steps <= self.train_steps:
            raise ValueError(f"steps must be 1..{self.train_steps}, got {steps}")
        return np.round(np.linspace(self.train_steps, 0, steps, endpoint=False)).astype(np.int64) - 1


def ddim_coefficients(schedule: Schedule, steps: int) -> list[tuple[int, float, float]]:
    """The whole sampler as numbers: for each step (t, a, b) with x <- a x + b v (eta = 0)."""
    signal, times = schedule.signal(), schedule.timesteps(steps)
    plan = []
    for t, t_next in zip(times, [*times[1:], -1], strict=True):
        cos, sin = signal[t] ** 0.5, (1 - signal[t]) ** 0.5
        end = signal[t_next] if t_next >= 0 else 1.0
        cos_next, sin_next = end**0.5, (1 - end) ** 0.5
        # x_0 = cos x - sin v,  eps = sin x + cos v,  x_next = cos' x_0 + sin' eps
        plan.append((int(t), cos_next * cos + sin_next * sin, sin_next * cos - cos_next * sin))
    return plan


def sample(predict: Callable[[Float, int], Float], latents: Float, schedule: Schedule, steps: int) -> Float:
    """Denoise `latents` (unit normal on entry) in place and return them."""
    for t, a, b in ddim_coefficients(schedule, steps):
        velocity = predict(latents, t)
        latents *= np.float32(a)
        latents += np.float32(b) * velocity
    return latents


def initial_noise(seed: int, shape: tuple[int, ...]) -> Float:
    """Unit normal noise, the same on every machine for one seed."""
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, np.float32)
