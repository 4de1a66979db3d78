"""Frames of a known motion, with the embedded networks."""

import numpy as np
import pytest

from stillwave.runtime import MotionError, spectrum
from stillwave.runtime.budget import layouts


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.mean((a.astype(np.float64) - b) ** 2)
    return 10 * np.log10(255**2 / max(error, 1e-9))


def test_no_motion_is_the_photo(animator, photo) -> None:
    with animator.scene(photo, np.zeros((3, 4, 48, 80), np.float32)) as scene:
        np.testing.assert_array_equal(scene.frame(12.0), photo)


def test_first_frame_is_the_photo(animator, photo, swaying) -> None:
    with animator.scene(photo, swaying) as scene:
        first = scene.frame(0.0)
    assert psnr(first, photo) >= 32
    assert psnr(first[:, :56], photo[:, :56]) >= 40  # never moves


def test_a_measured_motion_is_sharpened_and_a_predicted_one_is_not(animator, photo, swaying) -> None:
    measured = spectrum.measured_for(swaying, photo.shape[:2])
    assert np.abs(measured - swaying).max() > 0.01
    with animator.scene(photo, measured, is_predicted=True) as want, animator.scene(photo, swaying) as got:
        np.testing.assert_allclose(got.frame(37.5).astype(int), want.frame(37.5), atol=1)
        assert (got.frame(37.5) != photo).any()
        np.testing.assert_array_equal(got.spectral_volume, swaying)  # files keep what was measured
    with animator.scene(photo, swaying, is_predicted=True) as predicted, animator.scene(photo, swaying) as other:
        assert (predicted.frame(37.5) != other.frame(37.5)).any()


def test_what_never_moves_stays(animator, photo, swaying) -> None:
    with animator.scene(photo, swaying) as scene:
        assert psnr(scene.frame(50.0)[:, :56], photo[:, :56]) >= 40


def test_what_moves_moves(animator, photo, swaying) -> None:
    with animator.scene(photo, swaying) as scene:
        displaced = scene.frame(37.5)
    assert psnr(displaced[30:66, 90:120], photo[30:66, 90:120]) < 30


def test_loop_closes_exactly(animator, photo, swaying) -> None:
    with animator.scene(photo, swaying, num_frames=24) as scene:
        np.testing.assert_array_equal(scene.frame(0.0), scene.frame(24.0))


def test_steps_between_frames_are_even_over_the_seam(animator, photo, swaying) -> None:
    with animator.scene(photo, swaying, num_frames=24) as scene:
        frames = [f.astype(np.int32) for f in scene.frames(seconds=24 / 30)]
    steps = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    assert steps[-1] <= 1.3 * max(steps[:-1])


@pytest.mark.parametrize("size", [(160, 96), (158, 94), (128, 76)])
def test_any_even_size(animator, photo, swaying, size) -> None:
    with animator.scene(photo, swaying, size=size) as scene:
        frame = scene.frame(0.0)
        assert frame.shape == (size[1], size[0], 3)
        assert psnr(frame, scene.photo) >= 32


def test_tiles_do_not_change_a_pixel(animator, swaying) -> None:
    rng = np.random.default_rng(1)
    photo = rng.integers(0, 255, (256, 128, 3)).astype(np.uint8)
    volume = spectrum.resize_volume(swaying, 128, 64)
    choices = list(layouts(animator.manifest, (128, 256), (64, 128), len(volume)))
    frames = []
    for layout in (choices[0], choices[1], choices[-1]):
        with animator._scene(photo, volume, layout, 150, 30.0) as scene:
            frames.append(scene.frame(40.0))
    assert choices[1].tile_rows < choices[0].tile_rows
    for tiled in frames[1:]:
        assert np.abs(tiled.astype(int) - frames[0]).max() <= 1


def test_magnify_zero_is_still(animator, photo, swaying) -> None:
    with animator.scene(photo, swaying) as scene:
        assert psnr(scene.frame(40.0, magnify=0.0), photo) >= 32


def test_out_is_used(animator, photo, swaying) -> None:
    with animator.scene(photo, swaying) as scene:
        out = np.empty_like(photo)
        assert scene.frame(3.0, out=out) is out
        with pytest.raises(ValueError, match=r"out must be uint8 \(96, 160, 3\)"):
            scene.frame(3.0, out=np.empty((96, 160, 3), np.float32))


def test_motion_that_is_not_finite_is_refused(animator, photo, swaying) -> None:
    broken = swaying.copy()
    broken[1, 0, 3, 3] = np.nan
    with pytest.raises(MotionError, match="not finite"):
        animator.scene(photo, broken)


def test_motion_of_another_shape_is_refused(animator, photo) -> None:
    with pytest.raises(MotionError, match="has not the photo's shape"):
        animator.scene(photo, np.zeros((3, 4, 48, 48), np.float32))


@pytest.mark.parametrize("t", [np.nan, np.inf])
def test_time_must_be_a_number(animator, photo, swaying, t) -> None:
    with animator.scene(photo, swaying) as scene, pytest.raises(ValueError, match="t must be a finite number"):
        scene.frame(t)
