import numpy as np
import pytest

from stillwave.kernels import ddim_step, reference
from stillwave.runtime.sampler import Schedule, sampler_steps

STEP = (0.3, 0.9, 0.4, 0.8, 0.25)


@pytest.fixture
def arrays():
    return list(np.random.default_rng(0).standard_normal((4, 15, 4, 21, 3)).astype(np.float32))


def test_agrees_with_the_reference_to_the_bit(isa, arrays):
    velocity, unconditional, latents, last = arrays
    for guide, guidance in ((None, 1.0), (unconditional, 1.75)):
        want = latents.copy(), last.copy()
        reference.ddim_step(velocity, *want, guide, np.array([*STEP, guidance], np.float32))
        ddim_step(velocity, latents, last, *STEP, unconditional=guide, guidance=guidance)
        np.testing.assert_array_equal(latents, want[0])
        np.testing.assert_array_equal(last, want[1])


def test_guidance_of_one_is_the_conditional_prediction(isa, arrays):
    velocity, unconditional, latents, last = arrays
    want, other = latents.copy(), last.copy()
    ddim_step(velocity, want, other, *STEP)
    ddim_step(velocity, latents, last, *STEP, unconditional=unconditional, guidance=1.0)
    np.testing.assert_allclose(latents, want, atol=1e-6)


def test_the_first_step_does_not_read_the_last_x_0(isa, arrays):
    velocity, _, latents, last = arrays
    last.fill(np.nan)
    ddim_step(velocity, latents, last, 0.3, 0.9, 0.0, 0.8, 0.25)
    assert np.isfinite(latents).all()
    assert np.isfinite(last).all()


def test_a_known_picture_is_found_again(isa):
    """With the velocity of a known x_0 the sampler ends there, in any number of steps."""
    schedule = Schedule()
    x_0, noise = np.random.default_rng(1).standard_normal((2, 40)).astype(np.float32)
    for count in (1, 2, 5):
        latents, last = noise.copy(), np.empty_like(noise)
        for step in sampler_steps(schedule, count):
            velocity = ((step.cos * latents - x_0) / step.sin).astype(np.float32)
            ddim_step(velocity, latents, last, step.cos, step.sin, step.reach, step.keep, step.pull)
        np.testing.assert_allclose(latents, x_0, atol=1e-4)


def test_threads_do_not_change_the_bits(isa):
    values = np.random.default_rng(2).standard_normal((3, 100_003)).astype(np.float32)
    found = []
    for threads in (1, 2, 5):
        velocity, latents, last = values.copy()
        ddim_step(velocity, latents, last, *STEP, threads=threads)
        found.append(latents)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_arrays_that_do_not_fit_are_refused(isa, arrays):
    velocity, _, latents, last = arrays
    with pytest.raises(ValueError, match=r"latents must have shape \(15, 4, 21, 3\), got \(15, 4, 21\)"):
        ddim_step(velocity, latents[..., 0], last, *STEP)
    with pytest.raises(TypeError, match="last must be float32, got float64"):
        ddim_step(velocity, latents, last.astype(np.float64), *STEP)
    with pytest.raises(ValueError, match="latents overlaps velocity in memory"):
        ddim_step(velocity, velocity, last, *STEP)
    with pytest.raises(ValueError, match="latents overlaps last in memory"):
        ddim_step(velocity, latents, latents, *STEP)
