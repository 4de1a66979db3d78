"""Painting a frame: a feature pyramid of the photo, splatted along the motion, and its synthesis
(paper section 5). The pyramid runs once a photo, the synthesis once a frame.
"""

import math

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from stillwave.runtime.motion import COVER, DOUBT

from .layers import zeroed
from .presets import Preset
from .resnet import ResNet34
from .splat import softmax_splat

PASSED = 4  # leading channels of every level: red, green, blue, and a one that marks coverage
DETAILS = 4  # filters of the photo that are splatted beside its colours
STILL_PX = 0.05  # activity, px on a grid of long side 256, below which the photo passes unchanged
AWAY_PX = 0.2  # displacement, px of the frame, from which painting is at half its strength
NEAR, AROUND = 14, 10  # features that gates are made of: of a pixel, and of what is around it
SUMS = 16  # that gates weigh, of a colour


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

    The frame is the splatted photo, its holes filled from coarser levels, plus what the network paints: sums over
    the neighbours of each colour, weighed at every pixel by gates that are alike for all colours. Where nothing
    moves now, or ever does, the photo passes through unchanged.
    """

    def __init__(self, preset: Preset):
        super().__init__()
        fine, mid, coarse = preset.pyramid_channels
        blocks = preset.synthesis_blocks
        self.blocks = blocks
        if blocks:
            self.coarse, self.coarse_up = self.stack(coarse, blocks), nn.Conv2d(coarse, mid, 1)
            self.mid, self.mid_up = self.stack(mid, blocks), nn.Conv2d(mid, fine, 1)
            self.fine = nn.Sequential(nn.Conv2d(2 * fine, fine, 3, padding=1), self.stack(fine, blocks - 2))
            self.context = zeroed(nn.Conv2d(fine, SUMS, 1))
        self.around = nn.Conv2d(2, SUMS, 5, padding=2, bias=False)
        with torch.no_grad():
            self.around.weight[:] = sums_around()
        self.gates = Gates()

    @staticmethod
    def stack(channels: int, count: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for _ in range(count):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(0.1)]
        return nn.Sequential(*layers)

    def forward(
        self, level0: Tensor, level1: Tensor, level2: Tensor, still: Tensor, motion: Tensor, activity: Tensor
    ) -> Tensor:
        passed = picked(level0, range(PASSED))
        warped = filled(passed, level1, level2, still)
        difference = warped - still
        near, around = features(warped, difference, passed[:, 3:], motion, activity)
        # nothing learned is behind them, and the root of what is 0 has no gradient
        gate = self.gates(near.detach(), around.detach(), scale=4)
        if self.blocks:
            up = functional.interpolate(self.coarse_up(self.coarse(level2)), scale_factor=2.0, mode="nearest")
            up = functional.interpolate(self.mid_up(self.mid(level1 + up)), scale_factor=2.0, mode="nearest")
            gate = gate + self.context(relu(self.fine(torch.cat([level0, up], 1))))
        # one colour after the other: a third of the memory
        painted = [added_up(self.sums(c, warped, difference, level0) * gate) for c in range(3)]
        presence = activity / (activity + STILL_PX) * moves_now(motion) * inside(activity)
        return warped + presence * torch.cat(painted, 1)

    def sums(self, c: int, warped: Tensor, difference: Tensor, level0: Tensor) -> Tensor:
        """What gates weigh of colour `c`, (B, SUMS, H, W): its surroundings in the splat, itself and its surroundings
        in the difference from the photo, its splatted details, one that is spare.
        """
        pair = torch.cat([warped[:, c : c + 1], difference[:, c : c + 1]], 1)
        first = PASSED + c * DETAILS
        return self.around(pair) + picked(level0, range(first, first + DETAILS), SUMS, SUMS - 1 - DETAILS)


class Gates(nn.Module):
    """Features -> the weight of every sum (B, SUMS, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.near, self.around = nn.Conv2d(NEAR, 16, 1), nn.Conv2d(AROUND, 16, 1, bias=False)
        self.weigh = zeroed(nn.Conv2d(16, SUMS, 1))

    def forward(self, near: Tensor, around: Tensor, scale: int = 1) -> Tensor:
        """near (B, NEAR, H, W);  around (B, AROUND, H / scale, W / scale)"""
        hidden = self.around(around)
        if scale > 1:
            hidden = functional.interpolate(hidden, scale_factor=float(scale), mode="bilinear")
        return self.weigh(functional.relu(self.near(near) + hidden))


def sums_around() -> Tensor:
    """The filters of a colour's splat and of its difference from the photo: (SUMS, 2, 5, 5)."""
    filters = torch.zeros(SUMS, 2, 5, 5)
    for ring in range(1, 6):
        filters[ring - 1, 0] = filters[5 + ring, 1] = surround(ring)
    filters[5, 1, 2, 2] = 1
    return filters


# Channels are picked and added up by convolutions with constants: engines keep channels in blocks of 16, and
# unpacking them takes longer. Constants go through lists, which the exporter takes as such.


def picked(x: Tensor, channels: range, count: int = 0, first: int = 0) -> Tensor:
    """These channels, as those from `first` on of `count`; the others are 0."""
    kernel = np.zeros((count or len(channels), x.shape[1], 1, 1))
    kernel[range(first, first + len(channels)), channels] = 1
    return functional.conv2d(x, x.new_tensor(kernel.tolist()))


def added_up(x: Tensor) -> Tensor:
    """All channels in one."""
    return functional.conv2d(x, x.new_tensor(np.ones((1, x.shape[1], 1, 1)).tolist()))


def colours_apart(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (3 B, 1, H, W)."""
    return image.reshape(-1, 1, *image.shape[2:])


def filled(level0: Tensor, level1: Tensor, level2: Tensor, still: Tensor) -> Tensor:
    """The splatted colours, where covered; else those around at half size, at quarter size, the photo. In the coarser
    levels what moves counts for little: what comes into sight lay behind it.
    """
    image = still
    for level, size, scale in ((level2, 5, 4.0), (level1, 3, 2.0)):
        passed = box(level[:, :PASSED], size)
        passed = functional.interpolate(passed / (passed[:, 3:] + 0.01), scale_factor=scale, mode="bilinear")
        image = passed[:, :3] + (1 - passed[:, 3:]) * image
    return level0[:, :3] + (1 - level0[:, 3:PASSED]) * image


def features(
    warped: Tensor, difference: Tensor, coverage: Tensor, motion: Tensor, activity: Tensor
) -> tuple[Tensor, Tensor]:
    """What gates are made of, each 0..1. Of every pixel: how much things move here, ever and now, how the bilinear
    splat blurred, how neighbours move apart, texture, distance from the photo, coverage, light, (B, NEAR, H, W);
    of what is around it: speed, moving apart, texture, distance, (B, AROUND, H / 4, W / 4).
    """
    light = warped.mean(1, keepdim=True)
    parts = torch.cat([motion, slopes(motion), box(light, 3) - light, difference], 1)
    # speed, moving apart, texture and distance: sums of squares of those parts
    members = np.zeros((4, 10, 1, 1))
    members[0, :2], members[1, 2:6], members[2, 6], members[3, 7:] = 1, 1, 1, 1 / 3
    squares = functional.conv2d(parts * parts, parts.new_tensor(members.tolist()))
    near = [
        *saturating(activity, 0.05, 0.3, 1, 4),
        0.5 - 0.5 * torch.cos(2 * torch.pi * motion),
        *saturating(squares[:, 1:2].sqrt(), 0.15, 1),
        *saturating(box(squares[:, 2:], 3).sqrt(), 0.015, 0.08),
        coverage,
        light,
    ]
    pooled = box(box(squares, 4, 4), 3).sqrt()  # means of 12 x 12
    around = [
        *saturating(pooled[:, :1], 0.1, 0.5, 2, 8),
        *saturating(pooled[:, 1:2], 0.15, 0.5),
        *saturating(pooled[:, 2:], 0.015, 0.08),
    ]
    return torch.cat(near, 1), torch.cat(around, 1)


def saturating(x: Tensor, *scales: float) -> list[Tensor]:
    return [x / (x + scale) for scale in scales]


def slopes(motion: Tensor) -> Tensor:
    """Central differences of the motion, across and down: (B, 2, H, W) -> (B, 4, H, W). Their squares add up to
    how much neighbours move apart.
    """
    kernels = np.zeros((2, 2, 2, 3, 3))  # of, across or down, from
    for i in (0, 1):
        kernels[i, 0, i, 1], kernels[i, 1, i, :, 1] = [-0.5, 0, 0.5], [-0.5, 0, 0.5]
    return functional.conv2d(motion, motion.new_tensor(kernels.reshape(4, 2, 3, 3).tolist()), padding=1)


def box(x: Tensor, size: int, stride: int = 1) -> Tensor:
    """Means of size x size, every `stride` pixels, with zeros beyond the edge. A convolution: engines on a CPU take
    several times as long to pool few channels.
    """
    kernel = np.multiply.outer(np.eye(x.shape[1]), np.full((size, size), 1 / size**2))
    return functional.conv2d(x, x.new_tensor(kernel.tolist()), stride=stride, padding=(size - stride) // 2)


def inside(plane: Tensor) -> Tensor:
    """0 where a 5 x 5 filter reaches beyond the frame, else 1: (B, 1, H, W)."""
    rows = functional.avg_pool2d(torch.ones_like(plane[..., :1]), (5, 1), 1, (2, 0))
    columns = functional.avg_pool2d(torch.ones_like(plane[:, :, :1]), (1, 5), 1, (0, 2))
    return (10 * rows * columns - 9).clamp(0, 1)


def moves_now(motion: Tensor) -> Tensor:
    """Whether anything nearby is off its place, (B, 1, H, W): 0 exactly where nothing is, else soon 1."""
    square = box((motion * motion).sum(1, keepdim=True), 8, 4)
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
        for j, level in enumerate(self.levels(photo, importance)):
            size = level.shape[2:]
            level_motion = functional.interpolate(motion, size, mode="bilinear") / 2**j
            weight = functional.interpolate(importance, size, mode="bilinear")
            splatted.append(softmax_splat(level, level_motion, weight, math.inf if j else COVER))
        return splatted

    def levels(self, photo: Tensor, importance: Tensor) -> list[Tensor]:
        """The pyramid, with what fills holes in the coarser levels; see runtime/splat.py."""
        trust = 1 / (1 + DOUBT * importance.clamp_min(0))
        passed = torch.cat([photo * trust, trust], 1)
        fine, *coarser = self.pyramid(photo)
        behind = (functional.avg_pool2d(passed, 2**j) for j in (1, 2))
        return [fine, *(torch.cat([b, level[:, PASSED:]], 1) for b, level in zip(behind, coarser, strict=True))]
