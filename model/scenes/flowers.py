"""Flowers on stems: bending stalks with leaves and heads that ride on their tips."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, bricks, dark, landscape, planks, sky, undergrowth
from .foliage import bloom, leaf_colour, leaves, tulip
from .motion import Complex
from .scene import Stage
from .sprite import BEND, Sprite, still, swing
from .stamp import Stamp
from .texture import Float, fractal, hsv, premultiplied, ramp, vary


def flowers(stage: Stage) -> None:
    """A few blooms close by, or a bed of many."""
    rng, (width, height) = stage.rng, stage.size
    stage.backdrop = any_of(
        rng, stage.size, [bokeh, bokeh, undergrowth, dark, sky, landscape, bricks, planks]
    )
    count = int(np.exp(rng.uniform(0, np.log(60))))
    head = height * np.clip(rng.uniform(0.5, 0.9) / count**0.45, 0.07, 0.4)
    style = str(rng.choice(["daisy", "rose", "puff", "tulip", "daisy"]))
    heads = _heads(rng, style)
    green = leaf_colour(rng)
    blades = leaves(rng, 3, shape="narrow" if style == "tulip" else "")
    top = np.sort(rng.uniform(rng.uniform(0.1, 0.45), 0.8 if count > 6 else 0.55, count)) * height
    blurred = rng.choice([0.0, 5.0])
    for i in range(count):
        depth = (i + 1) / count if count > 1 else 1.0
        tip = np.array([rng.uniform(0.03, 0.97) * width, top[i]])
        sigma = blurred * max(0.0, 0.8 - depth)
        size = head * (0.55 + 0.45 * depth) * rng.uniform(0.85, 1.15)
        plant(stage, tip, size, heads, blades, green * (0.5 + 0.5 * depth), float(sigma))


def _heads(rng: np.random.Generator, style: str) -> list[Stamp]:
    colours = [hsv(rng.random(), rng.uniform(0, 0.95), rng.uniform(0.6, 1)) for _ in range(2)]
    colours.append(vary(rng, colours[0], 0.15))
    if style == "tulip":
        return [tulip(rng, c) for c in colours]
    if style == "puff":
        colours = [hsv(0.12, rng.uniform(0, 0.25), rng.uniform(0.7, 1)) for _ in range(2)]
    return [bloom(rng, c, style) for c in colours]


def plant(
    stage: Stage,
    tip: Float,
    size: float,
    heads: list[Stamp],
    blades: list[Stamp],
    green: Float,
    sigma: float,
) -> None:
    """Stem, its leaves, its head."""
    rng, wind = stage.rng, stage.wind
    tall = max(stage.size[1] * rng.uniform(1.0, 1.25) - tip[1], 1.5 * size)
    foot = np.array([tip[0] + rng.normal(0, 0.12) * tall, tip[1] + tall])
    thick = max(1.5, size * rng.uniform(0.04, 0.09))
    sprite = stem(rng, foot, tip, thick, green, sigma)
    sway = wind.at(tip)[0] + wind.own(1)[0] * rng.uniform(0.2, 0.7)
    coefs = still()
    coefs[BEND] = sway
    stage.add(sprite, coefs)
    for _ in range(rng.integers(0, 5)):
        height = rng.uniform(0.05, 0.75)
        at = foot + height * (tip - foot)
        angle = np.pi / 2 + rng.choice([-1, 1]) * rng.uniform(1.6, 2.8)
        blade = blades[rng.integers(len(blades))].place(
            at, angle, tall * rng.uniform(0.12, 0.35), sigma=sigma, squeeze=rng.uniform(0.5, 1)
        )
        stage.add(blade, riding(sway, sprite, height, blade, wind.twist(1)[0] * 0.5), rng.uniform(0.6, 1))
    head = heads[rng.integers(len(heads))]
    upright = float(np.arctan2(*(tip - foot)[::-1])) + rng.normal(0, 0.3)
    # Side views stand on their root, which is as long as they are tall; the others turn about their middle.
    reach = size if head.root[1] > 0.7 * head.image.shape[0] else size / 2
    bloomed = head.place(tip, upright, reach, mirror=bool(rng.random() < 0.5), sigma=sigma)
    stage.add(bloomed, riding(sway, sprite, 1.0, bloomed, wind.twist(1)[0] * 0.15))


def stem(
    rng: np.random.Generator, foot: Float, tip: Float, thick: float, green: Float, sigma: float
) -> Sprite:
    """A slender stalk from foot to tip that bends as s^2."""
    w, h = int(3 * thick) + 6, max(8, int(np.hypot(*(tip - foot))))
    x = np.arange(w, dtype=np.float32)[None] - w / 2
    y = np.linspace(1, 0, h, dtype=np.float32)[:, None]
    half = thick * (0.4 + 0.2 * y)
    light = 0.8 + 0.5 * rng.choice([-1, 1]) * x / half + 0.06 * fractal(rng, (w, h), 3)
    image = premultiplied(green * light[..., None], ramp(half - np.abs(x), -0.6, 0.6))
    stamp = Stamp(image, (w / 2, h - 1.0), (w / 2, 0.0))
    angle = float(np.arctan2(*(tip - foot)[::-1]))
    return stamp.place(foot, angle, float(np.hypot(*(tip - foot))), sigma=sigma)


def riding(sway: Complex, stem: Sprite, height: float, rider: Sprite, own: Complex) -> Complex:
    """Coefficients of a thing fixed to a stem at relative height: carried, turned, plus its own twist."""
    coefs = still()
    coefs[0] = height**2 * sway
    normal = np.array([-stem.axis[1], stem.axis[0]])
    slope = 2 * height / stem.length * (normal @ sway)
    return swing(coefs, slope + own / rider.length, rider.axis, rider.length)
