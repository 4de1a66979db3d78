"""Painting a frame: a feature pyramid of the photo, splatted along the motion, and its synthesis
(paper section 5). The pyramid runs once a photo, the synthesis once a frame.
"""

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from .layers import zeroed
from .presets import Preset
from .resnet import ResNet34
from .splat import softmax_splat

PASSED = 4  # leading channels of every level: red, green, blue, and a one that marks coverage
DETAILS = 4  # filters of the photo that are splatted beside its colours
STILL_PX = 0.05  # activity, px on a grid of long side 256, below which the photo passes unchanged
AWAY_PX = 0.2  # displacement, px of the frame, from which painting is at half its strength
FEATURES = 24


def relu(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.1)


class FeaturePyramid(nn.Module):
    """Photo (B, 3, H, W) 0..1 -> features (B, C_j, H / 2^j, W / 2^j), j = 0, 1, 2: colours, one, then the
    details of each colour at the finest level, and a trunk's features where the preset has one.
    """

    def __init__(self, preset: Preset):
        super().__init__()
        fine, mid, coarse = (channels - PASSED for channels in preset.pyramid_channels)
        self.trunk = ResNet34() if preset.pyramid_trunk == "resnet34" else None
        self.multiple = 32 if self.trunk else 4  # H and W must be divisible by this
        self.details = nn.Conv2d(1, DETAILS, 5, padding=2, bias=False)
        with torch.no_grad():
            self.details.weight[:, 0] = torch.stack([surround(ring) for ring in (1, 2, 3, 5)])
        if self.trunk:
            self.fine = nn.Conv2d(3, fine - 3 * DETAILS, 3, padding=1)
            self.mid, self.coarse = nn.Conv2d(64, mid, 1), nn.Conv2d(64 + 128 + 256 + 512, coarse, 1)

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        details = self.details(colours_apart(photo)).reshape(len(photo), 3 * DETAILS, *photo.shape[2:])
        levels = [[photo, torch.ones_like(photo[:, :1])]]
        for _ in (1, 2):
            levels.append([functional.avg_pool2d(plane, 2) for plane in levels[-1]])
        levels[0].append(details)
        if self.trunk:
            half, *deeper = self.trunk(photo)
            scales = [functional.interpolate(f, scale_factor=float(2**j), mode="nearest") for j, f in enumerate(deeper)]
            levels[0].append(self.fine(photo))
            levels[1].append(self.mid(half))
            levels[2].append(self.coarse(torch.cat(scales, 1)))
        else:  # the kernels of devices read eight channels at once
            for level in levels[1:]:
                level += [0 * plane for plane in level]
        fine, mid, coarse = (torch.cat(level, 1) for level in levels)
        return fine, mid, coarse


def surround(ring: int) -> Tensor:
    """A 5 x 5 filter: the mean of the pixels at a ring's distance (1, sqrt 2, 2, sqrt 5, sqrt 8) minus the centre."""
    y, x = torch.meshgrid(torch.arange(-2, 3), torch.arange(-2, 3), indexing="ij")
    members = (x * x + y * y == (1, 2, 4, 5, 8)[ring - 1]).float()
    members /= members.sum()
    members[2, 2] = -1
    return members


class Synthesis(nn.Module):
    """Splatted pyramid -> frame (B, 3, H, W), about 0..1 (the conversion to bytes clamps).

    level0..2  (B, C_j, H / 2^j, W / 2^j)   splatted features
    still      (B, 3, H, W)                 the photo, 0..1
    motion     (B, 2, H, W) px of the frame; its fraction tells how much the bilinear splat blurred
    activity   (B, 1, H, W) px on a grid of long side 256: the largest mean motion nearby; runtime/renderer.py

    The frame is the splatted photo, its holes filled from coarser levels, plus what the network paints: filters
    of each colour, mixed by gates that are alike for all. Where nothing moves now, or ever does, the
    photo passes through unchanged.
    """

    def __init__(self, preset: Preset):
        super().__init__()
        fine, mid, coarse = preset.pyramid_channels
        blocks, filters = preset.synthesis_blocks, preset.synthesis_filters
        self.blocks = blocks
        if blocks:
            self.coarse, self.coarse_up = self.stack(coarse, blocks), nn.Conv2d(coarse, mid, 1)
            self.mid, self.mid_up = self.stack(mid, blocks), nn.Conv2d(mid, fine, 1)
            self.fine = nn.Sequential(nn.Conv2d(2 * fine, fine, 3, padding=1), self.stack(fine, blocks - 2))
            self.context = zeroed(nn.Conv2d(fine, filters, 1))
        self.filter = nn.Conv2d(2, filters, 5, padding=2, bias=False)
        self.detail = nn.Conv2d(DETAILS, filters, 1, bias=False)
        self.gate = nn.Sequential(nn.Conv2d(FEATURES, 16, 1), nn.LeakyReLU(0.1), zeroed(nn.Conv2d(16, filters, 1)))

    @staticmethod
    def stack(channels: int, count: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for _ in range(count):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(0.1)]
        return nn.Sequential(*layers)

    def forward(
        self, level0: Tensor, level1: Tensor, level2: Tensor, still: Tensor, motion: Tensor, activity: Tensor
    ) -> Tensor:
        warped = filled(level0, level1, level2, still)
        difference = warped - still
        gate = self.gate(features(warped, difference, level0[:, 3:4], motion, activity))
        if self.blocks:
            up = functional.interpolate(self.coarse_up(self.coarse(level2)), scale_factor=2.0, mode="nearest")
            up = functional.interpolate(self.mid_up(self.mid(level1 + up)), scale_factor=2.0, mode="nearest")
            gate = gate + self.context(relu(self.fine(torch.cat([level0, up], 1))))
        # the details' share of each filter goes to the gates, which all colours have in common
        detail_gate = functional.conv2d(gate, self.detail.weight.transpose(0, 1))
        painted = []
        for c in range(3):  # one after the other: a third of the memory
            pair = torch.cat([warped[:, c : c + 1], difference[:, c : c + 1]], 1)
            details = level0[:, PASSED + c * DETAILS : PASSED + (c + 1) * DETAILS]
            filtered = (self.filter(pair) * gate).sum(1, keepdim=True)
            painted.append(filtered + (details * detail_gate).sum(1, keepdim=True))
        presence = activity / (activity + STILL_PX) * moves_now(motion) * inside(activity)
        return warped + presence * torch.cat(painted, 1)


