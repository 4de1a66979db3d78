"""The sampler against closed forms."""

import numpy as np
import pytest

from stillwave.runtime.sampler import Schedule, initial_noise, sample, sampler_steps

SCHEDULE = Schedule()


def test_schedule_is_squared_linear() -> None:
    betas = np.linspace(0.0015**0.5, 0.0195**0.5, 1000) ** 2
    np.testing.assert_allclose(SCHEDULE.signal(), np.cumprod(1 - betas))


@pytest.mark.parametrize("steps", [1, 4, 50, 250, 1000])
def test_timesteps_start_at_the_noisiest(steps: int) -> None:
    times = SCHEDULE.timesteps(steps)
    assert times[0] == 999
    assert len(set(times.tolist())) == steps
    assert times.min() >= 0


@pytest.mark.parametrize("steps", [0, 1001])
def test_impossible_steps_are_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=r"steps must be 1\.\.1000"):
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


def kept_spread(steps: int, spread: float) -> float:
    """Standard deviation that samples of normal data keep, whose best velocity is known, over the data's."""
    signal, variance = SCHEDULE.signal(), spread**2

    def velocity(x: np.ndarray, t: int) -> np.ndarray:
        a = signal[t]
        x_0 = a**0.5 * variance / (a * variance + 1 - a) * x
        return ((a**0.5 * x - x_0) / (1 - a) ** 0.5).astype(np.float32)

    return float(sample(velocity, np.ones(1, np.float32), SCHEDULE, steps)[0]) / spread


@pytest.mark.parametrize("spread", [0.6, 1.0, 1.5])
def test_four_steps_keep_the_spread_of_normal_data(spread: float) -> None:
    assert 0.9 < kept_spread(4, spread) < 1.05
    assert 0.98 < kept_spread(50, spread) < 1.02


def test_reach_zero_is_ddim() -> None:
    """The first step has no past: it is DDIM's x' = cos' x_0 + sin' eps."""
    first = sampler_steps(SCHEDULE, 4)[0]
    a, b = (SCHEDULE.signal()[t] for t in SCHEDULE.timesteps(4)[:2])
    x, v = 0.3, -0.8
    x_0, noise = a**0.5 * x - (1 - a) ** 0.5 * v, (1 - a) ** 0.5 * x + a**0.5 * v
    ours = first.keep * x + first.pull * (first.cos * x - first.sin * v)
    assert first.reach == 0
    assert ours == pytest.approx(b**0.5 * x_0 + (1 - b) ** 0.5 * noise)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_guide_leads_to_its_goal_and_the_network_sees_it(steps: int) -> None:
    """A network that believes in no change of what it sees: v of x_0 = x, where the guide has led before."""
    goal, seen = np.full((2, 3), 1.5, np.float32), []

    def velocity(x: np.ndarray, t: int) -> np.ndarray:
        seen.append(x.copy())
        return np.zeros_like(x)

    latents = sample(velocity, initial_noise(1, (2, 3)), SCHEDULE, steps, lambda x_0: goal - x_0)
    np.testing.assert_allclose(latents, goal, atol=1e-5)
    assert len(seen) == 2 * steps
    first = sampler_steps(SCHEDULE, steps)[0]
    np.testing.assert_allclose(seen[1] - seen[0], first.cos * (goal - first.cos * seen[0]), atol=1e-5)


def test_noise_depends_on_the_seed_alone() -> None:
    np.testing.assert_array_equal(initial_noise(3, (4, 5)), initial_noise(3, (4, 5)))
    assert np.abs(initial_noise(3, (4, 5)) - initial_noise(4, (4, 5))).max() > 0.1
    np.testing.assert_allclose(initial_noise(0, (3,)), [1.117622, -1.3871249, -0.4265716], rtol=1e-6)
