"""Touch: the oscillators alone, then a scene under the pointer."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwave.runtime.dynamics import Damping, Dynamics, mobility, modes_at, pose_towards

POSE = np.array([0, 1 - 2j, 0.5j, -0.3, 0.1 + 0.1j])
dts = st.lists(st.floats(1 / 240, 1 / 5), min_size=1, max_size=40)


def released(damping: Damping | None = None, period_s: float = 5.0) -> Dynamics:
    dynamics = Dynamics(len(POSE), period_s, damping)
    dynamics.drag(POSE)
    dynamics.release()
    return dynamics


@given(dts, st.sampled_from([0.2, 1.0, 5.0]), st.floats(0, 3), st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_energy_never_rises_after_release(steps, period_s, alpha, beta) -> None:
    dynamics = released(Damping(alpha, beta), period_s)
    last = dynamics.energy()
    for dt in steps:
        dynamics.advance(dt)
        assert dynamics.energy() <= last * (1 + 1e-9)
        last = dynamics.energy()


@given(dts)
@settings(max_examples=40, deadline=None)
def test_the_state_does_not_depend_on_the_steps(steps) -> None:
    many, one = released(), released()
    for dt in steps:
        many.advance(dt, wind=0.7)
    one.advance(sum(steps), wind=0.7)
    np.testing.assert_allclose(many.weights(), one.weights(), atol=1e-9)
    assert many.energy() == pytest.approx(one.energy(), abs=1e-9)


def test_the_equation_is_solved() -> None:
    """q'' + g q' + w^2 q = 0, by differences of the closed form."""
    h, positions = 1e-4, []
    for t in (0.3 - h, 0.3, 0.3 + h):
        dynamics = released()
        dynamics.advance(t)
        positions.append(dynamics.position)
    before, now, after = positions
    g = 0.4 + 0.08 * dynamics.angular**2
    residual = (after - 2 * now + before) / h**2 + g * (after - before) / (2 * h) + dynamics.angular**2 * now
    np.testing.assert_allclose(residual, 0, atol=1e-4 * np.abs(dynamics.angular**2 * POSE).max())


def test_it_starts_at_rest_where_it_was_held() -> None:
    np.testing.assert_array_equal(released().weights(), POSE)
    assert not released().velocity.any()


def test_wind_is_the_scenes_own_motion() -> None:
    dynamics = Dynamics(4, 5.0)
    for _ in range(40):
        dynamics.advance(0.5, wind=1.0)
    np.testing.assert_allclose(dynamics.weights(), 0, atol=1e-6)  # 20 s: four whole periods
    dynamics.advance(1.25, wind=1.0)
    np.testing.assert_allclose(dynamics.weights()[1:], 2 * (np.array([1j, -1, -1j]) - 1), atol=1e-6)


@given(st.integers(0, 2**31), st.floats(0, 6.3))
@settings(max_examples=60, deadline=None)
def test_a_pulled_pixel_moves_the_way_it_is_pulled(seed, angle) -> None:
    rng = np.random.default_rng(seed)
    modes = rng.normal(size=(6, 2)) + 1j * rng.normal(size=(6, 2))
    pull = np.array([np.cos(angle), np.sin(angle)])
    moved = (modes * pose_towards(modes, tuple(pull), 1.0)[:, None]).sum(0).real
    assert moved @ pull > 0
    assert np.linalg.norm(moved) <= 1


def test_a_lively_pixel_follows_the_pointer() -> None:
    modes = np.array([[0, 0], [2, 1j], [1j, 2]])
    moved = (modes * pose_towards(modes, (3.0, -4.0), 10.0)[:, None]).sum(0).real
    np.testing.assert_allclose(moved, (3, -4), rtol=0.06)


def test_what_never_moves_holds_nothing() -> None:
    assert not pose_towards(np.zeros((4, 2), complex), (5.0, 0.0), 3.0).any()
    assert not pose_towards(np.zeros((4, 2), complex), (5.0, 0.0), 0.0).any()


