"""The decoder backwards: what a slope of its slices is as a slope of its latents.

Guiding the sampler (paper eq. 5) needs the gradient of a loss of the motion by the latents. The runtime
has no autograd; the part of the chain rule that it cannot write down is this network.
"""

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from stillwave.model.autoencoder import SliceDecoder
from stillwave.model.layers import ResidualBlock


class DecoderGradient(nn.Module):
    """The gradient by `latents` of sum(slope * slices), slices = decoder(latents * std + mean, guide).

    latents (N, 4, h, w);  guide (1, Cg, H, W);  slope (N, 4, H, W)  ->  (N, 4, h, w)
    """

    def __init__(self, decoder: SliceDecoder, mean: Tensor, std: Tensor):
        super().__init__()
        self.decoder, self.mean, self.std = decoder, mean, std
        self.mid = BlockGradient(decoder.mid)
        self.blocks = nn.ModuleList(BlockGradient(block) for block in decoder.blocks)
        self.ups = nn.ModuleList(transposed(conv) for conv in decoder.ups)
        self.conv_in, self.conv_out = transposed(decoder.conv_in), transposed(decoder.conv_out)

    def forward(self, latents: Tensor, guide: Tensor, slope: Tensor) -> Tensor:
        d = self.decoder
        first = d.conv_in(latents * self.std + self.mean)
        x, before = d.mid(first), []
        for level, block in enumerate(d.blocks):
            if level:
                x = d.ups[level - 1](functional.interpolate(x, scale_factor=2.0, mode="nearest"))
            if level == len(d.ups):
                x = x + d.guide_in(functional.pixel_unshuffle(guide, d.patch))
            before.append(x)
            x = block(x)
        slope = slope * (2 * torch.sigmoid(d.gate(guide)))
        slope = self.conv_out(functional.pixel_unshuffle(slope, d.patch)) * silu_slope(x)
        for level in reversed(range(len(self.blocks))):
            slope = self.blocks[level](before[level], slope)
            if level:
                slope = 4 * functional.avg_pool2d(self.ups[level - 1](slope), 2)
        return self.conv_in(self.mid(first, slope)) * self.std


class BlockGradient(nn.Module):
    """A residual block backwards: its input and the slope of its output -> the slope of its input."""

    def __init__(self, block: ResidualBlock):
        super().__init__()
        self.half_in = HalfGradient(block.norm_in, block.conv_in)
        self.half_mid = HalfGradient(block.norm_mid, block.conv_out)

    def forward(self, x: Tensor, slope: Tensor) -> Tensor:
        return slope + self.half_in(x, self.half_mid(self.half_in.ahead(x), slope))


class HalfGradient(nn.Module):
    """conv(silu(norm(x))) backwards."""

    def __init__(self, norm: nn.GroupNorm, conv: nn.Conv2d):
        super().__init__()
        self.norm, self.conv, self.back = norm, conv, transposed(conv)
        self.weight, self.bias = norm.weight.reshape(-1, 1, 1), norm.bias.reshape(-1, 1, 1)

    def ahead(self, x: Tensor) -> Tensor:
        return self.conv(functional.silu(self.norm(x)))

    def forward(self, x: Tensor, slope: Tensor) -> Tensor:
        groups = x.reshape(x.shape[0], self.norm.num_groups, -1)
        centred = groups - groups.mean(2, keepdim=True)
        deviation = (centred.square().mean(2, keepdim=True) + self.norm.eps).sqrt()
        unit = centred / deviation
        slope = self.back(slope) * silu_slope(unit.reshape(x.shape) * self.weight + self.bias) * self.weight
        slope = slope.reshape(groups.shape)
        along = (slope * unit).mean(2, keepdim=True)
        return ((slope - slope.mean(2, keepdim=True) - along * unit) / deviation).reshape(x.shape)


def silu_slope(x: Tensor) -> Tensor:
    share = torch.sigmoid(x)
    return share + x * share * (1 - share)


def transposed(conv: nn.Conv2d) -> nn.Conv2d:
    """The transposed map of a convolution of stride 1 that keeps the size, as a convolution."""
    back = nn.Conv2d(conv.out_channels, conv.in_channels, conv.kernel_size, padding=conv.padding, bias=False)
    back.weight = nn.Parameter(conv.weight.detach().flip(2, 3).transpose(0, 1).contiguous(), requires_grad=False)
    return back
