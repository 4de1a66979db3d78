"""Variational autoencoder of one frequency slice (paper section 4.1, supplement).

The decoder also sees the photo's guide: a slice is smooth inside things and stops at their edges,
and the photo knows where those are, so latents can be eight times smaller than the grid.
"""

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from .layers import ResidualBlock, norm
from .presets import Preset


class SliceEncoder(nn.Module):
    """Normalised slices (N, 4, H, W) -> mean and log variance of their latents (N, 4, h, w) each."""

    def __init__(self, preset: Preset):
        super().__init__()
        channels, patch = preset.autoencoder_channels, preset.autoencoder_patch
        layers: list[nn.Module] = [nn.PixelUnshuffle(patch), nn.Conv2d(4 * patch**2, channels[0], 3, padding=1)]
        for level, width in enumerate(channels):
            if level:
                layers.append(nn.Conv2d(channels[level - 1], width, 3, stride=2, padding=1))
            layers.append(ResidualBlock(width, width))
        layers += [
            ResidualBlock(width, width),
            norm(width),
            nn.SiLU(),
            nn.Conv2d(width, 2 * preset.latent_channels, 3, padding=1),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, slices: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.layers(slices).chunk(2, 1)
        return mean, log_variance.clamp(-20, 4)


class SliceDecoder(nn.Module):
    """Latents (N, 4, h, w) and the photo's guide (1 or N, Cg, H, W) -> normalised slices (N, 4, H, W)."""

    def __init__(self, preset: Preset):
        super().__init__()
        channels, self.patch = preset.autoencoder_channels, preset.autoencoder_patch
        guide = preset.guide_channels
        self.conv_in = nn.Conv2d(preset.latent_channels, channels[-1], 3, padding=1)
        self.mid = ResidualBlock(channels[-1], channels[-1])
        self.blocks = nn.ModuleList(ResidualBlock(c, c) for c in reversed(channels))
        self.ups = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1) for a, b in zip(channels[:0:-1], channels[-2::-1], strict=True)
        )
        self.guide_in = nn.Conv2d(guide * self.patch**2, channels[0], 1)
        self.gate = nn.Conv2d(guide, 1, 3, padding=1)
        self.conv_out = nn.Conv2d(channels[0], 4 * self.patch**2, 3, padding=1)

    def forward(self, latents: Tensor, guide: Tensor) -> Tensor:
        x = self.mid(self.conv_in(latents))
        for level, block in enumerate(self.blocks):
            if level:
                x = self.ups[level - 1](functional.interpolate(x, scale_factor=2.0, mode="nearest"))
            if level == len(self.ups):
                x = x + self.guide_in(functional.pixel_unshuffle(guide, self.patch))
            x = block(x)
        slices = functional.pixel_shuffle(self.conv_out(functional.silu(x)), self.patch)
        return slices * (2 * torch.sigmoid(self.gate(guide)))


class Autoencoder(nn.Module):
    def __init__(self, preset: Preset):
        super().__init__()
        self.encoder, self.decoder = SliceEncoder(preset), SliceDecoder(preset)

    def forward(self, slices: Tensor, guide: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction, mean and log variance."""
        mean, log_variance = self.encoder(slices)
        latents = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decoder(latents, guide), mean, log_variance
