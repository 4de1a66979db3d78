"""The decoder's gradient, written out, against torch autograd."""

import pytest
import torch

from stillwave.export.decoder_gradient import DecoderGradient
from stillwave.export.networks import LatentDecoder
from stillwave.model.autoencoder import SliceDecoder
from stillwave.model.presets import PRESETS, Preset


def random_decoder(preset: Preset) -> LatentDecoder:
    """Random weights, those that start at zero among them."""
    torch.manual_seed(0)
    decoder = SliceDecoder(preset).requires_grad_(False).eval()
    for parameter in decoder.parameters():
        if not parameter.any():
            parameter.normal_(0, 0.02)
    nothing = torch.zeros(preset.latent_channels)
    return LatentDecoder(decoder, nothing, nothing + 1)


@pytest.mark.parametrize("preset", PRESETS)
def test_it_is_what_autograd_finds(preset) -> None:
    preset = PRESETS[preset]
    decoder = random_decoder(preset)
    decoder.std.fill_(0.7)
    sides = 5 * preset.latent_stride, 6 * preset.latent_stride
    draw = torch.Generator().manual_seed(0)
    latents = torch.randn((2, preset.latent_channels, 5, 6), generator=draw).requires_grad_()
    guide = torch.randn((1, preset.guide_channels, *sides), generator=draw)
    slope = torch.randn((2, 4, *sides), generator=draw)
    (expected,) = torch.autograd.grad(decoder(latents, guide), latents, slope)
    with torch.no_grad():
        found = DecoderGradient(decoder.decoder, decoder.mean, decoder.std)(latents, guide, slope)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-4 * float(expected.abs().max()), rtol=1e-4)
