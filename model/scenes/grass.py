"""Grass, meadows and crops: tufts that bend from the ground."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, landscape, sky, undergrowth
from .blooms import heads
from .built import street
from .flowers import riding
from .foliage import leaf, leaf_colour
from .sprite import BEND, COSINE, SINE, Sprite
from .stage import Stage
from .stamp import Stamp, paste
from .texture import Float, fractal, shade, vary


def meadow(stage: Stage) -> None:
    """Rows of tufts from the horizon to the lens, some in flower or ear."""
    rng, (width, height) = stage.rng, stage.size
    stage.backdrop = any_of(rng, stage.size, [landscape, landscape, bokeh, undergrowth, sky, street])
    mood = str(rng.choice(["fresh", "fresh", "deep", "dry"]))
    fine = rng.uniform(0.12, 0.5)
    base = leaf_colour(rng, mood)
    tufts = [tuft(rng, vary(rng, base, 0.15), rng.uniform(0.15, 0.5), fine) for _ in range(4)]
    far, near = rng.uniform(0.1, 0.7), rng.uniform(1.0, 1.2)
    turf = slice(int(height * min(far, 0.98)), None)
    soil = fractal(rng, stage.size, (20, 40), gain=0.9)[turf]
    stage.backdrop[turf] = shade(base * 0.4, np.exp(0.25 * soil))
    tall = height * rng.uniform(0.2, 0.6)
    count = int(rng.integers(100, 240))
    depth = np.sort(rng.random(count)) ** rng.uniform(0.7, 1.3)
    feet = np.stack([rng.uniform(-0.05, 1.05, count) * width, height * (far + (near - far) * depth)], 1)
    moves = stage.vigour() * (stage.wind.at(feet) + stage.wind.own(count) * rng.uniform(0.05, 0.5))
    shallow, blooming = rng.choice([0.0, 0.0, 3.0, 7.0]), rng.choice([0.0, 0.0, 0.15, 0.5])
    flowers = heads(rng, str(rng.choice(["daisy", "five", "umbel", "puff"])))
    for i in range(count):
        size = tall * (0.25 + 0.75 * depth[i]) * rng.uniform(0.7, 1.2)
        sigma = float(shallow * np.clip(np.abs(depth[i] - 0.75) * 1.5 - 0.15, 0, 1))
        lean = -np.pi / 2 + rng.normal(0, 0.12)
        stalk = tufts[rng.integers(len(tufts))].place(feet[i], lean, size, mirror=bool(i % 2), sigma=sigma)
        stalk.coefs[BEND] = moves[i] * (0.4 + 0.6 * depth[i])
        stage.add(stalk, gain=(0.55 + 0.45 * depth[i]) * np.exp(rng.normal(0, 0.1)))
        if rng.random() < blooming:
            head = flowers[rng.integers(len(flowers))].place(
                feet[i] + 0.95 * size * stalk.axis,
                lean,
                size * rng.uniform(0.06, 0.14),
                sigma=sigma,
            )
            stage.add(head, riding(stalk.coefs[BEND], stalk, 0.95, head, 0 * moves[i, 0]))


def tuft(rng: np.random.Generator, colour: Float, spread: float, fine: float = 0.5) -> Stamp:
    """Blades from one foot, fanned out by `spread` radians; the finer, the more."""
    side = 160
    blades = [leaf(rng, vary(rng, colour, 0.15), shape="narrow") for _ in range(4)]
    foot = np.array([side / 2, side - 4.0])
    sprites = []
    for i in range(int(rng.integers(6, 12) / fine**0.7)):
        at = foot + np.array([rng.normal(0, 12), 0])
        lean = rng.normal(0, spread)
        blade = blades[i % len(blades)].place(
            at,
            -np.pi / 2 + lean,
            side * rng.uniform(0.5, 0.95),
            squeeze=fine * rng.uniform(0.5, 1.3),
        )
        blade.gain = np.full(3, rng.uniform(0.5, 1.15), np.float32)
        sprites.append(blade)
    return Stamp(paste((side, side), sprites), (foot[0], foot[1]), (foot[0], 12.0))


def waving(stage: Stage, ribbon: Sprite, vigour: float) -> None:
    """Bend with the current, with a wave climbing to the tip."""
    rng, wind = stage.rng, stage.wind
    ribbon.wave = (rng.normal(3, 0.3), 0.0)
    gust = vigour * wind.at(ribbon.root)[0]
    ribbon.coefs[BEND] = 0.7 * gust + 0.15 * vigour * wind.own(1)[0]
    climb = 0.5 * gust
    ribbon.coefs[COSINE], ribbon.coefs[SINE] = climb, -1j * climb
