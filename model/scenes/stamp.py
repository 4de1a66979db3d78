"""Small pictures drawn once and pasted many times, sharp or out of focus, at any size."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from .sprite import Sprite, draw
from .texture import Float, Size, blur


@dataclass
class Stamp:
    """image (h, w, 4) premultiplied; root and tip (x, y) px inside it."""

    image: Float
    root: tuple[float, float]
    tip: tuple[float, float]
    versions: dict[tuple[int, int], tuple[Float, float, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Drop the empty margin: every pixel kept is warped again in every frame."""
        seen = self.image.max(2) > 0.004
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        if rows.size:
            y, x = int(rows[0]), int(columns[0])
            self.image = np.ascontiguousarray(self.image[y : rows[-1] + 1, x : columns[-1] + 1])
            self.root = (self.root[0] - x, self.root[1] - y)
            self.tip = (self.tip[0] - x, self.tip[1] - y)

    @property
    def length(self) -> float:
        """Root to tip, px."""
        return float(np.hypot(self.tip[0] - self.root[0], self.tip[1] - self.root[1]))

    def version(self, scale: float, sigma: float) -> tuple[Float, float, int]:
        """(image, its scale, its padding px) to paste at `scale`, blurred by `sigma` canvas px."""
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
        dx, dy = (
            (self.tip[0] - self.root[0]) / self.length,
            (self.tip[1] - self.root[1]) / self.length,
        )
        cos, sin = math.cos(angle), math.sin(angle)
        side = -squeeze if mirror else squeeze
        # Picture -> canvas: along the axis by `scale`, across it by `scale * side`.
        a, b = scale * (cos * dx + side * sin * dy), scale * (cos * dy - side * sin * dx)
        p, q = scale * (sin * dx - side * cos * dy), scale * (sin * dy + side * cos * dx)
        # Pixel x of the reduced, padded version shows (x - pad + 0.5) / own - 0.5 of the picture.
        u, v = ((0.5 - pad) / own - 0.5 - root for root in self.root)
        x, y = float(at[0]), float(at[1])
        base = [[a / own, b / own, a * u + b * v + x], [p / own, q / own, p * u + q * v + y]]
        return Sprite(
            image,
            np.array(base, np.float32),
            np.array([x, y], np.float32),
            np.array([cos, sin], np.float32),
            float(length),
        )


def paste(size: Size, sprites: list[Sprite]) -> Float:
    """The sprites at rest, on nothing: (H, W, 4) premultiplied."""
    canvas = np.zeros((size[1], size[0], 4), np.float32)
    for sprite in sprites:
        draw(canvas, sprite, np.zeros((6, 2), np.float32), None, 0)
    return np.clip(canvas, 0, 1)


def shadowed(image: Float, offset: tuple[float, float], softness: float, depth: float) -> Float:
    """`image` (h, w, 4) over its own soft shadow, in a frame widened on every side to hold it."""
    pad = int(np.ceil(3 * softness + max(abs(offset[0]), abs(offset[1]))))
    image = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    move = np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32)
    shade = blur(cv2.warpAffine(image[..., 3], move, image.shape[1::-1]), softness) * depth
    out = image.copy()
    out[..., 3] += shade * (1 - image[..., 3])
    return out
