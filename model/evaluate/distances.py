"""Distances between sets of features, by torchmetrics."""

import warnings

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

KERNEL_SUBSETS, KERNEL_SUBSET = 50, 100


class Given(nn.Module):
    """Features that were computed before."""

    def __init__(self, num_features: int):
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def frechet(real: np.ndarray, generated: np.ndarray) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 sqrt(C1 C2)) of features (N, C) and (M, C): FID, FVD, DTFVD by what made them.

    Biased upwards where there are few samples; compare only with sets as large.
    """
    metric = FrechetInceptionDistance(feature=Given(real.shape[1]))
    for features, is_real in ((real, True), (generated, False)):
        metric.update(torch.from_numpy(features).double(), real=is_real)
    return float(metric.compute())


def kernel(real: np.ndarray, generated: np.ndarray) -> float:
    """KID: squared maximum mean discrepancy under a cubic kernel, mean over subsets, times 100 as in the paper."""
    size = min(KERNEL_SUBSET, len(real), len(generated))
    with warnings.catch_warnings():
        # it keeps all features in memory: they are there already
        warnings.filterwarnings("ignore", message="Metric `Kernel Inception Distance`")
        metric = KernelInceptionDistance(Given(real.shape[1]), subsets=KERNEL_SUBSETS, subset_size=size)
    torch.manual_seed(0)  # which subsets are drawn
    for features, is_real in ((real, True), (generated, False)):
        metric.update(torch.from_numpy(features).double(), real=is_real)
    return 100 * float(metric.compute()[0])
