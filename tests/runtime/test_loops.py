"""Loops of any length: motion alone, then frames."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwave.runtime.loops import FADE, exact, fade_shares, guided, rhythm_for
from stillwave.runtime.rhythm import Rhythm, natural_turns
from stillwave.runtime.spectrum import anchor, motion_from_volume

K, T = 6, 60
EXAMPLE = Path(__file__).parents[2] / "examples" / "dandelion.jpg"
TURNS = natural_turns(K, T)


def volume(seed: int = 0) -> np.ndarray:
    """Independent pixels whose power falls with frequency, (K, 4, 6, 7) px."""
    normal = np.random.default_rng(seed).normal(size=(K, 4, 6, 7))
    return anchor((normal / (1 + np.arange(K))[:, None, None, None]).astype(np.float32))


def motion(rhythm: Rhythm, S: np.ndarray, frames) -> np.ndarray:
    """(n, 2, h, w) px"""
    terms = rhythm.basis(list(frames)).reshape(len(frames), len(S), 2)
    return np.einsum("nkc,kxchw->nxhw", terms, S.reshape(len(S), 2, 2, *S.shape[2:]))


def energy(F: np.ndarray) -> float:
    return float((F.std(0) ** 2).sum())


def test_the_natural_rhythm_is_the_definition() -> None:
    S = volume()
    np.testing.assert_allclose(motion(Rhythm(TURNS), S, range(T)), motion_from_volume(S, T), atol=1e-5)


@pytest.mark.parametrize("way", [exact, guided])
def test_a_clip_of_the_motions_own_period_is_left_alone(way) -> None:
    S = volume()
    np.testing.assert_allclose(motion(way(lambda: S, TURNS, T), S, range(T)), motion_from_volume(S, T), atol=1e-5)


@pytest.mark.parametrize("way", [exact, guided])
@given(st.integers(2, 400), st.sampled_from([-1.0, 0.3, 1.0, 2.7]))
@settings(max_examples=40, deadline=None)
def test_any_length_closes_in_position_and_velocity(way, count, speed) -> None:
    S = volume()
    F = motion(way(lambda: S, TURNS * speed, count), S, [0, 0.01, count, count + 0.01])
    scale = np.abs(S).max()
    np.testing.assert_allclose(F[0], 0, atol=1e-6)
    np.testing.assert_allclose(F[2], F[0], atol=1e-4 * scale)
    np.testing.assert_allclose(F[3] - F[2], F[1] - F[0], atol=1e-4 * scale)


@pytest.mark.parametrize("count", [40, 55, 71, 90, 130])
def test_exact_keeps_energy_and_rhythm(count) -> None:
    S = volume()
    F, natural = motion(exact(lambda: S, TURNS, count), S, range(count)), motion_from_volume(S, T)
    assert 0.8 < energy(F) / energy(natural) < 1.1
    speed, natural_speed = (np.sqrt((np.diff(m, axis=0) ** 2).mean()) for m in (F, natural))
    assert 0.8 < speed / natural_speed < 1.15


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [24, 37, 75, 1000])
def test_a_predicted_loop_begins_at_an_ordinary_pace_with_the_photo(seed, count) -> None:
    S = np.tile(volume(seed)[:, :, :1, :1], (1, 1, 16, 16))  # a thing that sways as one
    rhythm = rhythm_for("exact", lambda: S, TURNS, count, is_predicted=True)
    F = motion(rhythm, S, range(count))
    assert not F[0].any()
    pace = np.linalg.norm(F - np.roll(F, 1, 0), axis=1).mean((1, 2))
    assert pace[0] <= 0.75 * np.median(pace)
    # the same closed motion as from the start, begun at another of its moments
    as_it_came = motion(exact(lambda: S, TURNS, count), S, np.arange(count) + rhythm.start)
    np.testing.assert_allclose(F, as_it_came - as_it_came[0], atol=1e-4)


def test_a_measured_loop_begins_where_it_was_measured() -> None:
    assert rhythm_for("exact", volume, TURNS, 37).start == 0


def test_a_predicted_loop_of_its_own_length_has_begun_already() -> None:
    assert rhythm_for("exact", volume, TURNS, 2 * T, is_predicted=True).start == 0


def test_what_is_too_slow_for_a_turn_gets_no_faster() -> None:
    """A third of a turn becomes a whole one of a third of the size."""
    S = np.zeros((2, 4, 3, 3), np.float32)
    S[1, 0] = 1.0
    rhythm = exact(lambda: S, natural_turns(2, 60), 20)
    np.testing.assert_allclose(motion(rhythm, S, [10])[0, 0], -4 / 3, rtol=1e-5)


def test_frequencies_that_meet_keep_their_energy() -> None:
    S = np.zeros((4, 4, 3, 3), np.float32)
    S[2:, 0] = 1.0  # alike: 1.6 and 2.4 turns both become two
    rhythm = exact(lambda: S, natural_turns(4, 60), 48)
    np.testing.assert_allclose(rhythm.turns[2:] * 48, 2)
    apart = motion(Rhythm(np.array([0, 1, 2, 3]) / 48), S, range(48))
    assert energy(motion(rhythm, S, range(48))) == pytest.approx(energy(apart), rel=1e-4)


def test_guided_is_where_autograd_descends_to() -> None:
    """Self-guidance (eq. 5) with squared differences, preconditioned by the power of each frequency."""
    S, count = volume(), 37
    power = torch.from_numpy(np.repeat((S**2).mean((1, 2, 3)), 4).reshape(K, 4, 1, 1))
    k = torch.arange(K).reshape(K, 1, 1, 1) / T

    def differences(V: torch.Tensor) -> torch.Tensor:
        """F_L - F_0 and F'_L - F'_0, by torch: (2, 2, h, w)."""
        waves = [torch.exp(2j * np.pi * k * t) for t in (count, 0)]
        complex_xy = V[:, 0::2] + 1j * V[:, 1::2]
        position, velocity = ((w * (waves[0] - waves[1]) * complex_xy)[1:].real.sum(0) for w in (1, 1j * k / k.max()))
        return torch.stack([position, velocity])

    V = torch.from_numpy(S.copy()).requires_grad_()
    for _ in range(3000):
        loss = (differences(V) ** 2).sum()
        (gradient,) = torch.autograd.grad(loss, V)
        with torch.no_grad():
            V -= 0.05 * power * gradient
    closed = motion(guided(lambda: S, TURNS, count), S, range(count))
    descended = motion(Rhythm(TURNS), V.detach().numpy(), range(count))
    np.testing.assert_allclose(closed, descended, atol=2e-3)
    assert differences(torch.from_numpy(S)).abs().sum() > 100 * differences(V).abs().sum()  # the paper's L1


def test_fade_ends_where_the_clip_begins() -> None:
    shares = fade_shares(100)
    assert not shares[: int(100 * (1 - FADE))].any()
    assert (np.diff(shares[75:]) > 0).all()
    np.testing.assert_allclose(shares[75:] + shares[:74:-1], 1)
    assert max(shares[75], 1 - shares[-1]) < 0.2 * np.diff(shares).max()  # no step of its own at the seam


def test_an_unknown_loop_is_refused() -> None:
    with pytest.raises(ValueError, match="loop must be one of exact, guided, crossfade, none, got 'mobius'"):
        rhythm_for("mobius", volume, TURNS, 30)


# --- frames ---


@pytest.mark.parametrize("loop", ["exact", "guided", "crossfade"])
def test_the_last_step_is_like_the_others(animator, photo, swaying, loop) -> None:
    with animator.scene(photo, swaying, num_frames=24) as scene:
        frames = [f.astype(np.int32) for f in scene.frames(seconds=1.0, loop=loop)]
    steps = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    assert len(frames) == 30
    assert steps[-1] <= 1.3 * max(steps[:-1])


@pytest.mark.parametrize("seed", [0, 3, 5])
@pytest.mark.parametrize(("loop", "seconds"), [("exact", 2.0), ("exact", 3.7), ("exact", 5.0), ("crossfade", 3.7)])
def test_the_seam_of_a_predicted_motion_is_an_ordinary_step(animator, seed, loop, seconds) -> None:
    """The photo is the first frame, the last leads to it, and neither motion nor picture hurries there."""
    with animator.analyze(EXAMPLE, seed, size=(160, 96)) as scene:
        frames = [f.astype(np.int16) for f in scene.frames(seconds, fps=15, loop=loop)]
    steps = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    assert 0 < steps[-1] <= 1.05 * np.median(steps)


def test_without_a_loop_the_motion_is_as_predicted(animator, photo, swaying) -> None:
    with animator.scene(photo, swaying, num_frames=24) as scene:
        frames = list(scene.frames(seconds=1 / 3, speed=0.5, loop="none"))
        for i in (0, 3, 9):
            np.testing.assert_array_equal(frames[i], scene.frame(i / 2))


def test_a_crossfade_leaves_the_start_alone_and_uses_out(animator, photo, swaying) -> None:
    with animator.scene(photo, swaying, num_frames=24) as scene:
        out = np.empty_like(photo)
        faded = [(f is out, f.copy()) for f in scene.frames(seconds=0.6, loop="crossfade", out=out)]
        plain = list(scene.frames(seconds=0.6, loop="none"))
        assert all(is_out for is_out, _ in faded)
        for (_, a), b in zip(faded[:14], plain[:14], strict=True):
            np.testing.assert_array_equal(a, b)
        earlier, now = scene.frame(17 - 18.0).astype(float), plain[17].astype(float)
        np.testing.assert_allclose(faded[17][1], 0.896 * earlier + 0.104 * now, atol=0.51)


def test_slow_motion_never_repeats_a_frame(animator, photo, swaying) -> None:
    with animator.scene(photo, swaying) as scene:
        frames = list(scene.frames(seconds=1.0, speed=0.13, loop="none"))
    assert all((a != b).any() for a, b in itertools.pairwise(frames))
