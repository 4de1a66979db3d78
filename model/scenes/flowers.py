"""Flowers on stems: bending stalks with leaves, and heads that ride on their tips."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, dark, landscape, sky, undergrowth
from .blooms import STYLES, heads
from .built import street, wall
from .foliage import leaf_colour, leaf_mood, leaves
from .leaves import thicket
from .motion import Complex
from .sprite import BEND, SHIFT, Sprite, still, swing
from .stage import Stage
from .stamp import Stamp
from .texture import Float, fractal, premultiplied, ramp, shade


def flowers(stage: Stage) -> None:
    """A few blooms close by, or a bed or field of many, in rows from the back."""
    rng, (width, height) = stage.rng, stage.size
    choices = [bokeh, bokeh, bokeh, undergrowth, undergrowth, dark, sky, landscape, wall, street]
    stage.backdrop = any_of(rng, stage.size, choices)
    if rng.random() < 0.5:
        thicket(stage)
    count = int(np.exp(rng.uniform(0, np.log(160))))
    style = str(rng.choice(STYLES))
    bed = Bed(rng, style)
    head = height * np.clip(rng.uniform(0.6, 1.1) / count**0.42, 0.1, 0.65)
    high = rng.uniform(0.08, 0.5) if count < 8 else rng.uniform(0.25, 0.55)
    depth = np.sort(rng.random(count)) if count > 1 else np.ones(1)
    shallow = rng.choice([0.0, 0.0, 4.0, 7.0])
    vigour = stage.vigour()
    for d in depth:
        row = high + (rng.uniform(0.6, 0.95) - high) * d if count > 7 else high + rng.normal(0, 0.08)
        tip = np.array([rng.uniform(0.02, 0.98) * width, row * height])
        sigma = float(shallow * np.clip(0.75 - d, 0, 1))
        size = head * (0.5 + 0.5 * d) * rng.uniform(0.85, 1.15)
        plant(stage, bed, tip, size, vigour, sigma=sigma, light=0.55 + 0.45 * d)


class Bed:
    """What the flowers of one scene have in common."""

    def __init__(self, rng: np.random.Generator, style: str):
        self.style = style
        self.heads = heads(rng, style)
        mood = leaf_mood(rng) if rng.random() < 0.3 else str(rng.choice(["fresh", "deep"]))
        self.green = leaf_colour(rng, mood) * 0.9
        self.blades = leaves(rng, 4, mood, "narrow" if style == "tulip" else "")
        self.leafy = rng.uniform(1, 9)
        self.long = rng.uniform(0.2, 0.5)
        self.lean = rng.normal(0, 0.08)
        self.tilt = rng.uniform(0.1, 0.5)


def plant(stage: Stage, bed: Bed, tip: Float, size: float, vigour: float, *, sigma: float, light: float) -> None:
    """Stem, its leaves, its head."""
    rng, wind = stage.rng, stage.wind
    tall = max(stage.size[1] * rng.uniform(1.0, 1.25) - tip[1], 1.5 * size)
    foot = tip + np.array([(bed.lean + rng.normal(0, 0.08)) * tall, tall])
    stalk = stem(rng, foot, tip, max(1.2, size * rng.uniform(0.03, 0.07)), bed.green, sigma)
    sway = vigour * (wind.at(tip)[0] + wind.own(1)[0] * rng.uniform(0.2, 0.8))
    stalk.coefs[BEND] = sway
    stage.add(stalk, gain=light)
    for _ in range(rng.poisson(bed.leafy)):
        height = rng.uniform(0.0, 0.8)
        blade = bed.blades[rng.integers(len(bed.blades))].place(
            foot + height * (tip - foot),
            np.pi / 2 + rng.choice([-1, 1]) * rng.uniform(1.5, 2.8),
            tall * bed.long * rng.uniform(0.6, 1.2),
            sigma=sigma,
            squeeze=rng.uniform(0.4, 1),
        )
        own = vigour * wind.twist(1)[0] * 0.4
        stage.add(blade, riding(sway, stalk, height, blade, own), light * rng.uniform(0.55, 1))
    top = bed.heads[rng.integers(len(bed.heads))]
    upright = float(np.arctan2(*(tip - foot)[::-1])) + rng.normal(0, bed.tilt)
    # Cups stand on their foot and are `size` tall; the others turn about their middle.
    reach = size if bed.style == "tulip" else size / 2
    head = top.place(tip, upright, reach, mirror=bool(rng.random() < 0.5), sigma=sigma)
    stage.add(head, riding(sway, stalk, 1.0, head, vigour * wind.twist(1)[0] * 0.15), light)


def stem(rng: np.random.Generator, foot: Float, tip: Float, thick: float, green: Float, sigma: float) -> Sprite:
    """A slender stalk from foot to tip, bending as s^2 when given a sway."""
    length = float(np.hypot(*(tip - foot)))
    w, h = int(3 * thick) + 6, max(8, int(length))
    x = np.arange(w, dtype=np.float32)[None] - w / 2
    y = np.linspace(1, 0, h, dtype=np.float32)[:, None]
    half = thick * (0.4 + 0.2 * y)
    light = 0.9 + 0.4 * rng.choice([-1, 1]) * x / half + 0.06 * fractal(rng, (w, h), 3)
    image = premultiplied(shade(green, light), ramp(half - np.abs(x), -0.6, 0.6))
    stamp = Stamp(image, (w / 2, h - 1.0), (w / 2, 0.0))
    angle = float(np.arctan2(tip[1] - foot[1], tip[0] - foot[0]))
    return stamp.place(foot, angle, length, sigma=sigma)


def riding(sway: Complex, stalk: Sprite, height: float, rider: Sprite, own: Complex) -> Complex:
    """Coefficients of a thing fixed to a stalk at a relative height: carried, turned, own twist."""
    coefs = still()
    coefs[SHIFT] = height**2 * sway
    normal = np.array([-stalk.axis[1], stalk.axis[0]])
    slope = 2 * height / stalk.length * (normal @ sway)
    return swing(coefs, slope + own / rider.length, rider.axis, rider.length)
