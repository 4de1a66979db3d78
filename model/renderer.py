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

PASSED = 4  # leading channels of the finest level: red, green, blue, and a one that marks coverage
STILL_PX = 0.05  # activity, px on a grid of long side 256, below which the photo passes unchanged
AWAY_PX = 0.2  # displacement, px of the frame, from which painting is at half its strength


def relu(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.1)


class FeaturePyramid(nn.Module):
    """Photo (B, 3, H, W) 0..1 -> features (B, C_j, H / 2^j, W / 2^j), j = 0, 1, 2."""

    def __init__(self, preset: Preset):
        super().__init__()
        fine, mid, coarse = preset.pyramid_channels
        self.trunk = ResNet34() if preset.pyramid_trunk == "resnet34" else None
        self.multiple = 32 if self.trunk else 4  # H and W must be divisible by this
        self.fine = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(16, fine - PASSED, 3, padding=1)
        )
        if self.trunk:
            self.mid, self.coarse = nn.Conv2d(64, mid, 1), nn.Conv2d(64 + 128 + 256 + 512, coarse, 1)
        else:
            self.mid = nn.Sequential(
                nn.Conv2d(fine, mid, 3, stride=2, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(mid, mid, 3, padding=1)
            )
            self.coarse = nn.Sequential(
                nn.Conv2d(mid, coarse, 3, stride=2, padding=1),
                nn.LeakyReLU(0.1),
                nn.Conv2d(coarse, coarse, 3, padding=1),
            )

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        level0 = torch.cat([photo, torch.ones_like(photo[:, :1]), self.fine(photo)], 1)
        if self.trunk:
            half, *deeper = self.trunk(photo)
            scales = [functional.interpolate(f, scale_factor=float(2**j), mode="nearest") for j, f in enumerate(deeper)]
            return level0, self.mid(half), self.coarse(torch.cat(scales, 1))
        level1 = self.mid(relu(level0))
        return level0, level1, self.coarse(relu(level1))


class Synthesis(nn.Module):
    """Splatted pyramid -> frame (B, 3, H, W), about 0..1 (the conversion to bytes clamps).

    level0..2  (B, C_j, H / 2^j, W / 2^j)   splatted features
    still      (B, 3, H, W)                 the photo, 0..1
    motion     (B, 2, H, W) px of the frame; its fraction tells how much the bilinear splat blurred
    activity   (B, 1, H, W) px on a grid of long side 256: the largest mean motion nearby; runtime/renderer.py

    The frame is the splatted photo, where covered, plus what the network paints: local filters of the
    splat, mixed by gates. Where nothing moves now, or ever does, the photo passes through unchanged.
    """

    def __init__(self, preset: Preset):
        super().__init__()
        fine, mid, coarse = preset.pyramid_channels
        blocks = preset.synthesis_blocks
        self.coarse = self.stack(coarse, blocks - 1)
        self.coarse_up = nn.Conv2d(coarse, mid, 1)
        self.mid = self.stack(mid, blocks)
        self.mid_up = nn.Conv2d(mid, fine, 1)
        self.fine_in = nn.Conv2d(2 * fine + 3 + 2 + 1 + 1, fine, 3, padding=1)
        self.fine = self.stack(fine, blocks - 2)
        self.gate = nn.Conv2d(fine, fine, 3, padding=1)
        self.filter = nn.Conv2d(fine + 3, fine, 3, padding=1)
        self.out = zeroed(nn.Conv2d(fine, 3, 1))

    @staticmethod
    def stack(channels: int, count: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for _ in range(count):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(0.1)]
        return nn.Sequential(*layers)

    def forward(
        self, level0: Tensor, level1: Tensor, level2: Tensor, still: Tensor, motion: Tensor, activity: Tensor
    ) -> Tensor:
        up = functional.interpolate(self.coarse_up(self.coarse(level2)), scale_factor=2.0, mode="nearest")
        up = functional.interpolate(self.mid_up(self.mid(level1 + up)), scale_factor=2.0, mode="nearest")
        difference = level0[:, 3:4] * (level0[:, :3] - still)
        blur = 0.5 - 0.5 * torch.cos(2 * torch.pi * motion)
        presence = activity / (activity + STILL_PX)
        x = torch.cat([level0, up, difference, blur, presence, strain(motion)], 1)
        filtered = self.filter(torch.cat([level0, difference], 1))
        painted = self.out(self.gate(self.fine(relu(self.fine_in(x)))) * filtered)
        return still + difference + presence * moves_now(motion) * painted


def strain(motion: Tensor) -> Tensor:
    """How much neighbours move apart, (B, 1, H, W): the root of the sum of the squared central differences, 0..1."""
    ahead = motion.new_tensor([[[0, 0, 0], [-0.5, 0, 0.5], [0, 0, 0]], [[0, -0.5, 0], [0, 0, 0], [0, 0.5, 0]]])
    x, y = (functional.conv2d(motion[:, i : i + 1], ahead[:, None], padding=1) for i in (0, 1))
    stretch = (x * x + y * y).sum(1, keepdim=True)
    return (stretch / (stretch + 1) + 1e-6).sqrt()


def moves_now(motion: Tensor) -> Tensor:
    """Whether anything nearby is off its place, (B, 1, H, W): 0 exactly where nothing is, else soon 1."""
    square = functional.avg_pool2d((motion * motion).sum(1, keepdim=True), 8, 4, 2)
    return functional.interpolate(square / (square + AWAY_PX**2), scale_factor=4.0, mode="nearest")


class Renderer(nn.Module):
    """Photo and motion -> frame, as the runtime does it, with gradients."""

    def __init__(self, preset: Preset):
        super().__init__()
        self.pyramid, self.synthesis = FeaturePyramid(preset), Synthesis(preset)

    def forward(self, photo: Tensor, motion: Tensor, importance: Tensor, activity: Tensor) -> Tensor:
        """photo (B, 3, H, W); motion (B, 2, H, W) px; importance, activity (B, 1, H, W), see Synthesis."""
        splatted = []
        for j, level in enumerate(self.pyramid(photo)):
            size = level.shape[2:]
            level_motion = functional.interpolate(motion, size, mode="bilinear") / 2**j
            splatted.append(
                softmax_splat(level, level_motion, functional.interpolate(importance, size, mode="bilinear"))
            )
        return self.synthesis(*splatted, photo, motion, activity)
