"""The conventions of the spectral volume, against numpy.fft and by property."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwave.runtime import spectrum

K, T, H, W = 5, 24, 6, 8


def band_limited_motion(seed: int = 0) -> np.ndarray:
    """(T, 2, H, W) whose frequencies are all below K, and zero at frame 0."""
    rng = np.random.default_rng(seed)
    t = np.arange(T)[:, None, None, None]
    F = sum(
        rng.normal(size=(2, H, W)) * np.cos(2 * np.pi * k * t / T + rng.uniform(0, 6, (2, H, W))) for k in range(1, K)
    )
    return (F - F[:1]).astype(np.float32)


def test_forward_normalised_rfft() -> None:
    F = band_limited_motion()
    S = spectrum.volume_from_motion(F, K)
    fourier = np.fft.rfft(F, axis=0) / T
    np.testing.assert_allclose(S[:, 0], fourier[:K, 0].real, atol=1e-6)
    np.testing.assert_allclose(S[:, 1], fourier[:K, 0].imag, atol=1e-6)
    np.testing.assert_allclose(S[:, 2], fourier[:K, 1].real, atol=1e-6)
    np.testing.assert_allclose(S[:, 3], fourier[:K, 1].imag, atol=1e-6)


def test_motion_is_one_sided_sum_with_positive_exponent() -> None:
    S = spectrum.volume_from_motion(band_limited_motion(), K)
    complex_xy = S[:, 0::2] + 1j * S[:, 1::2]
    t = 7
    sum_of_harmonics = complex_xy[0].real.copy()
    for k in range(1, K):
        sum_of_harmonics += 2 * (complex_xy[k] * np.exp(2j * np.pi * k * t / T)).real
    np.testing.assert_allclose(spectrum.motion_from_volume(S, T)[t], sum_of_harmonics, atol=1e-5)


def test_round_trip() -> None:
    F = band_limited_motion()
    np.testing.assert_allclose(spectrum.motion_from_volume(spectrum.volume_from_motion(F, K), T), F, atol=1e-5)


def test_anchor_makes_the_first_frame_still_and_keeps_the_motion() -> None:
    S = spectrum.volume_from_motion(band_limited_motion() + 3, K)
    F = spectrum.motion_from_volume(spectrum.anchor(S.copy()), T)
    np.testing.assert_allclose(F[0], 0, atol=1e-5)
    np.testing.assert_allclose(F, band_limited_motion(), atol=1e-5)


def test_a_cut_off_motion_starts_from_the_photo_and_stays_where_it_was_measured() -> None:
    """A motion with a frequency beyond K: anchoring shifts every frame, starting from the photo only the first."""
    wave = np.cos(2 * np.pi * (K + 3) * np.arange(T) / T)[:, None, None, None] - 1
    F = band_limited_motion() + wave.astype(np.float32)
    S = spectrum.volume_from_motion(F, K)
    started, anchored = (
        spectrum.motion_from_volume(start(S.copy()), T) for start in (spectrum.start_from_photo, spectrum.anchor)
    )
    np.testing.assert_allclose(started[0], 0, atol=1e-5)
    np.testing.assert_allclose(anchored[0], 0, atol=1e-5)
    error, other = (np.mean((motion - F) ** 2) for motion in (started, anchored))
    assert error == pytest.approx(0.5 + 1 / (2 * K - 1), rel=0.02)  # the wave itself, and the least it takes
    assert other == pytest.approx(1.5, rel=0.02)


def test_what_starts_from_the_photo_is_left_alone() -> None:
    S = spectrum.volume_from_motion(band_limited_motion(), K)
    np.testing.assert_allclose(spectrum.start_from_photo(S.copy()), S, atol=1e-6)


def test_a_volume_without_s0_is_anchored() -> None:
    S = spectrum.volume_from_motion(band_limited_motion(), K)
    S[0] = 0
    np.testing.assert_array_equal(spectrum.start_from_photo(S.copy()), spectrum.anchor(S.copy()))


@given(st.integers(0, 1000), st.floats(0.05, 5))
def test_normalisation_inverts(seed: int, scale: float) -> None:
    S = spectrum.anchor(spectrum.volume_from_motion(band_limited_motion(seed), K))
    scales = np.full(K, scale, np.float32)
    back = spectrum.volume_from_coefficients(spectrum.coefficients_from_volume(S, scales), scales)
    np.testing.assert_allclose(back, S * (max(H, W) / spectrum.REFERENCE_SIDE), atol=1e-6, rtol=1e-4)


def test_normalised_coefficient_of_the_scale_is_one() -> None:
    S = np.zeros((2, 4, 1, 1), np.float32)
    S[1, :, 0, 0] = [0.5, -0.5, 2.0, 0.0]
    coefficients = spectrum.coefficients_from_volume(S, np.array([1, 0.5], np.float32))
    np.testing.assert_allclose(coefficients[0, :, 0, 0], [1, -1, 2, 0])


def test_displacement_scales_with_the_grid() -> None:
    S = np.ones((2, 4, 10, 20), np.float32)
    resized = spectrum.resize_volume(S, 30, 40)
    np.testing.assert_allclose(resized[:, :2], 2, rtol=1e-6)
    np.testing.assert_allclose(resized[:, 2:], 3, rtol=1e-6)


def test_same_grid_is_untouched() -> None:
    S = np.ones((2, 4, 10, 20), np.float32)
    assert spectrum.resize_volume(S, 10, 20) is S


def test_linear_field_survives_resizing_away_from_the_edges() -> None:
    x = np.broadcast_to(np.arange(32) + 0.5, (1, 4, 8, 32)).astype(np.float32)
    resized = spectrum.resize_volume(x, 16, 64)
    np.testing.assert_allclose(resized[0, 0, 0, 2:-2], (2 * (np.arange(64) + 0.5) / 2)[2:-2], rtol=1e-5)


def test_extent_pads_with_the_motion_of_the_edge() -> None:
    S = np.arange(8, dtype=np.float32)[None, None, None].repeat(4, 1).repeat(4, 2)
    wider = spectrum.resize_volume(S, 4, 10, (1.0, 10 / 8))
    np.testing.assert_allclose(wider[0, 0, 0], [0, 1, 2, 3, 4, 5, 6, 7, 7, 7], atol=1e-5)


@given(st.integers(64, 8000), st.integers(64, 8000))
def test_network_grid_is_allowed_and_close(width: int, height: int) -> None:
    columns, rows = spectrum.network_grid(width, height)
    assert columns % 32 == 0
    assert rows % 32 == 0
    assert 0.7 * 40960 <= columns * rows <= 1.25 * 40960
    if 0.5 <= width / height <= 2:
        assert abs(np.log(columns / rows * height / width)) < 0.2


@pytest.mark.parametrize(
    ("photo", "grid"), [((512, 288), (256, 144)), ((288, 512), (144, 256)), ((1000, 1000), (256, 256))]
)
def test_motion_grid_has_the_photos_shape(photo: tuple[int, int], grid: tuple[int, int]) -> None:
    assert spectrum.motion_grid(*photo) == grid


def test_calibration_gives_the_expected_amplitude_and_keeps_phases() -> None:
    rng = np.random.default_rng(0)
    S = spectrum.anchor(rng.normal(0, 0.1, (3, 4, 128, 256)).astype(np.float32))
    before = S.copy()
    amplitude = np.full((2, 16, 32), 0.5, np.float32)
    spectrum.calibrate(S, amplitude)
    np.testing.assert_allclose(np.sqrt((S[1:] ** 2).sum(1).mean((1, 2))), 0.5, rtol=0.02)
    np.testing.assert_array_equal(np.sign(S[1:]), np.sign(before[1:]))
    np.testing.assert_allclose(S[0, 0] + 2 * S[1:, 0].sum(0), 0, atol=1e-4)


def test_calibration_does_not_amplify_nothing() -> None:
    S = np.full((2, 4, 16, 256), 1e-6, np.float32)
    spectrum.calibrate(S, np.zeros((1, 2, 32), np.float32))
    assert np.abs(S).max() < 1e-5


def test_coherence_turns_neighbours_alike() -> None:
    rng = np.random.default_rng(0)
    S = 1 + rng.normal(0, 1, (2, 4, 40, 60)).astype(np.float32)
    together = spectrum.cohere(S)
    assert together.shape == S.shape
    assert np.std(together[1]) < 0.2 * np.std(S[1])
    np.testing.assert_allclose(together.mean(), S.mean(), atol=0.02)


@given(st.integers(0, 1000), st.integers(0, T))
def test_advancing_shifts_the_motion_and_keeps_the_first_frame_still(seed: int, frames: int) -> None:
    F = band_limited_motion(seed)
    S = spectrum.advance(spectrum.volume_from_motion(F, K), frames / T)
    shifted = np.roll(F, -frames, axis=0)
    np.testing.assert_allclose(spectrum.motion_from_volume(S, T), shifted - shifted[:1], atol=1e-5)


def swinging(height: float, width: float) -> np.ndarray:
    """All cells on one ellipse of these half axes, begun where it is farthest to the right."""
    angle = 2 * np.pi * np.arange(T) / T
    F = np.stack([width * (np.cos(angle) - 1), height * np.sin(angle)], 1)
    return spectrum.volume_from_motion(np.tile(F[:, :, None, None], (1, 1, 16, 16)), K)


def test_a_motion_begins_at_an_ordinary_pace_where_it_is_nearest_to_its_mean() -> None:
    S = swinging(1.0, 0.2)
    pace = np.hypot(*np.roll(np.diff(spectrum.motion_from_volume(S, T)[:, :, 0, 0], axis=0, append=0), 1, 0).T)
    is_ordinary = pace <= spectrum.START_PACE * np.median(pace)
    start = spectrum.starting_frame(S, T)
    assert is_ordinary[start]
    distance = np.hypot(0.2 * np.cos(2 * np.pi * np.arange(T) / T), np.sin(2 * np.pi * np.arange(T) / T))
    assert distance[start] == pytest.approx(distance[is_ordinary].min())
    assert not is_ordinary[distance.argmin()]  # pace costs something here


def test_what_is_an_ordinary_pace_is_asked_of_the_clip() -> None:
    """Moment 4 is nearest to the mean, then 7; both are slow, but 4 begins a clip of four that is slow all through."""
    pace = np.array([9, 9, 9, 9, 3, 3, 3, 3], np.float32)
    F = np.array([0, 20, 0, 20, 10.1, 0, 20, 10.4], np.float32)
    F, steps = (x[:, None, None, None] * np.array([1, 0], np.float32)[:, None, None] for x in (F, pace))
    assert spectrum.calm_moment(F, steps) == 4
    assert spectrum.calm_moment(F, steps, clip_frames=4) == 7


def test_a_motion_that_never_slows_or_never_moves_begins_somewhere() -> None:
    assert 0 <= spectrum.starting_frame(swinging(1.0, 1.0), T) < T
    assert 0 <= spectrum.starting_frame(np.zeros((K, 4, 16, 16), np.float32), T) < T


def gaussian(side: int, sigma: float) -> np.ndarray:
    matrix = np.exp(-0.5 * ((np.arange(side)[:, None] - np.arange(side)) / sigma) ** 2)
    return matrix / matrix.sum(1, keepdims=True)


def test_blur_is_a_gaussian() -> None:
    S = np.random.default_rng(0).normal(0, 1, (2, 4, 40, 60)).astype(np.float32)
    expected = gaussian(40, 2.5) @ S @ gaussian(60, 2.5).T
    np.testing.assert_allclose(spectrum.blur(S, 2.5), expected, atol=0.01)


def test_blur_keeps_what_is_even() -> None:
    np.testing.assert_allclose(spectrum.blur(np.full((2, 4, 20, 30), 0.7, np.float32), 8), 0.7, rtol=1e-5)
