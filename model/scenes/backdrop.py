"""Still surroundings out of doors, and plain darkness. Each returns (H, W, 3) in 0..1."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .foliage import leaf_colour, leaf_mood, leaves, mass, spray
from .stamp import paste
from .texture import Float, Size, blend, blur, fractal, grid, hsv, ramp, shade, vary

Backdrop = Callable[[np.random.Generator, Size], Float]


def sky(rng: np.random.Generator, size: Size) -> Float:
    """Blue, grey or evening sky, with or without clouds."""
    y = grid(size)[1] / size[1]
    if rng.random() < 0.12:
        tones = [hsv(0.6, 0.5, rng.uniform(0.2, 0.5)), hsv(0.05, 0.5, 0.8), hsv(0.11, 0.5, 1.0)]
    else:
        hue, depth = (
            rng.normal(0.575, 0.02),
            rng.choice([rng.uniform(0, 0.12), rng.uniform(0.2, 0.7)]),
        )
        low = hsv(hue + rng.normal(0, 0.02), depth * rng.uniform(0.2, 0.6), rng.uniform(0.8, 1.0))
        tones = [hsv(hue, depth, rng.uniform(0.55, 0.95)), low]
    out = blend(tones, y * rng.uniform(0.7, 1.1))
    if rng.random() < 0.65:
        cells = rng.uniform(1.2, 3)
        noise = fractal(rng, size, (cells * 1.2, cells * rng.uniform(1, 2.2)), gain=0.52)
        warp = fractal(rng, size, (3, 3)) * 0.25
        edge = rng.uniform(-0.8, 1.2)
        cover = ramp(noise + warp, edge, edge + rng.uniform(1.2, 2.5))[..., None]
        light = rng.uniform(0.82, 1) - 0.1 * np.clip(noise - 0.5 * edge, 0, 1.5)
        out = out + cover * rng.uniform(0.4, 0.95) * (light[..., None] - out)
    return np.asarray(out, np.float32)


def bokeh(rng: np.random.Generator, size: Size) -> Float:
    """Out-of-focus garden or room: a soft gradient, blots, sometimes discs of light."""
    x, y = grid(size)
    green = rng.random() < 0.65
    base = leaf_colour(rng, leaf_mood(rng)) if green else hsv(rng.random(), rng.uniform(0.05, 0.5), 0.5)
    turn = rng.uniform(0, 2 * np.pi)
    slope = np.cos(turn) * (x / size[0] - 0.5) + np.sin(turn) * (y / size[1] - 0.5)
    light = np.exp(rng.uniform(-0.8, 0.8) * slope + rng.normal(0, 0.3))
    light = light * np.exp(rng.uniform(0.1, 0.45) * fractal(rng, size, rng.uniform(1.5, 5), gain=0.5))
    tint = 0.5 + 0.3 * fractal(rng, size, rng.uniform(1, 4), gain=0.4)[..., None]
    other = leaf_colour(rng, leaf_mood(rng)) if rng.random() < 0.5 else vary(rng, base, 0.4)
    out = shade(base + np.clip(tint, 0, 1) * (other - base), light)
    if rng.random() < 0.5:
        out = out + _discs(rng, size, base)
    return blur(np.clip(out, 0, 1).astype(np.float32), rng.uniform(4, 12))


def _discs(rng: np.random.Generator, size: Size, base: Float) -> Float:
    """Highlights spread to the shape of the aperture."""
    out = np.zeros((size[1], size[0], 3), np.float32)
    radius = rng.uniform(0.02, 0.08) * size[1]
    for _ in range(rng.integers(5, 40)):
        at = (int(rng.uniform(0, size[0])), int(rng.uniform(0, size[1])))
        tone = (vary(rng, base, 0.3) + rng.uniform(0, 0.4)) * rng.uniform(0.1, 0.5)
        disc = np.zeros_like(out)
        cv2.circle(disc, at, int(radius * rng.uniform(0.6, 1)), tone.tolist(), -1, cv2.LINE_AA)
        out += disc
    return out


def dark(rng: np.random.Generator, size: Size) -> Float:
    """Night or studio black, barely structured."""
    tone = hsv(rng.choice([0.08, 0.3, 0.6]), rng.uniform(0, 0.5), rng.choice([0.02, 0.05, 0.1]))
    return shade(tone, np.exp(0.4 * fractal(rng, size, 2, gain=0.45)))


def undergrowth(rng: np.random.Generator, size: Size) -> Float:
    """A still mass of foliage: sprays heaped up, light ones on dark, more or less in focus."""
    width, height = size
    mood = leaf_mood(rng)
    base = leaf_colour(rng, mood) * 0.25
    heap = shade(base, np.exp(0.5 * fractal(rng, size, rng.uniform(8, 30), gain=0.9)))
    blade = rng.uniform(0.1, 0.22)
    sprays = [spray(rng, leaves(rng, 3, mood), int(0.8 / blade**1.5), blade) for _ in range(2)]
    sprays.append(mass(rng, base * 3))
    radius = height * rng.uniform(0.12, 0.35)
    count = int(np.clip(3.0 * width * height / radius**2, 30, 130))
    glow = 0.75 + 0.35 * fractal(rng, (32, 32), 2, gain=0.4)
    placed = []
    for i in range(count):
        u, v = rng.random(2)
        lump = sprays[i % 3].place((u * width, v * height), rng.uniform(0, 6.3), radius)
        lump.gain *= np.float32(glow[int(32 * v), int(32 * u)] * (0.3 + 0.7 * i / count))
        placed.append(lump)
    front = paste(size, placed)
    out = heap * (1 - front[..., 3:]) + front[..., :3]
    return blur(np.clip(out, 0, 1), rng.choice([0.0, rng.uniform(0.7, 7)]))


def ground(rng: np.random.Generator, size: Size) -> Float:
    """Soil, lawn, sand or snow in perspective: finer and paler towards its top, the far end."""
    tone = hsv(0.09 + rng.normal(0, 0.015), rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.75))
    if rng.random() < 0.55:
        tone = leaf_colour(rng, str(rng.choice(["fresh", "deep", "dry"])))
    rows = np.linspace(0.02, 1, size[1], dtype=np.float32)[:, None]
    near = fractal(rng, size, (6, 14), gain=0.95)
    far = fractal(rng, size, (24, 90), gain=0.8)
    noise = (near * rows + far * (1 - rows)) * (0.35 + 0.65 * rows)
    patches = fractal(rng, size, (1.5, 8), gain=0.5)
    out = shade(tone, np.exp(rng.uniform(0.08, 0.2) * noise + 0.12 * patches))
    haze = hsv(0.58, 0.1, 0.8)
    return np.asarray(out + (haze - out) * 0.35 * (1 - rows[..., None]) ** 4, np.float32)


def treeline(rng: np.random.Generator, size: Size, foot: float, tall: float, out: Float) -> None:
    """Far woods or hills whose ragged top stands `tall` px above row `foot`; painted into out."""
    rough = rng.uniform(0.4, 0.75)
    line = fractal(rng, (size[0], 8), (rng.uniform(3, 20), 1), gain=rough)[0]
    top = foot - tall * (0.7 + 0.25 * line)
    cover = ramp(grid(size)[1] - top[None], -0.7, 0.9)[..., None]
    haze = rng.uniform(0, 0.5)
    woods = undergrowth(rng, size) * (1 - haze) + haze * hsv(0.58, 0.15, 0.75)
    out += cover * (woods - out)


def landscape(rng: np.random.Generator, size: Size) -> Float:
    """Sky over woods or hills over open ground."""
    out = sky(rng, size)
    horizon = rng.uniform(0.45, 0.85) * size[1]
    for step in range(rng.integers(1, 4)):
        tall = size[1] * rng.uniform(0.03, 0.2) / (step + 1)
        treeline(rng, size, horizon, tall, out)
    cut = int(horizon)
    out[cut:] = ground(rng, (size[0], size[1] - cut))
    if rng.random() < 0.3:
        _path(rng, out, cut)
    return np.clip(out, 0, 1).astype(np.float32)


def _path(rng: np.random.Generator, image: Float, horizon: int) -> None:
    """A road that narrows towards the horizon."""
    height, width = image.shape[:2]
    end, near = rng.uniform(0.1, 0.9) * width, rng.uniform(-0.2, 1.2, 2) * width
    corners = np.array([[end, horizon], [near[0], height], [near[0] + 0.3 * width, height]])
    mask = np.zeros(image.shape[:2], np.float32)
    cv2.fillConvexPoly(mask, (corners * 8).astype(np.int32), 1.0, cv2.LINE_AA, 3)
    tone = hsv(0.09, rng.uniform(0, 0.3), rng.uniform(0.3, 0.7))
    road = shade(tone, 1 + 0.06 * fractal(rng, (width, height), (10, 30), gain=0.9))
    image += mask[..., None] * (road - image)


def any_of(rng: np.random.Generator, size: Size, choices: list[Backdrop]) -> Float:
    """One of `choices`, as sharp or soft as the lens leaves it."""
    image = choices[rng.integers(len(choices))](rng, size)
    return blur(image, rng.choice([0.0, 0.0, rng.uniform(0.5, 2), rng.uniform(2, 8)]))
