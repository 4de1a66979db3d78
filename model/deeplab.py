"""DeepLab v3 on MobileNetV2 (Chen et al. 2017): which of 21 PASCAL classes a place shows."""

from pathlib import Path

import torch
from torch import Tensor, nn

from .mobilenet import MobileNetV2, load_convolutions

CLASSES, HEAD_CHANNELS = 21, 256
CHANNELS = HEAD_CHANNELS + CLASSES


class DeepLab(nn.Module):
    """Photo (B, 3, H, W) in 0..1, H and W multiples of 32 -> head features, then class logits
    (B, 256 + 21, H / 16, W / 16).
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk = MobileNetV2(dilated=True)
        self.local = nn.Conv2d(320, HEAD_CHANNELS, 1)
        self.whole = nn.Conv2d(320, HEAD_CHANNELS, 1)
        self.mix = nn.Conv2d(2 * HEAD_CHANNELS, HEAD_CHANNELS, 1)
        self.classes = nn.Conv2d(HEAD_CHANNELS, CLASSES, 1)

    def forward(self, photo: Tensor) -> Tensor:
        features = self.trunk(photo)[-1]
        local = self.local(features).relu()
        whole = self.whole(features.mean((2, 3), keepdim=True)).relu().expand_as(local)
        head = self.mix(torch.cat([whole, local], 1)).relu()
        return torch.cat([head, self.classes(head)], 1)

    def load(self, path: Path) -> None:
        """Start from the quantised TFLite file `deeplabv3_mnv2_pascal_quant`."""
        load_convolutions(self, path)
