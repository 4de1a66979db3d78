"""What the renderer promises whatever its weights: the photo where nothing moves, the splat before training."""

import pytest
import torch

from stillwave.model.presets import EDGE
from stillwave.model.renderer import Renderer, filled, inside, moves_now, slopes, surround
from stillwave.model.splat import softmax_splat
from stillwave.model.train.gates import splatted
from stillwave.runtime.motion import COVER

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
    for parameter in renderer.synthesis.gates.weigh.parameters():
        parameter.normal_(0, 0.5)
    return renderer


ONE = torch.ones(1, 1, H, W)


def importance_of(motion: torch.Tensor) -> torch.Tensor:
    return 3 * (motion[:, :1] > 0).float()


def test_untrained_it_is_the_splat(photo, motion) -> None:
    frame = Renderer(EDGE)(photo, motion, ONE, ONE)
    splat = softmax_splat(torch.cat([photo, torch.ones_like(photo[:, :1])], 1), motion, ONE)
    covered = splat[:, 3:] > 0
    assert not covered.all()
    torch.testing.assert_close(frame * covered, splat[:, :3])


def test_holes_show_what_lies_around_them_not_what_has_left(motion) -> None:
    """White moves off, over black ground: the hole it leaves is black, though the photo is white there."""
    photo = torch.zeros(1, 3, H, W)
    photo[..., W // 2 : W // 2 + 4] = 1
    motion[..., W // 2 + 4 :] = 0
    motion[:, 0, :, W // 2 : W // 2 + 4] = 6
    levels = Renderer(EDGE).splat(photo, motion, importance_of(motion))
    hole = levels[0][0, 3] == 0
    assert hole[:, W // 2 + 1 : W // 2 + 3].all()
    assert filled(*levels, photo)[0, 0][hole].max() < 0.1


def test_an_edge_covers_what_it_lands_on() -> None:
    """A column moves by a tenth of a pixel onto one that has left: a tenth of that is covered."""
    photo, motion = torch.ones(1, 3, H, W), torch.zeros(1, 2, H, W)
    motion[:, 0, :, :8], motion[:, 0, :, 8:12] = 0.1, 9
    fine = Renderer(EDGE).splat(photo, motion, ONE)[0]
    torch.testing.assert_close(fine[0, :4, :, 8], torch.full((4, H), 0.1 * COVER))


def test_gates_are_fitted_to_what_the_renderer_splats(photo, motion) -> None:
    renderer = Renderer(EDGE).requires_grad_(False)
    arguments = photo, motion + 0.3, importance_of(motion)
    for fast, slow in zip(splatted(renderer, *arguments), renderer.splat(*arguments), strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4)


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
    assert all(weight.grad.isfinite().all() for weight in trained.parameters())


def test_slopes_are_of_motion_that_differs_between_neighbours(motion) -> None:
    found = slopes(motion).square().sum(1)[0, 1:-1, 1:-1]
    edge = W // 2 - 1  # of the cropped map: a central difference spans two columns
    assert found[:, edge - 1 : edge + 1].min() == 1
    assert not found[:, : edge - 1].any()
    assert not found[:, edge + 1 :].any()


def test_moves_now_is_zero_exactly_out_of_reach_of_motion(motion) -> None:
    found = moves_now(motion)
    assert found.shape == (1, 1, H, W)
    assert not found[..., : W // 2 - 12].any()
    assert found[..., W // 2 + 8 :].min() > 0.9


def test_inside_is_where_filters_see_only_the_frame() -> None:
    found = inside(ONE)[0, 0]
    torch.testing.assert_close(found[2:-2, 2:-2], torch.ones(H - 4, W - 4))
    assert not found[:2].any()
    assert not found[:, -2:].any()


@pytest.mark.parametrize("ring", range(1, 6))
def test_surround_is_blind_to_flat_ground_and_to_slopes(ring) -> None:
    x = torch.arange(-2.0, 3.0).expand(5, 5)
    for ground in (torch.ones(5, 5), x, x.T):
        assert (surround(ring) * ground).sum().abs() < 1e-6
    assert surround(ring)[2, 2] == -1
