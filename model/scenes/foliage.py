"""Leaves, petals, blooms and clusters of leaves, as stamps."""

from __future__ import annotations

import numpy as np

from .stamp import Stamp, paste, shadowed
from .texture import Float, fractal, grid, hsv, premultiplied, ramp, vary

LENGTH = 96


def leaf_colour(rng: np.random.Generator, mood: str = "any") -> Float:
    """One plausible leaf colour (3,)."""
    hue = {"any": rng.normal(0.25, 0.05), "autumn": rng.uniform(0.03, 0.17)}.get(mood)
    if hue is None:
        hue = rng.normal(0.34, 0.03)
    return hsv(hue, rng.uniform(0.3, 0.9), np.exp(rng.normal(-0.85, 0.35)))


def _veins(rng: np.random.Generator, s: Float, across: Float) -> Float:
    """Brightness of midrib and side veins."""
    count, slant = rng.uniform(5, 11), rng.uniform(0.5, 1.2)
    side = 0.5 + 0.5 * np.cos(2 * np.pi * count * (s - slant * np.abs(across)))
    rib = np.exp(-((across / 0.018) ** 2))
    return np.asarray(rng.uniform(0.05, 0.4) * rib + rng.uniform(0.02, 0.15) * side**8, np.float32)


def leaf(rng: np.random.Generator, colour: Float, *, shape: str = "ovate") -> Stamp:
    """A leaf blade, lit from one side, veined, with a soft shadow."""
    size = (LENGTH, LENGTH)
    x, y = grid(size)
    s = (LENGTH - 4 - y) / (LENGTH - 8) + 0 * x
    across = (x - LENGTH / 2) / (LENGTH - 8) + 0 * y
    if shape == "lobed":
        reach = np.hypot(across, s - 0.35) * 1.55
        turn = np.arctan2(across, s - 0.35)
        lobes, depth = rng.choice([3, 5]), rng.uniform(0.12, 0.35)
        edge = 1 - depth * (0.5 - 0.5 * np.cos(lobes * turn)) - 0.25 * np.abs(turn / np.pi) ** 2
        edge = edge + rng.uniform(0, 0.05) * np.cos(rng.integers(15, 31) * turn)
        inside = (edge - reach) * LENGTH * 0.6
    else:
        wide = rng.uniform(0.22, 0.42) if shape == "ovate" else rng.uniform(0.06, 0.14)
        along = np.clip(s, 0, 1) ** rng.uniform(0.6, 1.1)
        width = wide * np.clip(np.sin(np.pi * along), 0, 1) ** rng.uniform(0.7, 1.2)
        width = width * (1 + rng.uniform(0, 0.06) * np.sin(rng.uniform(60, 110) * s))
        inside = np.where((s > 0) & (s < 1), width - np.abs(across), -0.1) * LENGTH
    alpha = ramp(inside.astype(np.float32), -0.7, 0.7)
    fold = rng.uniform(-0.35, 0.35)
    light = 1 + fold * np.sign(across) + rng.uniform(-0.4, 0.4) * (s - 0.5)
    light = light + 0.1 * fractal(rng, size, 6) + _veins(rng, s, across)
    sheen = np.exp(-(((across - rng.normal(0, 0.15)) / 0.1) ** 2) - ((s - 0.55) / 0.3) ** 2)
    shade = colour * light[..., None] + rng.uniform(0, 0.25) * sheen[..., None]
    return _with_shadow(rng, premultiplied(shade, alpha), (LENGTH / 2, LENGTH - 4.0), LENGTH - 8.0)


def _with_shadow(
    rng: np.random.Generator, image: Float, root: tuple[float, float], length: float
) -> Stamp:
    softness, depth = rng.uniform(2, 6), rng.uniform(0.2, 0.45)
    wide = shadowed(image, (rng.uniform(-3, 3), rng.uniform(0, 5)), softness, depth)
    pad = (wide.shape[0] - image.shape[0]) / 2
    at = (root[0] + pad, root[1] + pad)
    return Stamp(wide, at, (at[0], at[1] - length))


def leaves(rng: np.random.Generator, count: int, mood: str = "any", shape: str = "") -> list[Stamp]:
    """`count` different leaves of one plant."""
    base = leaf_colour(rng, mood)
    shape = shape or str(rng.choice(["ovate", "ovate", "lobed", "narrow"]))
    return [leaf(rng, vary(rng, base, 0.2), shape=shape) for _ in range(count)]