def colours_apart(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (3 B, 1, H, W)."""
    return image.reshape(-1, 1, *image.shape[2:])


def filled(level0: Tensor, level1: Tensor, level2: Tensor, still: Tensor) -> Tensor:
    """The splatted colours, where covered; else those at half size, those around at quarter size, the photo."""
    around = functional.avg_pool2d(level2[:, :PASSED], 5, 1, 2)
    covered = around[:, 3:]
    around = torch.cat([around[:, :3] / (covered + 1e-6), covered / (covered + 0.02)], 1)
    image = still
    for passed, scale in ((around, 4.0), (level1[:, :PASSED], 2.0), (level0[:, :PASSED], 1.0)):
        if scale > 1:
            passed = functional.interpolate(passed, scale_factor=scale, mode="bilinear")
        image = image + passed[:, 3:] * (passed[:, :3] - image)
    return image


def features(warped: Tensor, difference: Tensor, coverage: Tensor, motion: Tensor, activity: Tensor) -> Tensor:
    """What gates are made of, each -1..1, (B, FEATURES, H, W): how much things move here, ever and now, how the
    bilinear splat blurred, how neighbours move apart, texture, distance from the photo, coverage, light.
    """
    light = warped.mean(1, keepdim=True)
    speed, stretch = (motion * motion).sum(1, keepdim=True), strain(motion)
    rough = (functional.avg_pool2d(light, 3, 1, 1) - light).square()
    changed = difference.square().mean(1, keepdim=True)
    near = functional.avg_pool2d(torch.cat([rough, changed], 1), 3, 1, 1).sqrt()
    # means of 12 x 12, every 4 pixels
    pooled = functional.avg_pool2d(functional.avg_pool2d(torch.cat([speed, stretch, rough, changed], 1), 4), 3, 1, 1)
    around = functional.interpolate(pooled, scale_factor=4.0, mode="bilinear").sqrt()
    parts = [
        *saturating(activity, 0.05, 0.3, 1, 4),
        *saturating(around[:, :1], 0.1, 0.5, 2, 8),
        0.5 - 0.5 * torch.cos(2 * torch.pi * motion),
        *saturating(stretch.sqrt(), 0.15, 1),
        *saturating(around[:, 1:2], 0.15, 0.5),
        *saturating(near, 0.015, 0.08),
        *saturating(around[:, 2:], 0.015, 0.08),
        coverage,
        light,
    ]
    return 2 * torch.cat(parts, 1) - 1


def saturating(x: Tensor, *scales: float) -> list[Tensor]:
    return [x / (x + scale) for scale in scales]


def strain(motion: Tensor) -> Tensor:
    """How much neighbours move apart, (B, 1, H, W): the sum of the squared central differences."""
    ahead = motion.new_tensor([[[0, 0, 0], [-0.5, 0, 0.5], [0, 0, 0]], [[0, -0.5, 0], [0, 0, 0], [0, 0.5, 0]]])
    x, y = (functional.conv2d(motion[:, i : i + 1], ahead[:, None], padding=1) for i in (0, 1))
    return (x * x + y * y).sum(1, keepdim=True)


def inside(plane: Tensor) -> Tensor:
    """0 where a 5 x 5 filter reaches beyond the frame, else 1: (B, 1, H, W)."""
    rows = functional.avg_pool2d(torch.ones_like(plane[..., :1]), (5, 1), 1, (2, 0))
    columns = functional.avg_pool2d(torch.ones_like(plane[:, :, :1]), (1, 5), 1, (0, 2))
    return (10 * rows * columns - 9).clamp(0, 1)


def moves_now(motion: Tensor) -> Tensor:
    """Whether anything nearby is off its place, (B, 1, H, W): 0 exactly where nothing is, else soon 1."""
    square = functional.avg_pool2d((motion * motion).sum(1, keepdim=True), 8, 4, 2)
    return functional.interpolate(square / (square + AWAY_PX**2), scale_factor=4.0, mode="bilinear")


class Renderer(nn.Module):
    """Photo and motion -> frame, as the runtime does it, with gradients."""

    def __init__(self, preset: Preset):
        super().__init__()
        self.pyramid, self.synthesis = FeaturePyramid(preset), Synthesis(preset)

    def forward(self, photo: Tensor, motion: Tensor, importance: Tensor, activity: Tensor) -> Tensor:
        """photo (B, 3, H, W); motion (B, 2, H, W) px; importance, activity (B, 1, H, W), see Synthesis."""
        return self.synthesis(*self.splat(photo, motion, importance), photo, motion, activity)

    def splat(self, photo: Tensor, motion: Tensor, importance: Tensor) -> list[Tensor]:
        """The pyramid, carried along."""
        splatted = []
        for j, level in enumerate(self.pyramid(photo)):
            size = level.shape[2:]
            level_motion = functional.interpolate(motion, size, mode="bilinear") / 2**j
            splatted.append(
                softmax_splat(level, level_motion, functional.interpolate(importance, size, mode="bilinear"))
            )
        return splatted
