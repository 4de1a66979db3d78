"""Still surroundings made by people: walls, facades, rooms. Each returns (H, W, 3) in 0..1."""

from __future__ import annotations

import cv2
import numpy as np

from .backdrop import ground, sky, treeline
from .texture import Float, Size, blur, fractal, grid, hsv, ramp, shade, vary


def plaster(rng: np.random.Generator, size: Size) -> Float:
    """Painted or weathered wall under uneven light."""
    x, y = grid(size)
    tone = hsv(rng.normal(0.09, 0.05), rng.uniform(0, 0.4), rng.uniform(0.25, 0.95))
    slope = rng.uniform(-0.5, 0.5) * x / size[0] + rng.uniform(-0.4, 0.4) * y / size[1]
    stain = fractal(rng, size, rng.uniform(1.5, 4), gain=rng.uniform(0.4, 0.8))
    return shade(tone, np.exp(slope + rng.uniform(0.01, 0.12) * stain))


def bricks(rng: np.random.Generator, size: Size) -> Float:
    """Rows of bricks, stones or tiles with joints."""
    x, y = grid(size)
    course = size[1] / rng.uniform(6, 26)
    length = course * rng.uniform(1, 3)
    bond = rng.choice([0.5, 0.5, 0.0, 0.33])
    row = np.floor(y / course)
    along = x / length + bond * row
    column = np.floor(along)
    tones = rng.normal(0, rng.uniform(0.04, 0.2), 997)
    own = tones[(row * 131 + column * 17).astype(int) % 997]
    beside = length * (0.5 - np.abs(along - column - 0.5))
    above = course * (0.5 - np.abs(y / course - row - 0.5))
    joint = 1 - ramp(np.minimum(beside, above), 0.3, max(1.2, 0.12 * course))
    hue = rng.choice([rng.normal(0.035, 0.015), rng.normal(0.09, 0.03)])
    base = hsv(hue, rng.uniform(0.05, 0.55), rng.uniform(0.25, 0.75))
    mortar = hsv(0.09, 0.1, rng.uniform(0.2, 0.75))
    stone = shade(base, np.exp(own + 0.12 * fractal(rng, size, 8, gain=0.85)))
    return stone + joint[..., None] * rng.uniform(0.5, 1) * (mortar - stone)


def planks(rng: np.random.Generator, size: Size) -> Float:
    """Wooden boards with grain."""
    upright = rng.random() < 0.5
    shape = (size[1], size[0]) if upright else size
    _, y = grid(shape)
    board = shape[1] / rng.uniform(3, 12)
    row = np.floor(y / board).astype(int)
    own = rng.normal(0, 0.12, 64)[row % 64]
    gap = 1 - ramp(board * (0.5 - np.abs(y / board - row - 0.5)), 0.3, 1.5)
    grain = fractal(rng, shape, (rng.uniform(2, 4), rng.uniform(30, 60)), gain=0.7)
    base = hsv(rng.normal(0.075, 0.015), rng.uniform(0.1, 0.6), rng.uniform(0.25, 0.8))
    out = shade(base, np.exp(own + rng.uniform(0.05, 0.15) * grain) * (1 - 0.7 * gap))
    return out.transpose(1, 0, 2).copy() if upright else out


def wall(rng: np.random.Generator, size: Size) -> Float:
    """Any wall."""
    return [plaster, plaster, bricks, planks][rng.integers(4)](rng, size)


