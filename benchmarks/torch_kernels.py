"""The same operations in PyTorch, as fast as its own functions go."""

from typing import Any

import numpy as np
import torch

SPLATS = ("index_add_ rows", "index_add_ columns", "scatter_add_ columns")


def torch_corners(motion: torch.Tensor, weight: torch.Tensor) -> list[tuple[Any, Any]]:
    """(destination pixel, importance) of each of the four corners of every source."""
    height, width = weight.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    to_x, to_y = x + motion[..., 0], y + motion[..., 1]
    left, top = to_x.floor(), to_y.floor()
    importance = (weight - weight.max()).exp()
    corners = []
    for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        share = importance * (1 - (to_x - column).abs()) * (1 - (to_y - row).abs())
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        cell = torch.where(inside, row * width + column, 0).long()
        corners.append((cell.ravel(), torch.where(inside, share, 0).ravel()))
    return corners


def torch_splat(add: str, features: torch.Tensor, motion: torch.Tensor, weight: torch.Tensor) -> Any:
    """Softmax splatting of (H W, C) by rows, or of (C, H W) by columns."""
    by_rows = add == "index_add_ rows"
    total = torch.zeros(weight.numel())
    out = torch.zeros_like(features)
    for cell, share in torch_corners(motion, weight):
        total.index_add_(0, cell, share)
        if by_rows:
            out.index_add_(0, cell, features * share[:, None])
        elif add == "index_add_ columns":
            out.index_add_(1, cell, features * share)
        else:
            out.scatter_add_(1, cell.expand_as(features), features * share)
    total = total.clamp_min(1e-30)
    return out / (total[:, None] if by_rows else total)


def motion_planes(spectrum: Any, times: Any, num_frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Anchored terms (n, 2K - 2) of the times, and S_1.. of (K, 4, H, W) sorted to (x and y, 2K - 2, H W)."""
    k = np.arange(1, len(spectrum))
    phase = 2 * np.pi * np.outer(times, k) / num_frames
    terms = 2 * np.stack([np.cos(phase) - 1, -np.sin(phase)], axis=-1)
    planes = torch.from_numpy(spectrum[1:]).reshape(len(k), 2, 2, -1).transpose(0, 1)
    basis = torch.tensor(terms.reshape(len(times), -1), dtype=torch.float32)
    return basis, planes.reshape(2, 2 * len(k), -1).contiguous()
