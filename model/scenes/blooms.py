"""Flower heads, as stamps."""

from __future__ import annotations

import numpy as np

from .foliage import leaf
from .stamp import Stamp, paste
from .texture import Float, fractal, grid, hsv, premultiplied, ramp, shade, vary

SIDE = 128  # px, a head's picture
STYLES = ("daisy", "daisy", "sunflower", "rose", "five", "puff", "umbel", "tulip")
# White, cream, yellow, orange, red, pink, magenta, violet, blue: hue, saturation, value.
TONES = (
    (0.12, 0.05, 0.95),
    (0.13, 0.3, 0.95),
    (0.15, 0.85, 0.95),
    (0.08, 0.85, 0.95),
    (0.99, 0.85, 0.75),
    (0.94, 0.45, 0.9),
    (0.88, 0.6, 0.75),
    (0.76, 0.5, 0.7),
    (0.65, 0.5, 0.75),
)


def bloom_colour(rng: np.random.Generator) -> Float:
    """One plausible petal colour (3,)."""
    return vary(rng, hsv(*TONES[rng.integers(len(TONES))]), 0.12)


def heads(rng: np.random.Generator, style: str) -> list[Stamp]:
    """A few heads of one bed: mostly one colour, sometimes mixed."""
    first = bloom_colour(rng)
    mixed = rng.random() < 0.3
    colours = [first, vary(rng, first, 0.08), bloom_colour(rng) if mixed else vary(rng, first, 0.1)]
    if style == "tulip":
        return [tulip(rng, c) for c in colours]
    if style in ("puff", "umbel"):
        pale = hsv(0.13, rng.uniform(0, 0.3), rng.uniform(0.75, 1))
        return [globe(rng, vary(rng, pale, 0.08), style) for _ in range(2)]
    if style == "sunflower":
        colours = [hsv(0.13 + rng.normal(0, 0.01), 0.9, 0.95) for _ in colours]
    return [disc_flower(rng, c, style) for c in colours]


def globe(rng: np.random.Generator, colour: Float, style: str) -> Stamp:
    """A dandelion's ball of seeds, or an umbel of tiny florets."""
    x, y = grid((SIDE, SIDE))
    dx, dy = x / (SIDE / 2) - 1, y / (SIDE / 2) - 1
    if style == "umbel":
        dy = dy * rng.uniform(1.3, 2.2)
    reach, turn = np.hypot(dx, dy), np.arctan2(dy, dx)
    noise = fractal(rng, (SIDE, SIDE), 22, gain=0.9)
    spokes = np.cos(turn * rng.integers(30, 60) + 3 * noise) * ramp(reach, 0.1, 0.8)
    alpha = ramp(0.93 - reach + 0.07 * noise, 0, 0.12) * rng.uniform(0.8, 1)
    light = 0.72 + 0.2 * noise + 0.12 * spokes + 0.3 * (0.5 - reach) - 0.2 * dy
    return Stamp(premultiplied(shade(colour, light), alpha), (SIDE / 2, SIDE / 2), (SIDE / 2, 2))


def disc_flower(rng: np.random.Generator, colour: Float, style: str) -> Stamp:
    """Petals round a heart, or rings of petals without one (rose)."""
    shape = {"daisy": "ray", "sunflower": "ray"}.get(style, "petal")
    petals = [leaf(rng, vary(rng, colour, 0.07), shape=shape) for _ in range(4)]
    rings = {"rose": 4, "five": 1}.get(style, int(rng.integers(2, 4)))
    count = {"rose": 6, "five": int(rng.integers(4, 7))}.get(style, int(rng.integers(13, 24)))
    view = rng.uniform(0.65, 1)
    sprites = []
    for ring in range(rings):
        size = SIDE * 0.47 * (1 - ring * (0.2 if style == "rose" else 0.09))
        for i in range(count):
            angle = 2 * np.pi * (i + 0.5 * ring + rng.normal(0, 0.12)) / count
            way = np.array([np.cos(angle), view * np.sin(angle)])
            petal = petals[rng.integers(len(petals))].place(
                (SIDE / 2, SIDE / 2),
                float(np.arctan2(way[1], way[0])),
                size * float(np.hypot(*way)) * rng.uniform(0.88, 1),
                squeeze=1.5 if style in ("rose", "five") else rng.uniform(0.8, 1.1),
            )
            petal.gain = np.full(3, rng.uniform(0.85, 1.08) - 0.12 * np.sin(angle), np.float32)
            sprites.append(petal)
    image = paste((SIDE, SIDE), sprites)
    if style != "rose":
        image = _with_heart(rng, image, style, view)
    return Stamp(image, (SIDE / 2, SIDE / 2), (SIDE / 2, 2))


def _with_heart(rng: np.random.Generator, image: Float, style: str, view: float) -> Float:
    x, y = grid((SIDE, SIDE))
    dx, dy = x / (SIDE / 2) - 1, (y / (SIDE / 2) - 1) / view
    reach = np.hypot(dx, dy)
    radius = {"sunflower": rng.uniform(0.35, 0.5), "five": 0.13}.get(style, rng.uniform(0.18, 0.3))
    dark = style == "sunflower" or rng.random() < 0.3
    heart = hsv(0.07, 0.7, rng.uniform(0.12, 0.3)) if dark else hsv(0.135, 0.85, 0.85)
    dots = fractal(rng, (SIDE, SIDE), 24, gain=0.9)
    light = 0.85 + 0.18 * dots + 0.4 * (radius - reach) - 0.25 * dy
    core = premultiplied(shade(heart, light), ramp(radius - reach, -0.02, 0.02))
    rim = 1 - 0.3 * np.exp(-(((reach - radius) / 0.08) ** 2))
    image[..., :3] *= rim[..., None]
    return np.asarray(core + image * (1 - core[..., 3:]), np.float32)


def tulip(rng: np.random.Generator, colour: Float) -> Stamp:
    """A cup of petals seen from the side, standing on its root."""
    petals = [leaf(rng, vary(rng, colour, 0.06), shape="petal") for _ in range(3)]
    sprites = []
    for offset in (0.3, -0.3, 0.15, -0.15, 0.0):
        petal = petals[rng.integers(3)].place(
            (SIDE / 2 + 50 * offset, SIDE * 0.94),
            -np.pi / 2 + offset * rng.uniform(0.2, 0.9),
            SIDE * rng.uniform(0.78, 0.9),
            squeeze=rng.uniform(1.4, 2.0),
        )
        petal.gain = np.full(3, 1.05 - abs(offset) * 1.1, np.float32)
        sprites.append(petal)
    return Stamp(paste((SIDE, SIDE), sprites), (SIDE / 2, SIDE * 0.93), (SIDE / 2, SIDE * 0.08))
