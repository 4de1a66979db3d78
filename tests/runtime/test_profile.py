"""The sizes that engines are built for cover those that the animator asks for."""

import pytest

from stillwave.runtime.bundle import Bundle
from stillwave.runtime.profile import fixed, holds, profiles, text_of
from stillwave.runtime.spectrum import network_grid


@pytest.fixture(scope="module")
def manifest():
    return Bundle.open().manifest


def test_usual_sizes_are_those_of_training(manifest) -> None:
    found = profiles(manifest)
    width, height = manifest.grid
    usual = {name: {symbol: range_[1] for symbol, range_ in profile.items()} for name, profile in found.items()}
    stride = manifest.latent_stride
    assert usual["image_encoder"] == {"h": 2 * height // 64, "w": 2 * width // 64}
    assert usual["decoder"] == {"n": 3, "h": height // stride, "w": width // stride}
    assert found.keys() == manifest.networks.keys() - {"decoder_gradient"}
    for profile in found.values():
        assert all(1 <= least <= usual <= most for least, usual, most in profile.values())


@pytest.mark.parametrize("size", [(512, 288), (1280, 720), (720, 1280), (16, 16), (1280, 80), (640, 640)])
def test_every_frame_and_its_grid_are_covered(manifest, size) -> None:
    found, here = profiles(manifest), profiles(manifest, size)
    for name, profile in here.items():
        exact = {symbol: usual for symbol, (_, usual, _) in profile.items()}
        assert fixed(exact) == profile
        assert holds(found[name], exact)
    grid = network_grid(*size, manifest.grid_multiple)
    assert here["decoder"]["h"][1] * manifest.latent_stride == grid[1]


def test_frame_is_padded_as_the_renderer_does(manifest) -> None:
    multiple = manifest.render.feature_multiple
    cells = profiles(manifest, (101, 35))["pyramid"]
    assert (cells["h"][1], cells["w"][1]) == (-(-35 // multiple), -(-101 // multiple))


def test_text_is_the_same_for_the_same_profile() -> None:
    assert text_of({"w": (4, 128, 320), "h": (8, 8, 8)}) == "h=8 w=4..128..320"
    assert text_of({"h": (8, 8, 8), "w": (4, 128, 320)}) == text_of({"w": (4, 128, 320), "h": (8, 8, 8)})


def test_sizes_outside_are_not_held() -> None:
    profile = {"h": (3, 5, 16), "w": (8, 8, 8)}
    assert holds(profile, {"h": 3, "w": 8})
    assert not holds(profile, {"h": 17, "w": 8})
    assert not holds(profile, {"h": 3, "w": 9})
