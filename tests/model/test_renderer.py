"""What the renderer promises whatever its weights: the photo where nothing moves, the splat before training."""

import pytest
import torch

from stillwave.model.presets import EDGE
from stillwave.model.renderer import Renderer, moves_now, strain
from stillwave.model.splat import softmax_splat

H, W = 32, 48


@pytest.fixture
def photo() -> torch.Tensor:
    return torch.rand(1, 3, H, W, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def motion() -> torch.Tensor:
    """The right half moves, by 2 px; the left stays."""
    motion = torch.zeros(1, 2, H, W)
    motion[:, 0, :, W // 2 :] = 2.0
    return motion


@pytest.fixture
def trained() -> Renderer:
    """Weights as a training may leave them: no layer at its initial zero."""
    torch.manual_seed(1)
    renderer = Renderer(EDGE).requires_grad_(False)
    for parameter in renderer.synthesis.out.parameters():
        parameter.normal_(0, 0.5)
    return renderer


ONE = torch.ones(1, 1, H, W)


def test_untrained_it_is_the_splat_with_holes_from_the_photo(photo, motion) -> None:
    frame = Renderer(EDGE)(photo, motion, ONE, ONE)
    splat = softmax_splat(torch.cat([photo, torch.ones_like(photo[:, :1])], 1), motion, ONE)
    hole = splat[:, 3:] == 0
    assert hole.any()
    torch.testing.assert_close(frame, torch.where(hole, photo, splat[:, :3]))


def test_without_displacement_it_is_the_photo(photo, trained) -> None:
    torch.testing.assert_close(trained(photo, torch.zeros(1, 2, H, W), ONE, ONE), photo)


def test_where_nothing_ever_moves_it_is_the_photo(photo, motion, trained) -> None:
    frame = trained(photo, motion, ONE, torch.zeros(1, 1, H, W))
    torch.testing.assert_close(frame[..., : W // 2], photo[..., : W // 2])


def test_what_moves_is_painted_on(photo, motion, trained) -> None:
    untrained = Renderer(EDGE)(photo, motion, ONE, ONE)
    assert (trained(photo, motion, ONE, ONE) - untrained).abs().max() > 0.01


def test_every_weight_learns(photo, motion, trained) -> None:
    trained.requires_grad_(True)
    trained(photo, motion, ONE, ONE).square().mean().backward()
    without = [name for name, weight in trained.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert without == []


def test_strain_is_of_motion_that_differs_between_neighbours(motion) -> None:
    found = strain(motion)[0, 0, 1:-1, 1:-1]
    edge = W // 2 - 1  # of the cropped map: a central difference spans two columns
    assert found[:, edge - 1 : edge + 1].min() > 0.5
    assert found[:, : edge - 1].max() < 0.01
    assert found[:, edge + 1 :].max() < 0.01


def test_moves_now_is_zero_exactly_out_of_reach_of_motion(motion) -> None:
    found = moves_now(motion)
    assert found.shape == (1, 1, H, W)
    assert not found[..., : W // 2 - 8].any()
    assert found[..., W // 2 + 8 :].min() > 0.9
