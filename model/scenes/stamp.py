"""Small pictures drawn once and pasted many times, sharp or out of focus, at any size."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from .sprite import Sprite, draw, still
from .texture import Float, Size, blur


@dataclass
class Stamp:
    """image (h, w, 4) premultiplied; root and tip (x, y) px inside it."""

    image: Float
    root: tuple[float, float]
    tip: tuple[float, float]
    versions: dict[tuple[int, int], tuple[Float, float, int]] = field(default_factory=dict)

    @property
    def length(self) -> float:
        """Root to tip, px."""
        return float(np.hypot(self.tip[0] - self.root[0], self.tip[1] - self.root[1]))

    def version(self, scale: float, sigma: float) -> tuple[Float, float, int]:
        """(image, its scale, its padding px) for pasting at `scale`, blurred by `sigma` canvas px."""
        halvings = int(np.clip(np.floor(np.log2(max(1.0, (1 + 0.5 * sigma) / scale))), 0, 4))
        softness = round(2 * np.log2(1 + sigma))
        key = (halvings, softness)
        if key not in self.versions:
            local = (2 ** (softness / 2) - 1) / scale / 2**halvings
            pad = int(np.ceil(2.5 * local)) + 2
            image = self.image
            for _ in range(halvings):
                even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
                image = cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            image = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
            self.versions[key] = (blur(image, local), 0.5**halvings, pad)
        return self.versions[key]

    def place(
        self,
        at: Float | tuple[float, float],
        angle: float,
        length: float,
        *,
        mirror: bool = False,
        sigma: float = 0.0,
        squeeze: float = 1.0,
    ) -> Sprite:
        """A sprite whose root lies at `at`, pointing along `angle` (0 = right, pi/2 = down)."""
        scale = length / self.length
        image, own, pad = self.version(scale, sigma)
        rest = np.arctan2(self.tip[1] - self.root[1], self.tip[0] - self.root[0])
        axis = np.array([np.cos(rest), np.sin(rest)])
        normal = np.array([-axis[1], axis[0]]) * squeeze * (-1 if mirror else 1)
        out = np.array([np.cos(angle), np.sin(angle)])
        side = np.array([-out[1], out[0]])
        linear = scale * (np.outer(out, axis) + np.outer(side, normal))
        # Pixel x of the reduced, padded version shows x' = (x - pad + 0.5) / own - 0.5 of the original.
        shift = (0.5 - pad) / own - 0.5 - np.array(self.root)
        base = np.column_stack([linear / own, linear @ shift + np.asarray(at)])
        return Sprite(
            image,
            base.astype(np.float32),
            np.asarray(at, np.float32),
            out.astype(np.float32),
            float(length),
            still(),
        )


def paste(size: Size, sprites: list[Sprite]) -> Float:
    """The sprites at rest, on nothing: (H, W, 4) premultiplied."""
    canvas = np.zeros((size[1], size[0], 4), np.float32)
    for sprite in sprites:
        draw(canvas, sprite, np.zeros((6, 2), np.float32), None, 0)
    return np.clip(canvas, 0, 1)


def shadowed(image: Float, offset: tuple[float, float], softness: float, depth: float) -> Float:
    """`image` over its own soft shadow, in a frame widened to hold it... on every side by 3 softness."""
    pad = int(np.ceil(3 * softness + max(abs(offset[0]), abs(offset[1]))))
    image = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    move = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32)
    shade = blur(cv2.warpAffine(image[..., 3], move, image.shape[1::-1]), softness) * depth
    out = image.copy()
    out[..., 3] += shade * (1 - image[..., 3])
    return out
