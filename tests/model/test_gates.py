"""Gates fitted to pixels are the gates of whole frames."""

import cv2
import numpy as np
import pytest
import torch

from stillwave.model.presets import EDGE
from stillwave.model.renderer import Renderer
from stillwave.model.train.gates import ACROSS, DOWN, Pixels, fit, gain_db, painted, pixels_of, sharpness
from stillwave.model.train.pairs import planes
from stillwave.model.train.renderer import sharpness_error

H, W = 48, 64


@pytest.fixture
def pair():
    """A random photo, a frame, and a smooth motion of up to 3 px that fades to the left."""
    rng = np.random.default_rng(0)
    photo, frame = rng.integers(0, 255, (2, H, W, 3)).astype(np.uint8)
    motion = np.zeros((2, H, W), np.float32)
    motion[0] = np.linspace(0, 3, W)
    return photo, frame, motion, np.abs(motion[0])


@pytest.fixture
def renderer() -> Renderer:
    torch.manual_seed(0)
    renderer = Renderer(EDGE).requires_grad_(False)
    for parameter in renderer.synthesis.gates.weigh.parameters():
        parameter.normal_(0, 0.3)
    return renderer


def test_what_is_fitted_is_what_is_rendered(pair, renderer) -> None:
    group = Pixels(*pixels_of(renderer, pair, 200, np.random.default_rng(1)))
    again = np.random.default_rng(1)
    rows, columns = (again.integers(3, side - 3, 200)[:, None] + by for side, by in ((H, DOWN), (W, ACROSS)))
    photo, frame, *maps = (x[None] for x in planes(pair))
    rendered = renderer(photo, *maps)[0].permute(1, 2, 0)[rows, columns]
    torch.testing.assert_close(painted(renderer.synthesis.gates, group, slice(None)), rendered, atol=2e-3, rtol=0)
    torch.testing.assert_close(group.frame, frame[0].permute(1, 2, 0)[rows, columns])


def test_gates_at_zero_paint_nothing(pair, renderer) -> None:
    group = Pixels(*pixels_of(renderer, pair, 50, np.random.default_rng(1)))
    for parameter in renderer.synthesis.gates.weigh.parameters():
        parameter.zero_()
    assert gain_db(renderer.synthesis.gates, group)[0] == 0


def test_sharpness_is_the_power_of_the_laplacian_of_what_moves() -> None:
    image = torch.rand(12, 16, 3, generator=torch.Generator().manual_seed(0))
    rows, columns = torch.meshgrid(torch.arange(1, 11), torch.arange(1, 15), indexing="ij")
    patches = image[rows.flatten()[:, None] + torch.tensor(DOWN), columns.flatten()[:, None] + torch.tensor(ACROSS)]
    presence = (columns.flatten() < 8).float()[:, None, None].expand(-1, 5, 1)
    laplacian = torch.from_numpy(cv2.Laplacian(image.numpy(), cv2.CV_32F) / 4)[1:11, 1:15]
    expected = (laplacian * (columns < 8)[..., None]).square().mean()
    torch.testing.assert_close(sharpness(patches, presence), expected)


def test_a_fit_for_sharpness_gives_up_error_for_it(pair, renderer, monkeypatch) -> None:
    """The frame is noise: the nearest is gray, the sharpness asked for is not."""
    group, found = Pixels(*pixels_of(renderer, pair, 400, np.random.default_rng(1))), {}
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        gates = Renderer(EDGE).synthesis.gates
        monkeypatch.setattr("stillwave.model.train.gates.SHARPNESS", weight)
        fit(gates, [group], 1, 40, np.random.default_rng(0))
        found[weight] = gain_db(gates, group)
    assert found[0.0][0] > found[1.0][0]
    assert found[0.0][1] < found[1.0][1]


def test_blurred_frames_cost_more_than_noisy_ones_of_the_same_sharpness():
    draw = torch.Generator().manual_seed(0)
    frame, other = torch.rand(2, 1, 3, 16, 16, generator=draw)
    blurred = torch.nn.functional.avg_pool2d(frame, 3, 1, 1)
    everywhere, nowhere = torch.ones(1, 1, 16, 16), torch.zeros(1, 1, 16, 16)
    assert sharpness_error(frame, frame, everywhere) == 0
    assert sharpness_error(other, frame, everywhere) < 0.1 < 1 < sharpness_error(blurred, frame, everywhere)
    assert sharpness_error(blurred, frame, nowhere) == 0
