"""Blocks shared by the autoencoder and the denoiser."""

import torch
import torch.nn.functional as functional
from torch import Tensor, nn


def norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(min(16, channels // 4), channels)


def zeroed(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    """The layer, starting at zero: its residual branch begins as the identity."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class ResidualBlock(nn.Module):
    """norm, SiLU, conv, twice; an embedding (B, E), where given, scales and shifts the middle."""

    def __init__(self, in_channels: int, out_channels: int, embedding: int = 0):
        super().__init__()
        self.norm_in, self.norm_mid = norm(in_channels), norm(out_channels)
        self.conv_in = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv_out = zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.skip = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()
        self.modulation = zeroed(nn.Linear(embedding, 2 * out_channels)) if embedding else None

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        h = self.norm_mid(self.conv_in(functional.silu(self.norm_in(x))))
        if self.modulation is not None:
            scale, shift = self.modulation(embedding)[:, :, None, None].chunk(2, 1)
            h = h * (1 + scale) + shift
        return self.skip(x) + self.conv_out(functional.silu(h))


class Attention(nn.Module):
    """Multi-head self-attention over the middle axis of (N, L, C), pre-normalised, residual."""

    def __init__(self, channels: int, head_channels: int = 32):
        super().__init__()
        self.heads = max(1, channels // head_channels)
        self.norm = nn.LayerNorm(channels)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.out = zeroed(nn.Linear(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        N, L, C = x.shape
        q, k, v = self.query_key_value(self.norm(x)).reshape(N, L, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) * (C // self.heads) ** -0.5
        return x + self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(N, L, C))


class SpatialAttention(Attention):
    """Every cell of a slice looks at every other: (B, C, h, w)."""

    def forward(self, x: Tensor) -> Tensor:
        B, C, h, w = x.shape
        return super().forward(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(B, C, h, w)


class FrequencyAttention(Attention):
    """Every frequency looks at the others at the same cell (paper section 4.2): (B * K, C, h, w)."""

    def forward(self, x: Tensor, num_slices: int) -> Tensor:
        BK, C, h, w = x.shape
        tokens = x.reshape(BK // num_slices, num_slices, C, h * w).permute(0, 3, 1, 2)
        mixed = super().forward(tokens.reshape(-1, num_slices, C))
        return mixed.reshape(-1, h * w, num_slices, C).permute(0, 2, 3, 1).reshape(BK, C, h, w)


def sinusoid(position: Tensor, channels: int, longest: float) -> Tensor:
    """Sine and cosine features of a position, geometric wavelengths up to `longest`: (B,) -> (B, channels)."""
    rate = torch.exp(
        -torch.arange(channels // 2, device=position.device) * (2 / channels * torch.log(torch.tensor(longest)))
    )
    angle = position[:, None].float() * rate[None]
    return torch.cat([angle.sin(), angle.cos()], 1)
