"""The sampler against closed forms."""

import numpy as np
import pytest

from stillwave.runtime.sampler import Schedule, ddim_coefficients, initial_noise, sample

SCHEDULE = Schedule()


def test_schedule_is_squared_linear() -> None:
    betas = np.linspace(0.0015**0.5, 0.0195**0.5, 1000) ** 2
    np.testing.assert_allclose(SCHEDULE.signal(), np.cumprod(1 - betas))


@pytest.mark.parametrize("steps", [1, 4, 50, 1000])
def test_timesteps_start_at_the_noisiest(steps: int) -> None:
    times = SCHEDULE.timesteps(steps)
    assert times[0] == 999
    assert len(set(times.tolist())) == steps
    assert times.min() >= 0


@pytest.mark.parametrize("steps", [0, 1001])
def test_impossible_steps_are_refused(steps: int) -> None:
    with pytest.raises(ValueError, match="steps must be 1..1000"):
        SCHEDULE.timesteps(steps)


@pytest.mark.parametrize("steps", [1, 2, 4, 30])
def test_exact_velocity_of_one_sample_returns_it(steps: int) -> None:
    """With a data set of one point the true velocity is known, and every sampler must land on it."""
    target = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    signal = SCHEDULE.signal()

    def velocity(x: np.ndarray, t: int) -> np.ndarray:
        cos, sin = signal[t] ** 0.5, (1 - signal[t]) ** 0.5
        noise = (x - cos * target) / sin
        return (cos * noise - sin * target).astype(np.float32)

    np.testing.assert_allclose(sample(velocity, initial_noise(1, (2, 3)), SCHEDULE, steps), target, atol=1e-3)


def test_gaussian_data_keeps_its_spread() -> None:
    """For unit normal data the velocity is zero in expectation and DDIM must keep unit variance."""
    plan = ddim_coefficients(SCHEDULE, 50)
    gain = np.prod([a for _, a, _ in plan])
    assert 0.9 < gain < 1.0


def test_noise_depends_on_the_seed_alone() -> None:
    np.testing.assert_array_equal(initial_noise(3, (4, 5)), initial_noise(3, (4, 5)))
    assert np.abs(initial_noise(3, (4, 5)) - initial_noise(4, (4, 5))).max() > 0.1
    np.testing.assert_allclose(initial_noise(0, (3,)), [1.117622, -1.3871249, -0.4265716], rtol=1e-6)