def cluster(rng: np.random.Generator, blades: list[Stamp], count: int, blade: float) -> Stamp:
    """A spray of `count` leaves of relative length `blade`, lit from above, dark inside."""
    side = 128
    centre = np.array([side / 2, side / 2])
    sprites = []
    for i in range(count):
        turn, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.random()) * side * (0.5 - 0.55 * blade)
        at = centre + reach * np.array([np.cos(turn), 0.8 * np.sin(turn)])
        sprite = blades[rng.integers(len(blades))].place(
            at,
            turn + rng.normal(0, 0.8),
            side * blade * rng.uniform(0.6, 1.1),
            mirror=bool(rng.random() < 0.5),
            squeeze=rng.uniform(0.4, 1),
        )
        lit = 0.45 + 0.55 * i / count - 0.35 * (at[1] - centre[1]) / side
        sprite.gain = np.full(3, lit * np.exp(rng.normal(0, 0.15)), np.float32)
        sprites.append(sprite)
    return Stamp(paste((side, side), sprites), (side / 2, side * 0.8), (side / 2, side * 0.2))


def bloom(rng: np.random.Generator, colour: Float, style: str) -> Stamp:
    """A flower head seen from about the front: daisy, rose or puff; root at its centre's foot."""
    side = 128
    x, y = grid((side, side))
    dx, dy = (x - side / 2) / (side / 2) + 0 * y, (y - side / 2) / (side / 2) + 0 * x
    reach, turn = np.hypot(dx, dy), np.arctan2(dy, dx)
    if style == "puff":
        noise = fractal(rng, (side, side), 24, gain=0.9)
        alpha = ramp(0.95 - reach + 0.08 * noise, 0, 0.12) * rng.uniform(0.75, 1)
        light = 0.75 + 0.22 * noise + 0.25 * (0.5 - reach) - 0.2 * dy
        image = premultiplied(colour * light[..., None], alpha)
        return Stamp(image, (side / 2, side / 2), (side / 2, 2))
    petals = petals_of(rng, colour)
    sprites, rings = [], 3 if style == "rose" else rng.integers(1, 3)
    for ring in range(rings):
        count = int(rng.integers(5, 9) if style == "rose" else rng.integers(8, 22))
        size = side * 0.47 * (1 - ring * (0.28 if style == "rose" else 0.15))
        for i in range(count):
            angle = 2 * np.pi * (i + 0.5 * ring + rng.normal(0, 0.1)) / count
            petal = petals[rng.integers(len(petals))].place(
                (side / 2, side / 2), angle, size * rng.uniform(0.85, 1), squeeze=rng.uniform(0.7, 1)
            )
            petal.gain = np.full(3, rng.uniform(0.8, 1.1) - 0.1 * np.sin(angle), np.float32)
            sprites.append(petal)
    image = paste((side, side), sprites)
    if style != "rose":
        disc = rng.uniform(0.15, 0.4)
        heart = hsv(rng.uniform(0.06, 0.17), rng.uniform(0.6, 1), rng.uniform(0.2, 0.95))
        light = 0.8 + 0.2 * fractal(rng, (side, side), 20) + 0.5 * (disc - reach) - 0.3 * dy
        core = premultiplied(heart * light[..., None], ramp(disc - reach, -0.02, 0.02))
        image = core + image * (1 - core[..., 3:])
    return Stamp(image, (side / 2, side / 2), (side / 2, 2))


def petals_of(rng: np.random.Generator, colour: Float) -> list[Stamp]:
    """Petals: plain blades of `colour`."""
    return [leaf(rng, vary(rng, colour, 0.08)) for _ in range(3)]


def tulip(rng: np.random.Generator, colour: Float) -> Stamp:
    """A cup of petals seen from the side, standing on its root."""
    side = 128
    petals = petals_of(rng, colour)
    sprites = []
    for offset in (0.28, -0.28, 0.14, -0.14, 0.0):
        petal = petals[rng.integers(3)].place(
            (side / 2 + 40 * offset, side * 0.94),
            -np.pi / 2 + offset * rng.uniform(0.6, 1.4),
            side * rng.uniform(0.78, 0.9),
            squeeze=rng.uniform(1.1, 1.5),
        )
        petal.gain = np.full(3, 1.05 - abs(offset) * 1.2, np.float32)
        sprites.append(petal)
    return Stamp(paste((side, side), sprites), (side / 2, side * 0.93), (side / 2, side * 0.08))
