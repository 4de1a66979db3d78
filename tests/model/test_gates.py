"""Gates fitted to pixels are the gates of whole frames."""

import numpy as np
import pytest
import torch

from stillwave.model.presets import EDGE
from stillwave.model.renderer import Renderer
from stillwave.model.train.gates import Pixels, gain_db, painted, pixels_of
from stillwave.model.train.pairs import planes

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
    columns = pixels_of(renderer, pair, 500, np.random.default_rng(1))
    again = np.random.default_rng(1)
    rows, across = (torch.from_numpy(again.integers(2, side - 2, 500)) for side in (H, W))
    photo, frame, *maps = (x[None] for x in planes(pair))
    rendered = renderer(photo, *maps)[0].permute(1, 2, 0)[rows, across]
    target = frame[0].permute(1, 2, 0)[rows, across]
    group = Pixels(*columns)
    error = (target - rendered).square().mean()
    assert gain_db(renderer.synthesis.gates, group) == pytest.approx(
        10 * torch.log10(group.error.square().mean() / error).item(), abs=0.02
    )


def test_gates_at_zero_paint_nothing(pair, renderer) -> None:
    group = Pixels(*pixels_of(renderer, pair, 50, np.random.default_rng(1)))
    for parameter in renderer.synthesis.gates.weigh.parameters():
        parameter.zero_()
    assert not painted(renderer.synthesis.gates, group, slice(None)).any()
