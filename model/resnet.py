"""ResNet-34 trunk (He et al. 2015) of the `paper` preset."""

import torch.nn.functional as functional
from torch import Tensor, nn

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # channels, blocks, stride
FEATURE_CHANNELS = (64, 64, 128, 256, 512)  # at strides 2, 4, 8, 16, 32


class BasicBlock(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.conv_in = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm_in = nn.BatchNorm2d(out_channels)
        self.conv_out = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm_out = nn.BatchNorm2d(out_channels)
        self.skip = nn.Identity()
        if stride > 1 or in_channels != out_channels:
            self.skip = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        h = functional.relu(self.norm_in(self.conv_in(x)))
        return functional.relu(self.norm_out(self.conv_out(h)) + self.skip(x))


class ResNet34(nn.Module):
    """Photo (B, 3, H, W) in 0..1 -> features at strides 2, 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        channels, stages = 64, []
        for out_channels, blocks, stride in STAGES:
            strides = [stride] + [1] * (blocks - 1)
            inputs = [channels] + [out_channels] * (blocks - 1)
            stages.append(nn.Sequential(*map(BasicBlock, inputs, [out_channels] * blocks, strides)))
            channels = out_channels
        self.stages = nn.ModuleList(stages)

    def forward(self, photo: Tensor) -> list[Tensor]:
        features = [self.stem(photo * 2 - 1)]
        x = functional.max_pool2d(features[0], 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
