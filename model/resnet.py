"""ResNet-34 trunk (He et al. 2015) of the `paper` preset."""

import torch.nn.functional as functional
from torch import Tensor, nn

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # channels, blocks, stride
FEATURE_CHANNELS = (64, 64, 128, 256, 512)  # at strides 2, 4, 8, 16, 32


def normed_conv(in_channels: int, out_channels: int, kernel: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


class BasicBlock(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.conv_in = normed_conv(in_channels, out_channels, 3, stride)
        self.conv_out = normed_conv(out_channels, out_channels, 3, 1)
        is_changed = stride > 1 or in_channels != out_channels
        self.skip = normed_conv(in_channels, out_channels, 1, stride) if is_changed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.conv_out(functional.relu(self.conv_in(x))) + self.skip(x))


class ResNet34(nn.Module):
    """Photo (B, 3, H, W) in 0..1 -> features at strides 2, 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(normed_conv(3, 64, 7, 2), nn.ReLU())
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
