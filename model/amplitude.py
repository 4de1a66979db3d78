"""How much each place moves, and at which frequencies: small heads on image networks that stay as they are.

Nineteen photos can't teach a network what things are; pretrained networks know, and a few thousand numbers
a head tell what moves. Several heads that start differently are averaged: docs/decisions/0018.
"""

from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from . import deeplab

# steps of the ordinal head, px RMS on a grid of long side 256
AMPLITUDE_STEPS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.1, 1.6, 2.4)
MOST_PX = 2.0  # of a place's amplitude: 99 of a hundred pixels of four loops in five stay below it
CELL = 16  # pixels of the photo, 8 of the grid
TYPICAL_CONTRAST = 0.01  # of full scale per grid cell
CENTRED, CENTRE_TABLE = 1.0, 32
NOTHING_PX = 1e-4  # what half precision can still divide by
CALM_PX = 0.06  # before the gain: photos of about that much motion come out half as lively
HEADS, HIDDEN = 4, 64
BAND_TRUST = 0.25  # exponent of what the heads say of a frequency; what is typical of it has the rest, in `tilt`
DROPPED = 0.5  # share of the features a head does without, at every step of training
DEEP = 3  # features from this level on, stride 16 and more, also tell of the photo as a whole

Pixels = TypeVar("Pixels", Tensor, np.ndarray)
Look = tuple[Tensor, Tensor]  # what there is to see of every cell, near and from afar: (B, C, h, w), (B, C', h, w)


def near_features(features: list[Tensor], segments: Tensor | None) -> Tensor:
    """What image networks see in each cell, and in the whole photo: (B, C, H / 16, W / 16).

    features  at strides 2, 4, 8, 16 and 32
    segments  the segmenter's, at stride 16
    """
    *fine, middle, coarse = features
    seen = [functional.avg_pool2d(x, CELL >> (j + 1)) for j, x in enumerate(fine)]
    deep = [middle, functional.interpolate(coarse, scale_factor=2.0, mode="bilinear")]
    deep += [] if segments is None else [segments]
    whole = [x.mean((2, 3), keepdim=True).expand_as(x) for x in deep]
    return torch.cat([*seen, *deep, *whole], 1)


def far_features(features: list[Tensor], segments: Tensor | None) -> Tensor:
    """What they see in the same cells of the photo at half its size: more of what is around.

    Things are then as large as in the pictures that these networks were trained on.
    """
    *_, fine, middle, coarse = features
    seen = [fine, functional.interpolate(middle, scale_factor=2.0, mode="bilinear")]
    seen.append(functional.interpolate(coarse, scale_factor=4.0, mode="bilinear"))
    seen += [] if segments is None else [functional.interpolate(segments, scale_factor=2.0, mode="bilinear")]
    return torch.cat(seen, 1)


def feature_counts(widths: tuple[int, ...], segmenter: bool) -> tuple[int, int]:
    """C of `near_features` and of `far_features`."""
    segments = deeplab.CHANNELS if segmenter else 0
    near = sum(widths[:DEEP]) + 2 * (sum(widths[DEEP:]) + segments)
    return near, sum(widths[-3:]) + segments


def nearby_mean(cells: Tensor) -> Tensor:
    return functional.avg_pool2d(cells, 3, 1, 1, count_include_pad=False)


def contrast(photo: Tensor) -> Tensor:
    """Mean gradient of the grey photo in each cell, full scale per grid cell:
    (B, 3, 2 Hg, 2 Wg) -> (B, 1, Hg / 8, Wg / 8).
    """
    grey = functional.avg_pool2d(photo.mean(1, keepdim=True), 2)
    wide = torch.cat([grey[..., :1], grey, grey[..., -1:]], 3)
    tall = torch.cat([grey[:, :, :1], grey, grey[:, :, -1:]], 2)
    across, down = wide[..., 2:] - wide[..., :-2], tall[:, :, 2:] - tall[:, :, :-2]
    return functional.avg_pool2d(0.5 * (across**2 + down**2 + 1e-9).sqrt(), 8)


def centredness(cells: Tensor) -> Tensor:
    """1 in the middle of the photo, exp(-CENTRED / 2) in its corners, of the size of `cells` (B, C, h, w):
    (1, 1, h, w).
    """
    # a table, stretched: ONNX's Range is not among the operators that every engine has
    side = (torch.arange(CENTRE_TABLE, device=cells.device) + 0.5) / CENTRE_TABLE - 0.5
    table = torch.exp(-CENTRED * (side[:, None] ** 2 + side**2))
    return functional.interpolate(table[None, None], cells.shape[2:], mode="bilinear")


