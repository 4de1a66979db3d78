"""The photo's part in the prediction: what things are, therefore where and how much they move.

A pretrained trunk and a top-down neck give the denoiser its condition and the decoder its guide; a
pretrained segmenter tells the neck what is a plant, a person or a chair. The neck also predicts the
motion amplitude, supervised directly: that prediction is part of both.
"""

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from . import deeplab, mobilenet, resnet
from .presets import Preset

# amplitude steps of the ordinal head, px RMS on a grid of long side 256
AMPLITUDE_STEPS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.1, 1.6, 2.4)
NECK_CHANNELS = (16, 32, 48, 64, 96)  # at strides 2 to 32
TYPICAL_CONTRAST, LEAST_SHARE = 0.01, 0.25  # of full scale per cell, and of that: docs/decisions/0007
MEANING = 3  # the level, of stride 16, that the segmenter speaks to


def trunk_from_name(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    if name == "mobilenet_v2":
        return mobilenet.MobileNetV2(), mobilenet.FEATURE_CHANNELS
    return resnet.ResNet34(), resnet.FEATURE_CHANNELS


def nearby_mean(cells: Tensor) -> Tensor:
    return functional.avg_pool2d(cells, 3, 1, 1, count_include_pad=False)


def contrast(photo: Tensor) -> Tensor:
    """Mean gradient of the grey photo in each latent cell, full scale per grid cell:
    (B, 3, 2 Hg, 2 Wg) -> (B, 1, Hg / 8, Wg / 8).
    """
    grey = functional.avg_pool2d(photo.mean(1, keepdim=True), 2)
    wide = torch.cat([grey[..., :1], grey, grey[..., -1:]], 3)
    tall = torch.cat([grey[:, :, :1], grey, grey[:, :, -1:]], 2)
    across, down = wide[..., 2:] - wide[..., :-2], tall[:, :, 2:] - tall[:, :, :-2]
    return functional.avg_pool2d(0.5 * (across**2 + down**2 + 1e-9).sqrt(), 8)


class ImageEncoder(nn.Module):
    """Photo at twice the grid, 0..1 -> condition at latent size, guide at grid size, expected amplitude.

    photo      (B, 3, 2 Hg, 2 Wg)
    condition  (B, Cc, Hg / 8, Wg / 8)    features, motion per frequency, chance of each amplitude step
    guide      (B, Cg, Hg, Wg)
    amplitude  (B, K-1, Hg / 8, Wg / 8)   RMS of |S_k| in a cell, px on a grid of long side 256
    """

    def __init__(self, preset: Preset):
        super().__init__()
        self.trunk, widths = trunk_from_name(preset.trunk)
        neck = (preset.guide_channels, *NECK_CHANNELS[1:])
        self.segmenter = deeplab.DeepLab() if preset.segmenter else None
        self.meaning = nn.Conv2d(deeplab.CHANNELS, neck[MEANING], 1) if preset.segmenter else None
        self.lateral = nn.ModuleList(nn.Conv2d(c, n, 1) for c, n in zip(widths, neck, strict=True))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(neck[1:], neck, strict=False))
        self.fuse = nn.ModuleList(nn.Conv2d(n, n, 3, padding=1) for n in neck)
        self.features = nn.Conv2d(neck[MEANING], preset.condition_features, 1)
        self.bands = nn.Conv2d(neck[MEANING], preset.num_slices, 1)
        self.steps = nn.Conv2d(neck[0], len(AMPLITUDE_STEPS), 1)
        self.coarse_steps = nn.Conv2d(neck[MEANING], len(AMPLITUDE_STEPS), 1)
        self.dropout = nn.Dropout2d(0.2)
        # the grid is half the photo, a latent cell is `latent_stride` grid cells
        self.condition_scale = 8 // preset.latent_stride
        self.register_buffer("scales", torch.ones(preset.num_slices), persistent=False)
        self.condition_channels = preset.condition_features + preset.num_slices + len(AMPLITUDE_STEPS)

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        condition, guide, bands, steps = self.maps(photo)
        return condition, guide, self.amplitude(bands, functional.avg_pool2d(steps.sigmoid(), 8), photo)

    def set_scales(self, scales: np.ndarray) -> None:
        """Per-frequency scales s_k (K,), px: what the bands are relative to."""
        self.scales.copy_(torch.from_numpy(scales[1:]))

    def amplitude(self, bands: Tensor, chance: Tensor, photo: Tensor) -> Tensor:
        """How much comes from the steps' expectation and the contrast, at which frequency from the bands."""
        steps = torch.tensor((0.0, *AMPLITUDE_STEPS), device=bands.device)
        expected = (chance * steps.diff()[:, None, None]).sum(1, keepdim=True)
        total = nearby_mean(expected) * (contrast(photo) / TYPICAL_CONTRAST + LEAST_SHARE).sqrt()
        power = ((bands.exp() - 0.1).clamp_min(1e-3) * self.scales[:, None, None]) ** 2
        power = nearby_mean(power)
        # the amplitude is sqrt(2 sum_k |S_k|^2)
        return total * (0.5 * power / power.sum(1, keepdim=True)).sqrt()

    def maps(self, photo: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Condition and guide, and the predictions they contain, for supervision: log amplitude
        per frequency (B, K-1, Hg/8, Wg/8) and step logits (B, steps, Hg, Wg).
        """
        levels = self.neck(self.trunk(photo), self.segmenter(photo) if self.segmenter else None)
        fine, coarse = levels[0], levels[MEANING]
        bands, coarse_steps = self.bands(coarse), self.coarse_steps(coarse)
        steps = self.steps(fine) + functional.interpolate(coarse_steps, fine.shape[2:], mode="bilinear")
        chance = functional.avg_pool2d(steps.sigmoid(), 8)
        condition = torch.cat([self.features(coarse), bands, chance], 1)
        if self.condition_scale > 1:
            condition = functional.interpolate(condition, scale_factor=float(self.condition_scale), mode="nearest")
        return condition, fine, bands, steps

    def neck(self, features: list[Tensor], segments: Tensor | None) -> list[Tensor]:
        """Top-down pyramid: coarse meaning added to fine detail, strides 2 to 32."""
        levels: list[Tensor] = []
        for i in reversed(range(len(features))):
            x = self.lateral[i](self.dropout(features[i]))
            if levels:
                x = x + functional.interpolate(self.down[i](levels[0]), scale_factor=2.0, mode="nearest")
            if i == MEANING and segments is not None:
                x = x + self.meaning(self.dropout(segments / 8))  # about as large as the trunk's features
            levels.insert(0, functional.relu(self.fuse[i](functional.relu(x))))
        return levels
