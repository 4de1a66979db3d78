"""Things that never move: stones, pots, posts, bottles, framed prints."""

from __future__ import annotations

import numpy as np

from .blooms import heads
from .foliage import leaf_mood, leaves, spray
from .sprite import Sprite
from .stamp import Stamp, paste
from .texture import Float, blur, fractal, grid, hsv, premultiplied, ramp, shade, vary


def stone(rng: np.random.Generator, foot: Float, size: float) -> Sprite:
    """A boulder."""
    side = 96
    x, y = grid((side, side))
    dx, dy = x / (side / 2) - 1, y / (side / 2) - 1
    bumps = fractal(rng, (side, side), 3, gain=0.3)
    reach = np.hypot(dx * rng.uniform(0.9, 1.1), dy * rng.uniform(1.0, 1.5)) - 0.04 * bumps
    light = 0.8 - 0.4 * dy + rng.uniform(-0.4, 0.4) * dx + 0.12 * bumps
    light = light + 0.08 * fractal(rng, (side, side), 8, gain=0.8)
    tone = hsv(0.09, rng.uniform(0.02, 0.25), rng.uniform(0.2, 0.7))
    image = premultiplied(shade(tone, light), ramp(0.85 - reach, -0.01, 0.02))
    stamp = Stamp(image, (side / 2, side - 16.0), (side / 2, 10.0))
    return stamp.place(foot, -np.pi / 2, size * rng.uniform(0.4, 1.3))


def pot(rng: np.random.Generator, rim: Float, wide: float) -> Sprite:
    """A flower pot or vase whose rim is centred at `rim`; still."""
    tall = wide * rng.uniform(1.2, 2.5)
    w, h = int(2 * wide) + 6, int(tall)
    x = (np.arange(w, dtype=np.float32)[None] - w / 2) / wide
    y = np.linspace(0, 1, h, dtype=np.float32)[:, None]
    half = 1 - rng.uniform(-0.2, 0.4) * y + rng.uniform(0, 0.3) * np.sin(np.pi * y)
    half = half / half.max() * np.where(y < 0.12, 1.0, 0.93)
    light = 0.95 - rng.uniform(-0.6, 0.6) * x / half - 0.3 * (x / half) ** 2
    light = light + 0.05 * fractal(rng, (w, h), 6) - 0.2 * (np.abs(y - 0.13) < 0.02)
    glaze = np.array(rng.choice([[0.7, 0.4, 0.28], [0.85, 0.83, 0.8], [0.25, 0.28, 0.3]]), np.float32)
    image = premultiplied(shade(glaze, light), ramp((half - np.abs(x)) * wide, -0.7, 0.7))
    return Stamp(image, (w / 2, 0.0), (w / 2, h - 1.0)).place(rim, np.pi / 2, tall)


def thing(rng: np.random.Generator, foot: Float, size: float) -> Sprite:
    """A ball, box, bottle or cup, with a shine and a contact shadow."""
    side = 128
    x, y = grid((side, side))
    u, v = (x - side / 2) / 44, (y - side / 2) / 44
    power = rng.choice([2, 2.5, 4, 10])
    narrow = rng.uniform(0.3, 1)
    neck = rng.choice([0.0, rng.uniform(0.3, 0.7)])
    half = narrow * (1 - neck * ramp(-v, 0.2, 0.6))
    inside = 1 - np.abs(u / half) ** power - np.abs(v) ** power
    tone = hsv(rng.random(), rng.uniform(0, 0.8) ** 1.3, rng.uniform(0.1, 0.95))
    light = 0.9 - 0.4 * u * rng.choice([-1, 1]) - 0.2 * v
    light = light + rng.uniform(0, 0.12) * fractal(rng, (side, side), rng.uniform(2, 20), 0.8)
    shine = np.exp(-(((u + 0.35 * narrow) / 0.1) ** 2)) * rng.uniform(0, 0.4)
    image = premultiplied(shade(tone, light) + shine[..., None], ramp(inside, 0, 0.12))
    shadow = 0.5 * np.exp(-((u / narrow) ** 2) - ((v - 1) / 0.12) ** 2)
    image[..., 3] += (1 - image[..., 3]) * shadow
    return Stamp(image, (side / 2, side / 2 + 44.0), (side / 2, side / 2 - 44.0)).place(foot, -np.pi / 2, size)


def post(rng: np.random.Generator, foot: Float, size: float) -> Sprite:
    """A wooden or metal post."""
    w, h = int(rng.uniform(6, 24)), int(3 * size)
    x, _ = grid((w, h))
    light = 1 - 0.5 * np.abs(x / w - rng.uniform(0.2, 0.8))
    light = light + 0.12 * fractal(rng, (w, h), (2, h / 30), 0.8)
    tone = hsv(rng.choice([0.08, 0.6]), rng.uniform(0, 0.5), rng.uniform(0.15, 0.8))
    image = premultiplied(shade(tone, light), np.ones((h, w)))
    return Stamp(image, (w / 2, h - 1.0), (w / 2, 0.0)).place(foot, -np.pi / 2, float(h))


def picture(rng: np.random.Generator, at: Float, size: float) -> Sprite:
    """A framed print of leaves or flowers: the texture of moving things, on a wall."""
    side = 128
    sheet = shade(hsv(0.11, rng.uniform(0, 0.3), rng.uniform(0.6, 1)), np.ones((side, side)))
    leafy = rng.random() < 0.5
    drawn = spray(rng, leaves(rng, 3, leaf_mood(rng)), 30, 0.2) if leafy else heads(rng, "daisy")[0]
    motif = paste((side, side), [drawn.place((side / 2, 0.7 * side), -np.pi / 2, 0.45 * side)])
    sheet = sheet * (1 - motif[..., 3:]) + motif[..., :3]
    frame = vary(rng, hsv(0.08, 0.4, rng.uniform(0.1, 0.9)), 0.1)
    sheet[:6] = sheet[-6:] = sheet[:, :6] = sheet[:, -6:] = frame
    image = premultiplied(blur(sheet.astype(np.float32), 0.7), np.ones((side, side)))
    return Stamp(image, (side / 2, 0.0), (side / 2, side - 1.0)).place(at, np.pi / 2, 1.3 * size)