class CellHeads(nn.Module):
    """Several heads of one hidden layer, each with its own answer to what is seen of a cell."""

    def __init__(self, channels: int, num_slices: int):
        super().__init__()
        outputs = len(AMPLITUDE_STEPS) + num_slices
        self.register_buffer("mean", torch.zeros(channels, 1))
        self.register_buffer("deviation", torch.ones(channels, 1))
        self.hidden = nn.Parameter(torch.randn(HEADS, HIDDEN, channels) / channels**0.5)
        self.hidden_bias = nn.Parameter(torch.zeros(HEADS, HIDDEN, 1))
        self.out = nn.Parameter(torch.randn(HEADS, outputs, HIDDEN) / HIDDEN**0.5)
        self.out_bias = nn.Parameter(torch.zeros(HEADS, outputs, 1))

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """cells (..., HEADS or 1, C, N) -> step logits (..., HEADS, steps, N), bands (..., HEADS, K-1, N)."""
        seen = ((cells - self.mean) / self.deviation).clamp(-6, 6)
        seen = functional.dropout(seen, DROPPED, self.training)
        hidden = functional.dropout((self.hidden @ seen + self.hidden_bias).relu(), 0.2, self.training)
        outputs = self.out @ hidden + self.out_bias
        return outputs[..., : len(AMPLITUDE_STEPS), :], outputs[..., len(AMPLITUDE_STEPS) :, :]


class AmplitudeHeads(nn.Module):
    """A look at a photo -> chance of each amplitude step and log amplitude per frequency, of all heads' mean logits.

    returns  chance (B, steps, h, w), bands (B, K-1, h, w): log(RMS of |S_k| / s_k + 0.1)
    """

    def __init__(self, channels: tuple[int, int], num_slices: int):
        super().__init__()
        self.near, self.far = (CellHeads(count, num_slices) for count in channels)
        # measured on photos the heads had not seen: of the amplitude, and of each frequency's
        self.register_buffer("gain", torch.ones(()))
        self.register_buffer("tilt", torch.ones(num_slices))

    def forward(self, look: Look) -> tuple[Tensor, Tensor]:
        h, w = look[0].shape[2:]
        answers = [heads(cells.flatten(2)[:, None]) for heads, cells in zip((self.near, self.far), look, strict=True)]
        logits, bands = (torch.cat(both, 1).mean(1).unflatten(2, (h, w)) for both in zip(*answers, strict=True))
        return logits.sigmoid(), bands

    def amplitude(self, look: Look, photo: Tensor) -> Tensor:
        """RMS of |S_k| in each cell, px on a grid of long side 256: (B, K-1, h, w).

        How much comes from the steps' expectation, from whether there is anything to see it by, and a
        little from where photographers put what they mean; at which frequencies from the bands.
        """
        chance, bands = self(look)
        total = limited(self.gain * expected_amplitude(chance, photo))
        power = band_power(bands) * self.tilt[:, None, None] ** 2
        # the amplitude is sqrt(2 sum_k |S_k|^2)
        return total * (0.5 * power / power.sum(1, keepdim=True)).sqrt()


def band_power(bands: Tensor) -> Tensor:
    """Power of each frequency relative to what is usual of it, as far as bands (B, K-1, h, w) can be trusted."""
    return nearby_mean((bands.exp() - 0.1).clamp_min(1e-3) ** 2) ** BAND_TRUST


def limited(amplitude: Pixels) -> Pixels:
    """An amplitude in px that nears MOST_PX but never gets there."""
    return amplitude / (1 + (amplitude / MOST_PX) ** 2) ** 0.5


def expected_amplitude(chance: Tensor, photo: Tensor) -> Tensor:
    """The chances' expectation, where there is something to see motion by: (B, 1, h, w), before its calibration."""
    steps = torch.tensor((0.0, *AMPLITUDE_STEPS), device=chance.device)
    expected = nearby_mean((chance * steps.diff()[:, None, None]).sum(1, keepdim=True))
    seen = contrast(photo)
    return concentrated(expected * seen / (seen + TYPICAL_CONTRAST) * centredness(chance))


def concentrated(amplitude: Tensor) -> Tensor:
    """As much motion in all, but as its square is spread over the photo, and less in calm photos: (B, 1, h, w).

    Heads that doubt say a little everywhere; what moves, moves, and the rest stands still.
    """
    squared = amplitude.square()
    typical = squared.mean((2, 3), keepdim=True) / (amplitude.mean((2, 3), keepdim=True) + NOTHING_PX)
    return squared / (typical + CALM_PX)
