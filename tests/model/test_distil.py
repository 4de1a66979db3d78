"""Distillation: the teacher is the runtime's sampler with guidance; the targets lead that sampler along its path."""

import numpy as np
import pytest
import torch
from torch import nn

from stillwave.model.train import distil
from stillwave.runtime.sampler import Schedule, sample


class Swirl(nn.Module):
    """A denoiser that can be written down: a velocity that depends on latents, time and condition."""

    def forward(self, latents, timestep, condition, frequency=None):
        pull = condition.mean((1, 2, 3)).repeat_interleave(len(latents) // len(condition))[:, None, None, None]
        when = timestep.repeat_interleave(len(latents) // len(timestep))[:, None, None, None] / 1000
        return 0.6 * latents * when - pull


@pytest.fixture
def exact(monkeypatch):
    monkeypatch.setattr(distil, "half_precision", lambda: torch.autocast("cpu", enabled=False))


def test_the_targets_lead_the_sampler_from_state_to_state():
    states = torch.randn(5, 3, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    velocities = iter(distil.velocity_targets(states).numpy())
    seen = []

    def predict(latents, timestep):
        seen.append(latents.copy())
        return next(velocities)

    end = sample(predict, states[0].numpy().copy(), Schedule(), 4)
    np.testing.assert_allclose(np.stack([*seen, end]), states.numpy(), atol=1e-4)


def test_without_guidance_the_teacher_is_the_runtimes_sampler(exact):
    condition, noise = torch.full((1, 2, 4, 4), 0.3), torch.randn(3, 4, 4, 4)
    states = distil.guided_states(Swirl(), condition, noise, steps=4, parts=1, guidance=1.0)
    teacher = Swirl()

    def predict(latents, timestep):
        return teacher(torch.from_numpy(latents), torch.tensor([float(timestep)]), condition).numpy()

    np.testing.assert_allclose(states[-1].numpy(), sample(predict, noise.numpy().copy(), Schedule(), 4), atol=1e-5)
    assert len(states) == 5
    torch.testing.assert_close(states[0], noise)


def test_more_steps_pass_the_same_noise_levels(exact):
    """Where a run of four steps stands, a run of sixteen stands too: its states are on one path."""
    condition, noise = torch.full((1, 2, 4, 4), 0.3), torch.randn(3, 4, 4, 4)
    coarse, fine = (distil.guided_states(Swirl(), condition, noise, 4, parts, 1.0) for parts in (8, 32))
    assert (coarse - fine).abs().max() < 0.05 * noise.abs().max()


def test_guidance_goes_beyond_the_condition(exact):
    condition, noise = torch.full((1, 2, 4, 4), 0.3), torch.zeros(3, 4, 4, 4)
    plain, guided = (distil.guided_states(Swirl(), condition, noise, 4, 1, g)[-1].mean() for g in (1.0, 1.75))
    torch.testing.assert_close(guided / plain, torch.tensor(1.75), rtol=1e-3, atol=0)
