"""Softmax splatting with gradients (Niklaus and Liu 2020); kernels/splat is the fast one without."""

import math

import torch
from torch import Tensor


def softmax_splat(features: Tensor, motion: Tensor, weight: Tensor, cover: float = math.inf) -> Tensor:
    """Features carried along their motion; importance exp(weight), bilinear, normalised.

    features (B, C, H, W);  motion (B, 2, H, W) px, x then y;  weight (B, 1, H, W)
    returns  (B, C, H, W), faded where less than 1 / cover of a pixel is landed on

    No gradient flows to motion or weight.
    """
    B, C, H, W = features.shape
    importance = (weight - weight.amax((2, 3), keepdim=True)).exp()
    values = torch.cat([features * importance, importance, torch.ones_like(importance)], 1)
    values = values.permute(0, 2, 3, 1).reshape(-1, C + 2)
    y, x = torch.meshgrid(torch.arange(H, device=motion.device), torch.arange(W, device=motion.device), indexing="ij")
    landing_x, landing_y = x + motion[:, 0], y + motion[:, 1]
    left, top = landing_x.floor(), landing_y.floor()
    photo = torch.arange(B, device=motion.device)[:, None, None] * (H * W)
    total = values.new_zeros(B * H * W, C + 2)
    for dy in (0, 1):
        for dx in (0, 1):
            to_x, to_y = left + dx, top + dy
            share = (1 - (landing_x - to_x).abs()) * (1 - (landing_y - to_y).abs())
            inside = (to_x >= 0) & (to_x < W) & (to_y >= 0) & (to_y < H)
            target = (photo + to_y.clamp(0, H - 1) * W + to_x.clamp(0, W - 1)).long()
            total = total.index_add(0, target.flatten(), values * (share * inside).flatten()[:, None])
    kept = (cover * total[:, C + 1 :].clamp_min(1e-20)).clamp_max(1)
    splatted = total[:, :C] / total[:, C : C + 1].clamp_min(1e-20) * kept
    return splatted.reshape(B, H, W, C).permute(0, 3, 1, 2)