def test_modes_between_cells(swaying) -> None:
    here = modes_at(swaying, 52.5, 24)
    both = (modes_at(swaying, 52, 24) + modes_at(swaying, 53, 24)) / 2
    np.testing.assert_allclose(here, both)
    np.testing.assert_array_equal(modes_at(swaying, -5, 99), modes_at(swaying, 0, 47))
    assert mobility(swaying) == pytest.approx(2 * 0.8**2)


# --- a scene ---

TOUCHED = (105.0, 48.5)  # px of the photo, where `swaying` is strongest


@pytest.fixture
def scene(animator, photo, swaying):
    with animator.scene(photo, swaying) as opened:
        yield opened


def offset(before: np.ndarray, after: np.ndarray) -> tuple[int, int]:
    """Whole pixels by which the picture around TOUCHED moved, by the best match."""
    x, y = (round(v) for v in TOUCHED)
    patch = before[y - 6 : y + 7, x - 6 : x + 7].astype(int)

    def error(d: tuple[int, int]) -> float:
        moved = after[y - 6 + d[1] : y + 7 + d[1], x - 6 + d[0] : x + 7 + d[0]]
        return float(np.abs(moved - patch).sum())

    return min(((dx, dy) for dx in range(-8, 9) for dy in range(-8, 9)), key=error)


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("pull", [(5, 0), (-5, 0), (0, 5), (4, -4)])
def test_the_dragged_pixel_follows_the_pointer(scene, photo, pull, preview) -> None:
    scene.drag(*TOUCHED, *pull)
    moved = offset(photo, scene.step(1 / 30, preview=preview))
    assert np.abs(np.subtract(moved, pull)).max() <= 1
    scene.release()
    np.testing.assert_array_equal(moved, offset(photo, scene.step(0.0, preview=preview)))


@pytest.mark.parametrize("preview", [False, True])
def test_back_at_rest_it_is_the_photo(scene, photo, preview) -> None:
    np.testing.assert_array_equal(scene.step(0.0, preview=preview), photo)
    scene.drag(*TOUCHED, 6, 2)
    scene.release()
    assert np.abs(scene.step(1 / 30, preview=preview).astype(int) - photo).max() > 20
    for _ in range(300):
        scene.dynamics.advance(0.2)
    assert np.abs(scene.step(0.2, preview=preview).astype(int) - photo).max() <= 1


def test_the_scene_calms_down(scene, photo) -> None:
    scene.drag(*TOUCHED, 6, 2)
    scene.release()
    energies = []
    for _ in range(20):
        scene.step(1 / 5, preview=True)
        energies.append(scene.dynamics.energy())
    assert all(b <= a for a, b in itertools.pairwise(energies))
    assert energies[-1] < 0.2 * energies[0]


def test_wind_blends_with_touch(scene, photo) -> None:
    windy = [scene.step(1.0, wind=1.0, preview=True) for _ in range(2)][-1].astype(int)
    assert np.abs(windy - photo).max() > 10
    scene.drag(*TOUCHED, 5, 0)
    assert np.abs(scene.step(0.0, wind=1.0, preview=True) - windy).max() > 10


def test_a_far_pointer_pulls_as_far_as_the_reach(scene, photo) -> None:
    scene.drag(*TOUCHED, 900, 0)
    far = scene.step(0.0)
    scene.drag(*TOUCHED, 16, 0)
    np.testing.assert_array_equal(far, scene.step(0.0))


def test_touching_what_never_moves_moves_nothing(scene, photo) -> None:
    scene.drag(20, 48, 5, 5)
    np.testing.assert_array_equal(scene.step(0.0), photo)


def test_impossible_steps_are_refused(scene) -> None:
    with pytest.raises(ValueError, match="dt must be 0 s or more, got -1"):
        scene.step(-1)
    with pytest.raises(ValueError, match="dx must be a finite number, got nan"):
        scene.drag(1, 1, float("nan"), 0)
