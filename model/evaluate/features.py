"""What pictures and windows of video are compared by: features of networks given by their weights.

Inception and I3D come as the TorchScript files that papers compute FID and FVD with; they are not shipped.
The MobileNetV2 trunk stands in where they are not at hand: its distances are NOT comparable to the paper's.
"""

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..mobilenet import MobileNetV2

BATCH = 16


def scripted(weights: Path) -> nn.Module:
    """A network in TorchScript, which torch calls deprecated: the files that the field compares by are in it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit\.load", category=DeprecationWarning)
        return torch.jit.load(str(weights), map_location="cpu").eval()


class InceptionFeatures(nn.Module):
    """Pictures uint8 (N, 3, H, W) -> (N, 2048), of the TorchScript Inception v3 of 2015-12-05."""

    def __init__(self, weights: Path):
        super().__init__()
        self.network = scripted(weights)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.network(pictures, return_features=True).flatten(1)


class I3DFeatures(nn.Module):
    """Windows uint8 (N, T, 3, H, W) -> (N, 400), of an I3D as TorchScript: on Kinetics for FVD, on dynamic
    textures for DTFVD.
    """

    def __init__(self, weights: Path):
        super().__init__()
        self.network = scripted(weights)

    def forward(self, windows: Tensor) -> Tensor:
        clips = windows.transpose(1, 2).float()
        return self.network(clips, rescale=True, resize=True, return_features=True).flatten(1)


class TrunkFeatures(nn.Module):
    """Pictures uint8 (N, 3, H, W) -> (N, 320): MobileNetV2's coarsest features, mean over the picture."""

    def __init__(self, weights: Path):
        super().__init__()
        self.trunk = MobileNetV2().eval()
        self.trunk.load(weights)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.trunk(pictures.float() / 255)[-1].mean((2, 3))


class TrunkMotion(nn.Module):
    """Windows uint8 (N, T, 3, H, W) -> (N, 48): how much the trunk's 24 features of stride 4 change over the
    window, and how much from frame to frame.
    """

    def __init__(self, weights: Path):
        super().__init__()
        trunk = MobileNetV2().eval()
        trunk.load(weights)
        self.first = nn.Sequential(trunk.stem, *trunk.stages[:2])

    def forward(self, windows: Tensor) -> Tensor:
        count, length = windows.shape[:2]
        features = self.first(windows.flatten(0, 1).float() / 127.5 - 1)
        features = features.reshape(count, length, *features.shape[1:])
        wander = features.std(1).mean((2, 3))
        pace = features.diff(dim=1).abs().mean((1, 3, 4))
        return torch.cat([wander, pace], 1)


def features_of_frames(network: nn.Module, frames: np.ndarray) -> np.ndarray:
    """uint8 (T, H, W, 3) -> (T, C)."""
    pictures = torch.from_numpy(frames).permute(0, 3, 1, 2)
    with torch.no_grad():
        return torch.cat([network(batch) for batch in pictures.split(BATCH)]).numpy()


def features_of_windows(network: nn.Module, frames: np.ndarray, length: int, stride: int) -> np.ndarray:
    """uint8 (T, H, W, 3) -> (windows, C); windows begin at frames 0, stride, 2 stride ..."""
    pictures = torch.from_numpy(frames).permute(0, 3, 1, 2)
    starts = range(0, len(frames) - length + 1, stride)
    with torch.no_grad():
        return torch.cat([network(pictures[s : s + length][None]) for s in starts]).numpy()
