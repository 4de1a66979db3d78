"""The photo's part in the prediction: what things are, therefore where and how much they move.

A pretrained trunk and a top-down neck give the denoiser its condition and the decoder its guide; a
pretrained segmenter tells the neck what is a plant, a person or a chair. The neck also predicts the
motion amplitude, supervised directly: that prediction is part of both. How much the motion is scaled
to in the end, other heads on the same features tell: amplitude.py.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from stillwave.runtime import spectrum

from . import deeplab, mobilenet, resnet
from .amplitude import AMPLITUDE_STEPS, AmplitudeHeads, Look, far_features, feature_counts, near_features
from .presets import Preset

NECK_CHANNELS = (16, 32, 48, 64, 96)  # at strides 2 to 32
MEANING = 3  # the level, of stride 16, that the segmenter speaks to

Seen = tuple[list[Tensor], Tensor | None]


def trunk_from_name(name: str) -> tuple[nn.Module, tuple[int, ...]]:
    if name == "mobilenet_v2":
        return mobilenet.MobileNetV2(), mobilenet.FEATURE_CHANNELS
    return resnet.ResNet34(), resnet.FEATURE_CHANNELS


def photo_planes(photo: np.ndarray) -> Tensor:
    """A photo uint8 (H, W, 3) as the runtime shows it to the encoder: (1, 3, 2 Hg, 2 Wg), 0..1."""
    width, height = spectrum.network_grid(photo.shape[1], photo.shape[0])
    resized = cv2.resize(photo, (2 * width, 2 * height), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(resized).permute(2, 0, 1)[None].float() / 255


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
        self.amplitude = AmplitudeHeads(feature_counts(widths, preset.segmenter), preset.num_slices)
        self.condition_channels = preset.condition_features + preset.num_slices + len(AMPLITUDE_STEPS)

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        seen = self.see(photo)
        amplitude = self.amplitude.amplitude(self.look(photo, seen), photo)
        condition, guide, _, _ = self.maps(*seen)
        return condition, guide, amplitude

    def look(self, photo: Tensor, seen: Seen) -> Look:
        """What the amplitude is told from: the photo, and the photo at half its size."""
        return near_features(*seen), far_features(*self.see(functional.avg_pool2d(photo, 2)))

    def see(self, photo: Tensor) -> Seen:
        """What the pretrained networks make of the photo: features at strides 2 to 32, and segments."""
        return self.trunk(photo), self.segmenter(photo) if self.segmenter else None

    def maps(self, features: list[Tensor], segments: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Condition and guide, and the predictions they contain, for supervision: log amplitude
        per frequency (B, K-1, Hg/8, Wg/8) and step logits (B, steps, Hg, Wg).
        """
        levels = self.neck(features, segments)
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
