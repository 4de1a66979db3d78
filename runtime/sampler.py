"""Photo and noise -> latents of a spectral volume: deterministic sampling in a few steps.

The sampler does not know what the model is: it calls `predict(latents, timestep)`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwave import kernels

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
        """From the noisiest down, evenly spaced in the angle whose cosine is sqrt(a_t): (steps,)."""
        if not 1 <= steps <= self.train_steps:
            raise ValueError(f"steps must be 1..{self.train_steps}, got {steps}")
        angle = np.arccos(np.sqrt(self.signal()))
        wanted = np.linspace(angle[-1], max(angle[-1] / steps, angle[0]), steps)
        nearest = np.abs(angle - wanted[:, None]).argmin(1)
        # where the schedule is coarser than the steps: no timestep twice, and enough left for the rest
        order = np.arange(steps)
        return np.maximum(np.minimum.accumulate(nearest + order) - order, steps - 1 - order)


@dataclass(frozen=True)
class Step:
    """One step: x_0 = cos x - sin v, extrapolated: x_0 + reach (x_0 - last x_0); then x <- keep x + pull x_0."""

    timestep: int
    cos: float
    sin: float
    reach: float
    keep: float
    pull: float


def sampler_steps(schedule: Schedule, steps: int) -> list[Step]:
    """The whole sampler as numbers: DDIM (eta = 0) of second order.

    DDIM holds the predicted x_0 fixed over a step. In few steps that calms what is uncertain, which
    here is all motion: of unit variance 4 steps keep 0.53. Extrapolating x_0, linear in the angle,
    to the middle of the step (two-step Adams-Bashforth) keeps 0.95 at no cost; see
    docs/decisions/0006. With reach = 0 it is DDIM.
    """
    signal, times = schedule.signal(), schedule.timesteps(steps)
    angles = [*np.arccos(np.sqrt(signal[times])), 0.0]
    plan = []
    for i, t in enumerate(times):
        now, then = angles[i], angles[i + 1]
        reach = (now - then) / 2 / (angles[i - 1] - now) if i else 0.0
        keep = np.sin(then) / np.sin(now)
        plan.append(Step(int(t), np.cos(now), np.sin(now), reach, keep, np.cos(then) - keep * np.cos(now)))
    return plan


def sample(
    predict: Callable[[Float, int], Float],
    latents: Float,
    schedule: Schedule,
    steps: int,
    guide: Callable[[Float], Float] | None = None,
) -> Float:
    """Denoise `latents` (unit normal on entry) in place and return them.

    guide  x_0 -> what to add to it (paper eq. 5). A guided step is taken once more (self-recurrence), from
           where the guided x_0 and the same noise would have been, so that the network sees what was added
    """
    last = np.empty_like(latents)
    for step in sampler_steps(schedule, steps):
        velocity = predict(latents, step.timestep)
        if guide is not None:
            latents += np.float32(step.cos) * guide(_x_0(step, latents, velocity))
            velocity = predict(latents, step.timestep)
            velocity -= guide(_x_0(step, latents, velocity)) / np.float32(step.sin)
        kernels.ddim_step(
            *(velocity, latents, last),
            *(step.cos, step.sin, step.reach, step.keep, step.pull),
            threads=1,
        )
    return latents


def _x_0(step: Step, latents: Float, velocity: Float) -> Float:
    return np.float32(step.cos) * latents - np.float32(step.sin) * velocity


def initial_noise(seed: int, shape: tuple[int, ...]) -> Float:
    """Unit normal noise, the same on every machine for one seed."""
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, np.float32)
