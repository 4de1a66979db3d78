"""Candles: flames that lean, stretch and lick, on bodies that never move."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, dark, plaster
from .scene import Stage
from .sprite import ALONG, BEND, COSINE, SINE, Sprite, still
from .stamp import Stamp
from .texture import Float, blur, fractal, grid, hsv, premultiplied, ramp


def candles(stage: Stage) -> None:
    """A row or group of lit candles on a table."""
    rng, (width, height) = stage.rng, stage.size
    stage.backdrop = any_of(rng, stage.size, [dark, dark, dark, bokeh, plaster])
    stage.backdrop = stage.backdrop * rng.uniform(0.1, 0.6)
    table = int(height * rng.uniform(0.65, 0.98))
    wood = hsv(0.08, 0.5, rng.uniform(0.03, 0.3))
    stage.backdrop[table:] = wood * (1 + 0.2 * fractal(rng, (width, height - table), (3, 12)))[..., None]
    count = int(rng.integers(1, 9))
    thick = np.clip(width * rng.uniform(0.2, 0.6) / count, 5, 70) * rng.uniform(0.3, 1)
    wax = hsv(rng.choice([0.08, 0.12, rng.random()]), rng.uniform(0, 0.7), rng.uniform(0.4, 0.95))
    flame = flame_stamp(rng)
    spots = np.linspace(0, 1, count + 2)[1:-1] * width + rng.normal(0, 0.03, count) * width
    for x in spots:
        foot = np.array([x, table + rng.uniform(0, 0.04) * height])
        tall = height * rng.uniform(0.15, 0.5)
        body = _body(rng, foot, thick, tall, wax)
        stage.add(body)
        wick = foot - [0, tall]
        size = np.clip(thick * rng.uniform(0.8, 1.6), 16, 0.25 * height)
        _flame(stage, flame, wick, size)


def _body(rng: np.random.Generator, foot: Float, thick: float, tall: float, wax: Float) -> Sprite:
    """A wax cylinder, brightest under the flame."""
    w, h = int(thick) + 4, int(tall) + 2
    x, y = grid((w, h))
    u, v = (x - w / 2) / (thick / 2) + 0 * y, y / h + 0 * x
    lit = np.exp(-v * rng.uniform(1, 4)) * rng.uniform(0.6, 1.1) + rng.uniform(0.05, 0.25)
    light = lit * (1 - 0.5 * u**2) + 0.03 * fractal(rng, (w, h), 3)
    melt = 0.04 * np.sin(3 * u + rng.uniform(0, 6))
    alpha = ramp((1 - np.abs(u)) * thick / 2, -0.6, 0.6) * ramp((v - 0.05 - melt) * h, -0.7, 0.7)
    image = premultiplied(wax * light[..., None], alpha)
    stamp = Stamp(image, (w / 2, h - 1.0), (w / 2, 0.0))
    return stamp.place(foot, -np.pi / 2, tall)


def flame_stamp(rng: np.random.Generator) -> Stamp:
    """White-yellow core, orange rim, blue foot, and a halo."""
    w, h = 96, 160
    x, y = grid((w, h))
    s = (h - 30 - y) / (h - 60) + 0 * x
    half = rng.uniform(9, 14) * np.sqrt(np.clip(s, 0, 1)) * np.clip(1 - s, 0, 1) ** 0.6 * 2
    inside = half - np.abs(x - w / 2) + 0 * y
    inside = np.where((s > 0) & (s < 1), inside, -6).astype(np.float32)
    body = blur(ramp(inside, -1, 5), 1.0)
    heat = blur(ramp(inside, 0, 14) + 0.15 * body, 2)
    warm = np.stack([body, 0.62 * body + 0.6 * heat, 0.2 * body + 0.9 * heat], -1)
    blue = ramp(0.18 - s, 0, 0.2)[..., None]
    colour = warm * (1 - 0.85 * blue) + body[..., None] * blue * np.array([0.1, 0.2, 0.7])
    halo = blur(body, 14)[..., None] * np.array([0.5, 0.25, 0.07], np.float32) * rng.uniform(0.2, 0.7)
    image = np.dstack([np.clip(colour + halo, 0, 1), body]).astype(np.float32)
    return Stamp(image, (w / 2, h - 30.0), (w / 2, 30.0))


def _flame(stage: Stage, stamp: Stamp, wick: Float, size: float) -> None:
    """Set a flame on a wick: it leans (s^2), stretches (s) and licks (a wave that climbs)."""
    rng, wind = stage.rng, stage.wind
    flame = stamp.place(wick, -np.pi / 2, size, squeeze=rng.uniform(0.7, 1.3))
    flame.glow = True
    flame.wave = (rng.uniform(2, 6), 0.0)
    coefs = still()
    lean = 0.6 * wind.at(wick)[0] + 0.8 * wind.own(1)[0]
    coefs[BEND] = lean * np.array([[1.0], [0.2]])
    coefs[ALONG] = np.outer([0.1, 1.0], wind.twist(1)[0]) * rng.uniform(0.3, 1)
    lick = wind.twist(1)[0] * rng.uniform(0.2, 0.6)
    coefs[COSINE, 0], coefs[SINE, 0] = lick, -1j * lick
    stage.add(flame, coefs)
