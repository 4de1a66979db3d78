"""Linear interpolation, and how far what was measured smoothly is sharpened."""

import numpy as np
import pytest

from stillwave.runtime.interpolation import SHARPENING, interpolation, sharpening_of
from stillwave.runtime.spectrum import resize_volume


@pytest.mark.parametrize("sharpening", [0.0, 0.3])
@pytest.mark.parametrize("extent", [1.0, 1.3])
@pytest.mark.parametrize(("source", "target"), [(7, 7), (7, 20), (20, 7), (160, 144), (2, 33), (33, 2), (1, 5)])
def test_interpolation_is_linear_or_a_mean(source: int, target: int, extent: float, sharpening: float) -> None:
    """Against the product of the dense matrices of the same weights: first sharpened, beyond its ends as at them."""
    cell = extent * source / target
    centres = ((np.arange(target) + 0.5) * cell - 0.5).clip(0, source - 1)
    matrix = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(source)) / max(1, cell))
    edge = np.pad(np.eye(source), ((1, 1), (0, 0)), mode="edge")
    matrix = matrix / matrix.sum(1, keepdims=True) @ (edge[1:-1] - sharpening * np.diff(edge, 2, axis=0))
    cells, weights = interpolation(source, target, extent, sharpening)
    found = np.zeros((target, source))
    np.add.at(found, (np.arange(target), cells), weights)
    np.testing.assert_allclose(found, matrix, atol=1e-6)


def edge_in_cells(blur: float, at: float = 62.5) -> tuple[np.ndarray, np.ndarray]:
    """An edge along 128 pixels, and a motion (2, 4, 8, 64) with it, measured that smoothly in cells of two pixels."""
    edge = np.sign(np.arange(128, dtype=np.float32) - at)
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / max(blur, 1e-3)) ** 2)
    smooth = np.convolve(np.pad(edge, 8, mode="edge"), kernel / kernel.sum(), "valid")
    return edge, np.broadcast_to(smooth.reshape(64, 2).mean(1) / 2, (2, 4, 8, 64)).astype(np.float32)


@pytest.mark.parametrize("blur", [1.0, 2.0])
def test_sharpening_brings_back_part_of_an_edge_that_was_measured_smoothly(blur: float) -> None:
    edge, measured = edge_in_cells(blur)
    kinds = (0.0, 0.0), sharpening_of(measured, (16, 128))
    planes = [resize_volume(measured, 8, 128, sharpening=kind)[0, 0, 4] for kind in kinds]
    blurred, sharp = (np.linalg.norm((plane - edge)[32:96]) for plane in planes)
    assert sharp < 0.95 * blurred


def test_what_is_sharpened_is_smooth_and_coarser_than_the_photo() -> None:
    _, measured = edge_in_cells(3.0)
    assert sharpening_of(measured, (8, 64)) == (0, 0)  # a cell is a pixel
    assert sharpening_of(measured, (4, 32)) == (0, 0)
    down, across = sharpening_of(measured, (16, 128))
    assert down == 0  # nothing changes that way
    assert across == pytest.approx(0.75 * SHARPENING, rel=0.1)
    assert sharpening_of(measured, (16, 64_000))[1] == pytest.approx(across / 0.75, rel=1e-5)


def test_steps_and_noise_are_not_sharpened() -> None:
    noise = np.random.default_rng(0).normal(size=(2, 4, 8, 64)).astype(np.float32)
    for rough in (edge_in_cells(0.0, at=63.5)[1], noise, np.zeros_like(noise), noise[:, :, :1, :1]):
        assert max(sharpening_of(rough, (160, 1280))) < 0.05 * SHARPENING
