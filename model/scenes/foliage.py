"""Leaves, petals and sprays of leaves, as stamps."""

from __future__ import annotations

import numpy as np

from .stamp import Stamp, paste, shadowed
from .texture import Float, fractal, grid, hsv, premultiplied, ramp, shade, vary

LENGTH = 96  # px, a blade's picture
FOOT = 4  # px, from the picture's edge to the blade's foot

# Mood: hue (mean, deviation), saturation (low, high), log of value (mean, deviation).
MOODS = {
    "fresh": ((0.22, 0.025), (0.4, 0.8), (-0.75, 0.25)),
    "deep": ((0.26, 0.03), (0.3, 0.65), (-1.3, 0.3)),
    "ivy": ((0.33, 0.04), (0.08, 0.35), (-0.8, 0.3)),
    "autumn": ((0.08, 0.035), (0.5, 0.9), (-0.6, 0.3)),
    "dry": ((0.11, 0.02), (0.2, 0.5), (-0.7, 0.25)),
}
# Half width (low, high) in lengths; where it is widest (above 1: towards the tip).
WIDTHS = {
    "ovate": (0.2, 0.4, 0.85),
    "narrow": (0.05, 0.13, 1.0),
    "petal": (0.13, 0.3, 1.8),
    "ray": (0.07, 0.14, 1.6),
}


def leaf_mood(rng: np.random.Generator) -> str:
    """A season's colours, mostly green."""
    return str(rng.choice(list(MOODS), p=[0.4, 0.32, 0.1, 0.1, 0.08]))


def leaf_colour(rng: np.random.Generator, mood: str) -> Float:
    """One plausible leaf colour (3,)."""
    hue, saturation, value = MOODS[mood]
    return hsv(rng.normal(*hue), rng.uniform(*saturation), float(np.exp(rng.normal(*value))))


def _outline(rng: np.random.Generator, s: Float, across: Float, shape: str) -> Float:
    """Distance inside the blade's edge, in lengths."""
    if shape == "lobed":
        reach = np.hypot(across, s - 0.35) * 1.55
        turn = np.arctan2(across, s - 0.35)
        lobes, depth = rng.choice([3, 5, 5, 7]), rng.uniform(0.12, 0.4)
        edge = 1 - depth * (0.5 - 0.5 * np.cos(lobes * turn)) - 0.25 * np.abs(turn / np.pi) ** 2
        edge = edge + rng.uniform(0, 0.05) * np.cos(rng.integers(15, 31) * turn)
        return np.asarray((edge - reach) * 0.6)
    thin, wide, skew = WIDTHS[shape]
    along = np.clip(s, 0, 1) ** (skew * rng.uniform(0.8, 1.2))
    width = rng.uniform(thin, wide) * np.sin(np.pi * along).clip(0, 1) ** rng.uniform(0.6, 1.1)
    if shape == "ovate":
        width = width * (1 + rng.choice([0, 0.05]) * np.sin(rng.uniform(60, 110) * s))
    return np.where((s > 0) & (s < 1), width - np.abs(across), -0.1)


def _veins(rng: np.random.Generator, s: Float, across: Float) -> Float:
    """Brightness of midrib and side veins."""
    count, slant = rng.uniform(5, 11), rng.uniform(0.5, 1.2)
    side = 0.5 + 0.5 * np.cos(2 * np.pi * count * (s - slant * np.abs(across)))
    rib = np.exp(-((across / 0.018) ** 2))
    return np.asarray(rng.uniform(0.1, 0.5) * rib + rng.uniform(0.0, 0.16) * side**8)


