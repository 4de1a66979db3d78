"""Fully still pictures: buildings, rooms, table-top objects, lettering."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, bricks, building, dark, landscape, planks, plaster
from .scene import Stage
from .texture import Float, fractal, hsv, ramp, vary, write


def objects(stage: Stage) -> None:
    """Nothing here moves."""
    rng = stage.rng
    stage.backdrop = any_of(rng, stage.size, [building, building, plaster, planks, bricks, landscape, bokeh, dark])
    if rng.random() < 0.7:
        _table(rng, stage.backdrop)
    if rng.random() < 0.3:
        _lettering(rng, stage.backdrop)


def _table(rng: np.random.Generator, image: Float) -> None:
    """Boxes, bottles and balls on a surface."""
    height, width = image.shape[:2]
    edge = int(height * rng.uniform(0.6, 0.85))
    image[edge:] = planks(rng, (width, height - edge))
    for _ in range(rng.integers(1, 9)):
        w, h = rng.uniform(0.05, 0.25, 2) * height * [1, 1.5]
        x, foot = rng.uniform(0, width), edge + rng.uniform(0.0, 0.1) * height
        yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
        u, v = (xx - x) / w, (foot - yy) / h
        power = rng.choice([2, 3, 8])
        inside = 1 - np.abs(u) ** power - np.abs(2 * v - 1) ** power
        alpha = ramp(inside.astype(np.float32), 0, 6 / w)[..., None]
        tone = hsv(rng.random(), rng.uniform(0, 0.9), rng.uniform(0.1, 0.95))
        light = 0.9 - 0.45 * u * rng.choice([-1, 1]) + 0.06 * fractal(rng, (width, height), 12)
        shine = np.exp(-(((u + 0.35) / 0.12) ** 2)) * rng.uniform(0, 0.4)
        image[:] = image * (1 - alpha) + alpha * np.clip(tone * light[..., None] + shine[..., None], 0, 1)


def _lettering(rng: np.random.Generator, image: Float) -> None:
    """A sign or a page."""
    height, width = image.shape[:2]
    ink = vary(rng, hsv(rng.random(), 0.5, rng.uniform(0, 1)), 0.1)
    for row in range(rng.integers(1, 6)):
        text = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTUVW 0123456789"), rng.integers(3, 16)))
        at = (int(rng.uniform(0, 0.4) * width), int((0.15 + 0.15 * row) * height))
        write(image, text, at, int(rng.integers(0, 5)), rng.uniform(0.5, 2), ink)
