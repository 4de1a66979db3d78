"""Candles: flames that lean, stretch and lick, on bodies that never move."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, dark
from .built import planks, room
from .sprite import ALONG, BEND, COSINE, SINE, Sprite
from .stage import Stage
from .stamp import Stamp
from .texture import Float, blur, fractal, grid, hsv, premultiplied, ramp, shade


def candles(stage: Stage) -> None:
    """A row or group of lit candles on a table."""
    rng, (width, height) = stage.rng, stage.size
    stage.backdrop = any_of(rng, stage.size, [dark, dark, dark, bokeh, room])
    stage.backdrop = stage.backdrop * np.float32(rng.uniform(0.1, 0.7))
    table = int(height * rng.uniform(0.65, 0.97))
    stage.backdrop[table:] = planks(rng, (width, height - table)) * rng.uniform(0.05, 0.5)
    count = int(rng.choice([1, 1, 2, 2, 3, 3, 4, 6, 9]))
    thick = float(np.clip(width * rng.uniform(0.4, 1.0) / count, 8, 130) * rng.uniform(0.25, 1))
    hue, saturation = rng.choice([0.08, 0.12, rng.random()]), rng.uniform(0, 0.7)
    wax = hsv(hue, saturation, rng.uniform(0.4, 0.95))
    flames = [flame_picture(rng) for _ in range(2)]
    tall = height * rng.uniform(0.12, 0.5)
    spots = (np.arange(count) + 0.5 + rng.normal(0, 0.15, count)) / count * width
    for x in spots:
        foot = np.array([x, table + rng.uniform(0, 0.06) * height])
        own = tall * rng.uniform(0.85, 1.15)
        size = float(np.clip(thick * rng.uniform(0.8, 2.2), 24, 0.45 * height))
        halo(stage.backdrop, foot - [0, own + 0.4 * size], 3 * size, rng.uniform(0.05, 0.3))
        stage.add(body(rng, foot, thick, own, wax))
        _flame(stage, flames[rng.integers(2)], foot - [0, own], size)


def halo(image: Float, at: Float, reach: float, light: float) -> None:
    """Warm light of a flame on what stands behind it."""
    x, y = grid((image.shape[1], image.shape[0]))
    near = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * reach**2))
    image += light * near[..., None] * (image + 0.15) * np.array([1.0, 0.6, 0.25], np.float32)
    np.clip(image, 0, 1, out=image)


def body(rng: np.random.Generator, foot: Float, thick: float, tall: float, wax: Float) -> Sprite:
    """A wax cylinder that glows under its flame, with runs of wax and a wick."""
    w, h = int(thick) + 6, int(tall) + 12
    x, y = grid((w, h))
    u, v = (x - w / 2) / (thick / 2), (y - 12) / (h - 12)
    lit = np.exp(-np.clip(v, 0, 1) * rng.uniform(1, 4)) * rng.uniform(0.7, 1.2)
    light = (lit + rng.uniform(0.04, 0.25)) * (1 - 0.5 * u**2) + 0.03 * fractal(rng, (w, h), 3)
    runs = 0.04 * np.sin(4 * u + rng.uniform(0, 6)) + 0.03 * np.sin(9 * u + rng.uniform(0, 6))
    alpha = ramp((1 - np.abs(u)) * thick / 2, -0.6, 0.6) * ramp((v - 0.04 - runs) * h, -0.7, 0.7)
    glow = wax * (1 - 0.3 * lit[..., None]) + 0.3 * lit[..., None] * [1.0, 0.6, 0.2]
    wick = (np.abs(x - w / 2) < 1) & (v < 0.1) & (y > 3)
    image = premultiplied(shade(glow, light), np.maximum(alpha, wick))
    image[wick & (v < 0.04), :3] = 0.03
    stamp = Stamp(image, (w / 2, h - 1.0), (w / 2, 12.0))
    return stamp.place(foot, -np.pi / 2, tall)


def flame_picture(rng: np.random.Generator) -> Stamp:
    """White-yellow core, orange rim, blue foot, and a halo."""
    w, h = 112, 176
    x, y = grid((w, h))
    s = (h - 40 - y) / (h - 80)
    wide = rng.uniform(16, 24) * np.sqrt(np.clip(s, 0, 1)) * np.clip(1 - s, 0, 1) ** 0.7
    bow = rng.uniform(-8, 8) * s**2
    inside = np.where((s > 0) & (s < 1), wide - np.abs(x - w / 2 - bow), -6).astype(np.float32)
    flame = blur(ramp(inside, -1, 5), 1.2)
    heat = blur(ramp(inside, 0, 10), 2)
    warm = np.stack([flame, 0.6 * flame + 0.4 * heat, 0.15 * flame + 0.75 * heat], -1)
    blue = ramp(0.2 - s, 0, 0.2)[..., None] * flame[..., None]
    colour = warm * (1 - 0.85 * blue) + blue * np.array([0.1, 0.2, 0.7], np.float32)
    spread = blur(flame, 12)[..., None] * np.array([0.5, 0.24, 0.06], np.float32)
    edge = ramp(np.minimum(np.minimum(x, w - 1 - x), np.minimum(y, h - 1 - y)), 0, 30)
    glow = spread * edge[..., None] * rng.uniform(0.2, 0.9)
    image = np.dstack([np.clip(colour + glow, 0, 1), flame]).astype(np.float32)
    return Stamp(image, (w / 2, h - 40.0), (w / 2, 40.0))


def _flame(stage: Stage, stamp: Stamp, wick: Float, size: float) -> None:
    """Set a flame on a wick: it leans (s^2), stretches (s) and licks (a wave that climbs)."""
    rng, wind = stage.rng, stage.wind
    flame = stamp.place(wick, -np.pi / 2, size, squeeze=rng.uniform(0.7, 1.2))
    flame.glow = True
    flame.wave = (rng.uniform(2, 5), 0.0)
    lean = 0.5 * wind.at(wick)[0] + 0.7 * wind.own(1)[0]
    flame.coefs[BEND] = lean * np.array([[1.0], [0.3]])
    flame.coefs[ALONG] = np.outer([0.1, 1.0], wind.twist(1)[0]) * rng.uniform(0.3, 1)
    lick = wind.twist(1)[0] * rng.uniform(0.1, 0.4)
    flame.coefs[COSINE, 0], flame.coefs[SINE, 0] = lick, -1j * lick
    stage.add(flame)