def leaf(rng: np.random.Generator, colour: Float, *, shape: str = "ovate") -> Stamp:
    """A blade: lit from one side, veined, glossy or dull, over its own soft shadow."""
    size = (LENGTH, LENGTH)
    x, y = grid(size)
    length = LENGTH - 2.0 * FOOT
    s, across = (LENGTH - FOOT - y) / length, (x - LENGTH / 2) / length
    across = across + rng.uniform(-0.12, 0.12) * np.sin(np.pi * s.clip(0, 1))
    alpha = ramp(_outline(rng, s, across, shape) * LENGTH, -0.7, 0.7)
    flat = shape in ("petal", "ray")
    fold = rng.uniform(-0.1, 0.1) if flat else rng.uniform(-0.3, 0.3)
    light = 1 + fold * np.sign(across) + rng.uniform(-0.35, 0.35) * (s - 0.5)
    light = light + (0.04 if flat else 0.08) * fractal(rng, size, 5)
    if not flat:
        light = light + _veins(rng, s, across)
    sheen = np.exp(-(((across - rng.normal(0, 0.15)) / 0.1) ** 2) - ((s - 0.55) / 0.3) ** 2)
    other = vary(rng, colour, 0.25)
    tone = colour + ramp(s, 0, 1)[..., None] * (other - colour)
    gloss = rng.uniform(0, 0.25) * sheen[..., None]
    image = premultiplied(shade(tone, light) + gloss * (1 if flat else [0.8, 0.95, 1.0]), alpha)
    softness, depth = rng.uniform(2, 6), rng.uniform(0.15, 0.4) * (0.5 if flat else 1)
    wide = shadowed(image, (rng.uniform(-3, 3), rng.uniform(0, 5)), softness, depth)
    foot = (wide.shape[1] / 2, wide.shape[0] / 2 + LENGTH / 2 - FOOT)
    return Stamp(wide, foot, (foot[0], foot[1] - length))


def leaf_shape(rng: np.random.Generator) -> str:
    """The outline of one plant's leaves."""
    return str(rng.choice(["ovate", "ovate", "ovate", "lobed", "lobed", "narrow"]))


def leaves(rng: np.random.Generator, count: int, mood: str = "", shape: str = "") -> list[Stamp]:
    """`count` different leaves of one plant."""
    base = leaf_colour(rng, mood or leaf_mood(rng))
    shape = shape or leaf_shape(rng)
    return [leaf(rng, vary(rng, base, 0.18), shape=shape) for _ in range(count)]


def spray(rng: np.random.Generator, blades: list[Stamp], count: int, blade: float) -> Stamp:
    """A ball of `count` leaves of relative length `blade`, lit from above, dark inside."""
    side = 128
    centre = np.array([side / 2, side / 2])
    sprites = []
    for i in range(count):
        turn = rng.uniform(0, 2 * np.pi)
        reach = np.sqrt(rng.random()) * side * max(0.1, 0.5 - 0.7 * blade)
        at = centre + reach * np.array([np.cos(turn), 0.85 * np.sin(turn)])
        sprite = blades[rng.integers(len(blades))].place(
            at,
            turn + rng.normal(0, 0.8),
            side * blade * rng.uniform(0.6, 1.1),
            mirror=bool(rng.random() < 0.5),
            squeeze=rng.uniform(0.4, 1),
        )
        lit = 0.5 + 0.5 * i / count - 0.3 * (at[1] - centre[1]) / side
        sprite.gain = np.full(3, lit * np.exp(rng.normal(0, 0.15)), np.float32)
        sprites.append(sprite)
    return Stamp(paste((side, side), sprites), (side / 2, side * 0.8), (side / 2, side * 0.2))


def mass(rng: np.random.Generator, colour: Float) -> Stamp:
    """The dark inside of a crown or bush: a ragged ball of fine leafy noise."""
    side = 128
    x, y = grid((side, side))
    dx, dy = x / (side / 2) - 1, y / (side / 2) - 1
    noise = fractal(rng, (side, side), 12, gain=0.85)
    alpha = ramp(0.78 - np.hypot(dx, dy) + 0.1 * noise, 0, 0.1)
    light = 0.5 + 0.2 * noise - 0.15 * dy
    image = premultiplied(shade(colour, light), alpha)
    return Stamp(image, (side / 2, side - 10.0), (side / 2, 10.0))
