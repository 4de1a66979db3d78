"""Still backgrounds: sky, walls, ground, buildings, bokeh. Each returns (H, W, 3) in 0..1."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .texture import Float, Size, blend, blur, fractal, grid, hsv, ramp, vary

Backdrop = Callable[[np.random.Generator, Size], Float]


def sky(rng: np.random.Generator, size: Size) -> Float:
    """Gradient sky with or without clouds."""
    _, y = grid(size)
    hue = rng.uniform(0.53, 0.62)
    high = hsv(hue, rng.uniform(0.1, 0.75), rng.uniform(0.45, 0.95))
    low = hsv(hue + rng.normal(0, 0.03), rng.uniform(0.0, 0.3), rng.uniform(0.75, 1.0))
    out = blend([high, low], y / size[1] + np.zeros((1, size[0]), np.float32))
    if rng.random() < 0.7:
        cells = rng.uniform(1.5, 4)
        noise = fractal(rng, size, (cells, cells * rng.uniform(1, 2.5)), gain=0.5)
        edge = rng.uniform(-1, 1)
        cover = ramp(noise, edge, edge + rng.uniform(0.6, 2))[..., None]
        shade = rng.uniform(0.8, 1) - 0.12 * np.clip(noise[..., None], 0, 1.5)
        out = out + cover * rng.uniform(0.4, 1) * (shade - out)
    return out.astype(np.float32)


def bokeh(rng: np.random.Generator, size: Size) -> Float:
    """Out-of-focus greenery or room: soft blots, sometimes discs of light."""
    base = hsv(rng.choice([rng.normal(0.25, 0.06), rng.random()]), rng.uniform(0.2, 0.8), 1.0)
    dark, light = rng.uniform(0.02, 0.3), rng.uniform(0.35, 0.95)
    noise = fractal(rng, size, rng.uniform(2, 6), gain=0.4)
    out = blend(
        [base * dark, vary(rng, base, 0.2) * (dark + light) / 2, vary(rng, base, 0.25) * light],
        ramp(noise, -1.5, 1.8),
    )
    if rng.random() < 0.5:
        spots = np.zeros((size[1], size[0], 3), np.float32)
        radius = rng.uniform(0.02, 0.07) * size[1]
        for _ in range(rng.integers(5, 50)):
            at = (int(rng.uniform(0, size[0])), int(rng.uniform(0, size[1])))
            colour = vary(rng, base + 0.3, 0.3) * rng.uniform(0.1, 0.5)
            disc = np.zeros_like(spots)
            cv2.circle(disc, at, int(radius * rng.uniform(0.6, 1)), colour.tolist(), -1, cv2.LINE_AA)
            spots += disc
        out += blur(spots, 1.5)
    return blur(np.clip(out, 0, 1), rng.uniform(3, 10))


def dark(rng: np.random.Generator, size: Size) -> Float:
    """Night or studio black, barely structured."""
    tone = hsv(rng.random(), rng.uniform(0, 0.7), rng.uniform(0.0, 0.12))
    light = 1 + 0.5 * fractal(rng, size, 3, gain=0.4)
    return np.clip(tone * light[..., None], 0, 1).astype(np.float32)


def plaster(rng: np.random.Generator, size: Size) -> Float:
    """Painted or weathered wall."""
    tone = hsv(rng.normal(0.09, 0.06), rng.uniform(0, 0.5), rng.uniform(0.15, 0.9))
    stain = fractal(rng, size, rng.uniform(2, 4), gain=rng.uniform(0.5, 0.8))
    light = 1 + rng.uniform(0.03, 0.2) * stain
    return np.clip(tone * light[..., None], 0, 1).astype(np.float32)


def bricks(rng: np.random.Generator, size: Size) -> Float:
    """Rows of bricks, stones or tiles with joints."""
    x, y = grid(size)
    course = size[1] / rng.uniform(6, 24)
    length = course * rng.uniform(1, 3)
    row = np.floor(y / course + rng.random()).astype(int)
    column = np.floor(x / length + 0.5 * (row % 2)).astype(int)
    tones = rng.normal(0, 0.15, 997)[(row * 131 + column * 17) % 997]
    dx = np.abs((x / length + 0.5 * (row % 2)) % 1 - 0.5) * length
    dy = np.abs((y / course + row * 0) % 1 - 0.5) * course
    joint = ramp(np.maximum(dx - length / 2, dy - course / 2).astype(np.float32), -2.2, -0.8)
    base = hsv(rng.normal(0.04, 0.04), rng.uniform(0.05, 0.65), rng.uniform(0.2, 0.75))
    mortar = hsv(0.09, 0.1, rng.uniform(0.15, 0.8))
    light = np.exp(tones + 0.15 * fractal(rng, size, 8, gain=0.8))
    out = base * light[..., None] * (1 - joint[..., None]) + mortar * joint[..., None]
    return np.clip(out, 0, 1).astype(np.float32)


def planks(rng: np.random.Generator, size: Size) -> Float:
    """Wooden boards with grain."""
    upright = rng.random() < 0.5
    shape = (size[1], size[0]) if upright else size
    _, y = grid(shape)
    board = shape[1] / rng.uniform(3, 12)
    row = np.floor(y / board).astype(int)
    tones = rng.normal(0, 0.15, 64)[row % 64]
    gap = ramp(np.abs(y % board - board / 2) - board / 2, -2.0, -0.5)
    grain = fractal(rng, shape, (rng.uniform(2, 4), rng.uniform(30, 60)), gain=0.7)
    base = hsv(rng.normal(0.08, 0.02), rng.uniform(0.1, 0.65), rng.uniform(0.2, 0.8))
    out = base * np.exp(tones + 0.14 * grain)[..., None] * (1 - 0.75 * gap[..., None])
    out = np.clip(out, 0, 1).astype(np.float32)
    return out.transpose(1, 0, 2).copy() if upright else out


def undergrowth(rng: np.random.Generator, size: Size) -> Float:
    """A far mass of foliage: leafy noise in several greens, more or less in focus."""
    hue = rng.normal(0.25, 0.05)
    fine = fractal(rng, size, rng.uniform(10, 30), gain=0.9)
    coarse = fractal(rng, size, rng.uniform(2, 5))
    tones = [hsv(hue + rng.normal(0, 0.03), rng.uniform(0.3, 0.8), v) for v in (0.03, 0.2, 0.5)]
    out = blend(tones, ramp(0.6 * fine + 0.8 * coarse, -2.5, 3.0))
    return blur(out * rng.uniform(0.4, 1.3), rng.choice([0.0, rng.uniform(1, 6)]))


def building(rng: np.random.Generator, size: Size) -> Float:
    """A facade of windows against the sky."""
    out = sky(rng, size)
    width, height = size
    left, right = sorted(rng.uniform(-0.3, 1.3, 2) * width)
    top = rng.uniform(-0.2, 0.4) * height
    wall = bricks(rng, size) if rng.random() < 0.5 else plaster(rng, size)
    x0, x1, y0 = int(max(left, 0)), int(min(max(right, left + 0.4 * width), width)), int(max(top, 0))
    out[y0:, x0:x1] = wall[y0:, x0:x1]
    pane = hsv(rng.uniform(0.5, 0.65), rng.uniform(0, 0.5), rng.uniform(0.05, 0.6))
    stepx, stepy = width / rng.uniform(5, 14), height / rng.uniform(3, 9)
    for i in range(int((x1 - x0) / stepx)):
        for j in range(int((height - y0) / stepy)):
            x, y = x0 + (i + 0.25) * stepx, y0 + (j + 0.25) * stepy
            a, b = (int(x), int(y)), (int(x + 0.5 * stepx), int(y + 0.6 * stepy))
            cv2.rectangle(out, a, b, vary(rng, pane, 0.25).tolist(), -1)
            cv2.rectangle(out, a, b, (wall.mean((0, 1)) * 0.6).tolist(), 1)
    return out


def ground(rng: np.random.Generator, size: Size) -> Float:
    """Soil, lawn, sand or paving in perspective; fills the picture (paste its lower part)."""
    tone = rng.choice([rng.normal(0.08, 0.03), rng.normal(0.25, 0.04)])
    near = hsv(tone, rng.uniform(0.1, 0.6), rng.uniform(0.15, 0.7))
    rows = np.linspace(0, 1, size[1], dtype=np.float32)
    noise = fractal(rng, size, (10, 24), gain=0.85)
    noise *= (0.3 + 0.7 * rows)[:, None]
    out = near * np.exp(0.28 * noise)[..., None]
    return np.clip(out, 0, 1).astype(np.float32)


def landscape(rng: np.random.Generator, size: Size) -> Float:
    """Sky over a ragged far line (hills, woods) over ground."""
    out = sky(rng, size)
    horizon = rng.uniform(0.45, 0.85)
    _, y = grid(size)
    line = horizon * size[1] + fractal(rng, (size[0], 8), (rng.uniform(2, 9), 1))[0] * 0.03 * size[1]
    hill = ramp(y - line[None] + 0.05 * size[1], 0, 1.5)[..., None]
    far = undergrowth(rng, size) * 0.7 + 0.25 * out.mean((0, 1))
    out = out * (1 - hill) + far * hill
    cut = int(horizon * size[1] + 0.03 * size[1])
    out[cut:] = ground(rng, size)[cut:]
    return np.clip(out, 0, 1).astype(np.float32)


OUTDOORS: list[Backdrop] = [sky, bokeh, bokeh, undergrowth, landscape, building, bricks, dark]
WALLS: list[Backdrop] = [plaster, bricks, planks, building, bokeh, sky]


def any_of(rng: np.random.Generator, size: Size, choices: list[Backdrop]) -> Float:
    """One of `choices`, as sharp or soft as the lens leaves it."""
    image = choices[rng.integers(len(choices))](rng, size)
    return blur(image, rng.choice([0.0, 0.0, rng.uniform(0.5, 2), rng.uniform(2, 8)]))
