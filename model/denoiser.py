"""Frequency-coordinated denoiser of latent slices (paper section 4.2)."""

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from .layers import FrequencyAttention, ResidualBlock, SpatialAttention, norm, sinusoid, zeroed
from .presets import Preset


class Block(nn.Module):
    """Residual block, spatial attention where asked, then attention across the frequencies."""

    def __init__(self, in_channels: int, out_channels: int, embedding: int, spatial: bool):
        super().__init__()
        self.residual = ResidualBlock(in_channels, out_channels, embedding)
        self.spatial = SpatialAttention(out_channels) if spatial else nn.Identity()
        self.frequency = FrequencyAttention(out_channels)

    def forward(self, x: Tensor, embedding: Tensor, num_slices: int) -> Tensor:
        x = self.spatial(self.residual(x, embedding))
        return self.frequency(x, num_slices) if num_slices > 1 else x


class Denoiser(nn.Module):
    """Noisy latents of B photos, timestep, condition -> velocity (see runtime/sampler.py).

    latents    (B * K', 4, h, w)    h, w divisible by 2 ** (levels - 1)
    timestep   (B,)                 0..999
    condition  (B, Cc, h, w)
    frequency  (B * K',)            which harmonic a slice is; default 1..K-1 for each photo

    K' = 1 trains the single-slice model: the frequency attention, an identity at first, is skipped.
    """

    def __init__(self, preset: Preset, condition_channels: int):
        super().__init__()
        channels, embedding = preset.denoiser_channels, 4 * preset.denoiser_channels[0]
        self.num_slices, self.width = preset.num_slices, channels[0]
        self.embed = nn.Sequential(
            nn.Linear(2 * self.width, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU()
        )
        self.latents_in = nn.Conv2d(preset.latent_channels, channels[0], 3, padding=1)
        self.condition_in = nn.Conv2d(condition_channels, channels[0], 3, padding=1)

        self.down, self.up, skips, width = nn.ModuleList(), nn.ModuleList(), [channels[0]], channels[0]
        for level, (out, spatial) in enumerate(zip(channels, preset.denoiser_attention, strict=True)):
            blocks = nn.ModuleList()
            for _ in range(preset.denoiser_blocks):
                blocks.append(Block(width, out, embedding, spatial))
                width = out
                skips.append(width)
            last = level == len(channels) - 1
            self.down.append(
                nn.ModuleList([blocks, nn.Identity() if last else nn.Conv2d(out, out, 3, stride=2, padding=1)])
            )
        self.mid = Block(width, width, embedding, spatial=True)
        for level in reversed(range(len(channels))):
            out, spatial = channels[level], preset.denoiser_attention[level]
            blocks = nn.ModuleList()
            for _ in range(preset.denoiser_blocks + (level == 0)):
                blocks.append(Block(width + skips.pop(), out, embedding, spatial))
                width = out
            self.up.append(nn.ModuleList([blocks, nn.Conv2d(out, out, 3, padding=1) if level else nn.Identity()]))
        self.out = nn.Sequential(norm(width), nn.SiLU(), zeroed(nn.Conv2d(width, preset.latent_channels, 3, padding=1)))

    def frequency_attention(self) -> list[nn.Parameter]:
        """The layers fine-tuned in the coordination stage, all else frozen."""
        return [p for m in self.modules() if isinstance(m, FrequencyAttention) for p in m.parameters()]

    def forward(self, latents: Tensor, timestep: Tensor, condition: Tensor, frequency: Tensor | None = None) -> Tensor:
        photos = condition.shape[0]
        num_slices = latents.shape[0] // photos if frequency is None else 1
        if frequency is None:
            frequency = torch.arange(1, num_slices + 1, device=latents.device).repeat(photos)
        repeats = latents.shape[0] // photos
        when = sinusoid(timestep, self.width, 10_000.0).repeat_interleave(repeats, 0)
        embedding = self.embed(torch.cat([when, sinusoid(frequency, self.width, 100.0)], 1))

        x = self.latents_in(latents) + self.condition_in(condition).repeat_interleave(repeats, 0)
        skips = [x]
        for blocks, shrink in self.down:
            for block in blocks:
                x = block(x, embedding, num_slices)
                skips.append(x)
            x = shrink(x)
        x = self.mid(x, embedding, num_slices)
        for blocks, smooth in self.up:
            for block in blocks:
                x = block(torch.cat([x, skips.pop()], 1), embedding, num_slices)
            if not isinstance(smooth, nn.Identity):
                x = smooth(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return self.out(x)