def house(rng: np.random.Generator, size: Size) -> Float:
    """One facade: wall, rows of windows with frames, sills and reflections."""
    width, height = size
    out = plaster(rng, size) if rng.random() < 0.6 else bricks(rng, size)
    columns, rows = rng.integers(2, 9), rng.integers(1, 7)
    glass = hsv(rng.uniform(0.52, 0.63), rng.uniform(0, 0.4), rng.uniform(0.05, 0.5))
    frame = vary(rng, hsv(0.09, 0.1, rng.choice([0.2, 0.9])), 0.1)
    broad, tall = width / columns * rng.uniform(0.35, 0.75), height / rows * rng.uniform(0.4, 0.75)
    reflection = fractal(rng, size, 6)
    for i in range(columns):
        for j in range(rows):
            x, y = int((i + 0.5) * width / columns - broad / 2), int((j + 0.2) * height / rows)
            x1, y1 = min(int(x + broad), width), min(int(y + tall), height)
            pane = shade(vary(rng, glass, 0.3), 1 + 0.25 * reflection[y:y1, x:x1])
            out[y:y1, x:x1] = pane
            thick = max(1, int(broad * 0.06))
            cv2.rectangle(out, (x, y), (x1, y1), frame.tolist(), thick, cv2.LINE_AA)
            cv2.line(out, ((x + x1) // 2, y), ((x + x1) // 2, y1), frame.tolist(), thick)
            shadow = (out[min(y1 + thick, height - 1), x] * 0.6).tolist()
            cv2.line(out, (x - thick, y1 + thick), (x1 + thick, y1 + thick), shadow, thick)
    return out


def street(rng: np.random.Generator, size: Size) -> Float:
    """A few houses side by side between sky and pavement, roofs and all."""
    width, height = size
    out = sky(rng, size)
    foot = int(height * rng.uniform(0.75, 1.1))
    if rng.random() < 0.5:
        treeline(rng, size, foot, height * rng.uniform(0.1, 0.5), out)
    x = rng.uniform(-0.3, 0.3) * width
    while x < width:
        broad, tall = rng.uniform(0.25, 0.8) * width, rng.uniform(0.35, 1.05) * foot
        x0, x1, y0 = int(max(x, 0)), int(min(x + broad, width)), int(foot - tall)
        y0, y1 = max(y0, 0), min(foot, height)
        if x1 - x0 > 24 and y1 - y0 > 24:
            out[y0:y1, x0:x1] = house(rng, (x1 - x0, y1 - y0)) * rng.uniform(0.7, 1.1)
            _roof(rng, out, x0, x1, y0)
        x += broad * rng.uniform(1, 1.5)
    if foot < height - 4:
        out[foot:] = ground(rng, (width, height - foot))
    return np.clip(out, 0, 1).astype(np.float32)


def _roof(rng: np.random.Generator, image: Float, x0: int, x1: int, eave: int) -> None:
    tall = rng.choice([0.0, 0.1, 0.25]) * (x1 - x0)
    inset = rng.uniform(0, 0.5) * (x1 - x0)
    corners = np.array([[x0 - 4, eave], [x0 + inset, eave - tall], [x1 - inset, eave - tall]])
    corners = np.vstack([corners, [[x1 + 4, eave]]])
    tone = hsv(rng.choice([0.02, 0.6]), rng.uniform(0.05, 0.5), rng.uniform(0.2, 0.5)).tolist()
    cv2.fillConvexPoly(image, (corners * 8).astype(np.int32), tone, cv2.LINE_AA, 3)


def room(rng: np.random.Generator, size: Size) -> Float:
    """A wall, perhaps a window, shelf or picture, over a floor or table top."""
    width, height = size
    out = wall(rng, size)
    for _ in range(rng.integers(0, 5)):
        w, h = (rng.uniform(0.08, 0.4, 2) * height).astype(int)
        x, y = int(rng.uniform(0, width)), int(rng.uniform(-0.1, 0.5) * height)
        y0, x1, y1 = max(y, 0), min(x + w, width), min(y + h, height)
        if x1 - x < 8 or y1 - y0 < 8:
            continue
        tone = hsv(rng.random(), rng.uniform(0, 0.5), rng.uniform(0.1, 1.0))
        light = 1 + rng.uniform(0, 0.3) * fractal(rng, (x1 - x, y1 - y0), 3)
        out[y0:y1, x:x1] = shade(tone, light)
        edge = hsv(0.08, rng.uniform(0, 0.5), rng.uniform(0.1, 0.9)).tolist()
        cv2.rectangle(out, (x, y0), (x1, y1), edge, int(rng.integers(1, 6)))
    foot = int(height * rng.uniform(0.7, 1.1))
    if foot < height - 4:
        top = planks if rng.random() < 0.5 else plaster
        out[foot:] = top(rng, (width, height - foot)) * rng.uniform(0.5, 1.1)
        out[foot - 3 : foot] *= 0.6
    return np.clip(blur(out, rng.choice([0.0, rng.uniform(0.5, 6)])), 0, 1).astype(np.float32)
