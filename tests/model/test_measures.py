"""The measures have the values their definitions give on cases worked out by hand."""

import numpy as np
import pytest

from stillwave.model.evaluate.measures import (
    area_under_curve,
    coherence,
    compare_motion,
    psnr,
    rank_correlation,
    structural_similarity,
)

RNG = np.random.default_rng(0)
TEXTURED = np.full((32, 48), 9.0)


def volume(amplitude: np.ndarray) -> np.ndarray:
    """Every frequency moves along x in phase, with the given map (H, W) as its amplitude."""
    S = np.zeros((16, 4, *amplitude.shape), np.float32)
    S[1:, 0] = amplitude / np.sqrt(2 * 15)
    return S


AMPLITUDE = np.linspace(0, 2, 32 * 48).reshape(32, 48)


def test_area_under_curve_of_perfect_reversed_and_constant_scores():
    positive = np.arange(100) >= 60
    assert area_under_curve(np.arange(100.0), positive) == 1
    assert area_under_curve(-np.arange(100.0), positive) == 0
    assert area_under_curve(np.zeros(100), positive) == 0.5
    assert np.isnan(area_under_curve(np.arange(100.0), positive & False))


def test_rank_correlation_ignores_monotone_change():
    values = RNG.random(50)
    assert rank_correlation(values, np.exp(values)) == pytest.approx(1)
    assert rank_correlation(values, -(values**3)) == pytest.approx(-1)


def test_a_motion_compared_with_itself_is_right_in_everything():
    result = compare_motion(volume(AMPLITUDE), volume(AMPLITUDE), TEXTURED)
    assert result["auc"] == result["auc_textured"] == 1
    assert result["rank"] == pytest.approx(1)
    for name in ("octaves", "power_decades", "shape_decades", "coherence"):
        assert result[name] == pytest.approx(0, abs=1e-6)


def test_twice_the_motion_is_an_octave_and_four_times_the_power():
    result = compare_motion(volume(2 * AMPLITUDE), volume(AMPLITUDE), TEXTURED)
    assert result["octaves"] == pytest.approx(1, abs=1e-2)
    assert result["power_decades"] == pytest.approx(np.log10(4), abs=1e-2)
    assert result["shape_decades"] == pytest.approx(0, abs=1e-6)
    assert result["auc"] == 1


def test_coherence_of_one_body_of_noise_and_of_opposite_neighbours():
    body = volume(np.ones((32, 48)))
    assert coherence(body) == pytest.approx(1, abs=1e-6)
    assert abs(coherence(RNG.normal(size=body.shape))) < 0.1
    stripes = body * np.where(np.arange(48) // 4 % 2, -1, 1) * np.where(np.arange(32) // 4 % 2, -1, 1)[:, None]
    assert coherence(stripes) == pytest.approx(-1, abs=1e-6)


def test_psnr_counts_masked_pixels_only():
    frame = np.zeros((4, 4, 3), np.uint8)
    other = frame.copy()
    other[0] = 255
    mask = np.zeros((4, 4), bool)
    mask[0] = True
    assert psnr(frame, other, mask) == pytest.approx(0)
    assert psnr(frame, other) == pytest.approx(10 * np.log10(4))


def test_structural_similarity_of_a_picture_with_itself_is_one_and_falls_with_noise():
    picture = RNG.integers(40, 200, (24, 32, 3)).astype(np.uint8)
    assert structural_similarity(picture, picture) == pytest.approx(1)
    noisy = [(picture + RNG.normal(0, sigma, picture.shape)).clip(0, 255).astype(np.uint8) for sigma in (5, 20)]
    assert 1 > structural_similarity(noisy[0], picture) > structural_similarity(noisy[1], picture) > 0


def test_structural_similarity_of_flat_pictures():
    """Without variance only the means are compared: (2 a b + c1) / (a^2 + b^2 + c1)."""
    a, b, c1 = 100.0, 150.0, 2.55**2
    flat = [np.full((16, 16, 3), value, np.uint8) for value in (a, b)]
    assert structural_similarity(*flat) == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1), rel=1e-9)
