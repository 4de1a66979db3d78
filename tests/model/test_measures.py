"""The measures have the values their definitions give on cases worked out by hand."""

import numpy as np
import pytest
from PIL import Image

from stillwave.model.clips import Clip
from stillwave.model.evaluate.measures import (
    area_under_curve,
    coherence,
    compare_motion,
    horizontal,
    modal_overlap,
    psnr,
    rank_correlation,
    stillness,
    structural_similarity,
)
from stillwave.model.evaluate.motion import centre_prior, evaluate_clips, evaluate_photos, photo_gradient
from stillwave.model.evaluate.table import mean_row
from stillwave.runtime.errors import PhotoError

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


def test_textured_pixels_are_scored_apart():
    """Right where there is texture, reversed where there is none."""
    half = np.linspace(0, 2, 16 * 48).reshape(16, 48)
    gradient = TEXTURED.copy()
    gradient[:16] = 0
    reversed_above = np.vstack([half[::-1, ::-1], half])
    result = compare_motion(volume(reversed_above), volume(np.vstack([half, half])), gradient)
    assert result["auc_textured"] == 1
    assert result["rank_textured"] == pytest.approx(1)
    assert result["rank"] == pytest.approx(0, abs=0.01)
    assert result["auc"] == pytest.approx(0.5, abs=0.01)


def test_power_of_one_frequency_too_much_is_a_matter_of_shape():
    """Ten times the power of one of 15 frequencies: off by a decade there, by a fifteenth on the mean."""
    predicted = volume(AMPLITUDE)
    predicted[3] *= np.sqrt(10)
    result = compare_motion(predicted, volume(AMPLITUDE), TEXTURED)
    assert result["power_decades"] == pytest.approx(1 / 15, abs=1e-3)
    assert result["shape_decades"] == pytest.approx(2 * 14 / 15**2, abs=1e-3)


def test_horizontal_share_is_of_energy():
    body = volume(np.ones((8, 8)))
    assert horizontal(body) == pytest.approx(1)
    body[:, 2] = body[:, 0] * np.sqrt(3)  # three times the energy, downwards
    assert horizontal(body) == pytest.approx(1 / 4)
    assert compare_motion(body, volume(np.ones((8, 8))), TEXTURED[:8, :8])["horizontal"] == pytest.approx(-3 / 4)


def test_modal_overlap_is_blind_to_phase_and_size_but_not_to_shape():
    S = RNG.normal(size=(16, 4, 6, 6))
    turned = S.copy()
    turn = 3 * np.exp(1j * RNG.uniform(0, 7, 16))[:, None, None, None]
    rotated = (S[:, 0::2] + 1j * S[:, 1::2]) * turn
    turned[:, 0::2], turned[:, 1::2] = rotated.real, rotated.imag
    assert modal_overlap(turned, S) == pytest.approx(1, abs=1e-6)
    left, right = np.zeros((2, 16, 4, 6, 6))
    left[..., :3], right[..., 3:] = 1, 1
    assert modal_overlap(left, right) == pytest.approx(0, abs=1e-6)
    assert modal_overlap(left, left + right) == pytest.approx(0.5, abs=1e-6)


def test_a_photo_is_still_when_99_of_100_pixels_are_below_a_quarter_pixel():
    amplitude = np.full((20, 50), 0.2)
    assert stillness(volume(amplitude)) == {"still": 1.0, "p99_px": pytest.approx(0.2)}
    amplitude.flat[:30] = 1
    assert stillness(volume(amplitude))["still"] == pytest.approx(0.97)
    assert stillness(volume(amplitude))["p99_px"] == pytest.approx(1)


def test_baselines_say_texture_or_the_middle():
    photo = np.full((288, 512, 3), 128, np.uint8)
    photo[:, 300:] //= 1 + (np.arange(212) // 8 % 2)[:, None].astype(np.uint8)
    gradient = photo_gradient(photo, 256, 144)
    assert gradient[:, 200:].mean() > 20 * gradient[:, :100].mean()
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None], 144, 0)
    assert photo_gradient(np.dstack([ramp] * 3), 256, 144)[70, 128] == pytest.approx(1)
    centre = centre_prior(40, 20)
    assert centre[10, 20] == 1
    assert centre[10, 30] == pytest.approx(np.exp(-0.5))


class Guessing:
    """Stands in for an Animator: moves by 0.2 px, white photos by 1 px; another seed moves by a tenth more."""

    def read(self, path):
        return np.asarray(Image.open(path))

    def predict(self, pixels, seed=0, steps=None):
        return volume(np.full((144, 256), (1.0 if pixels.mean() > 200 else 0.2) * (1 + seed / 10)))


def test_photos_without_motion_are_asked_whether_they_stay_still(tmp_path, capsys):
    for name, level in (("dark.png", 20), ("white.jpg", 255)):
        Image.new("RGB", (64, 36), (level,) * 3).save(tmp_path / name)
    rows = evaluate_photos(Guessing(), tmp_path, None, 2)
    assert rows["dark.png"] == {"still": 1, "p99_px": pytest.approx(0.21)}
    assert rows["white.jpg"] == {"still": 0, "p99_px": pytest.approx(1.05)}
    assert "1 of 2 photos stay still" in capsys.readouterr().out
    (tmp_path / "none").mkdir()
    with pytest.raises(PhotoError, match=r"no photos in it; they end in \.avif"):
        evaluate_photos(Guessing(), tmp_path / "none", None, 1)


def test_clips_are_measured_with_their_spread_and_baselines(capsys):
    measured = volume(np.repeat([[0.0] * 128 + [2.0] * 128], 144, 0))
    photo = np.zeros((288, 512, 3), np.uint8)
    photo[:, 256::8] = 255
    photo[:, 257::8] = 200
    clip = Clip("half", photo[None], measured)
    result = evaluate_clips(Guessing(), [clip], None, 3)
    assert result["mean"]["auc"] == 0.5
    assert result["mean"]["octaves"] == pytest.approx(np.mean(np.log2([0.1, 0.11, 0.12])), abs=0.01)
    assert result["spread"]["half"]["octaves"] == pytest.approx(np.std(np.log2([0.1, 0.11, 0.12])), abs=0.01)
    assert result["spread"]["half"]["overlap"] == pytest.approx(1, abs=1e-6)
    assert result["baselines"]["gradient"]["auc"] > 0.99
    assert result["baselines"]["centre"]["auc"] == pytest.approx(0.5, abs=0.02)
    assert "standard deviation over 3 seeds" in capsys.readouterr().out


def test_means_leave_out_what_cannot_be_measured():
    assert mean_row([{"a": 1.0, "b": np.nan}, {"a": 3.0, "b": 5.0}]) == {"a": 2.0, "b": 5.0}
    assert np.isnan(mean_row([{"a": np.nan}])["a"])


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
