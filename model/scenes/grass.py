"""Grass, meadows, crops, reeds and water plants: tufts that bend or wave from the ground."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, dark, landscape, sky, undergrowth
from .blooms import heads
from .built import street
from .flowers import riding, stem
from .foliage import leaf, leaf_colour, leaves
from .motion import Complex
from .sprite import BEND, COSINE, SINE, Sprite
from .stage import Stage
from .stamp import Stamp, paste
from .texture import Float, blend, fractal, grid, hsv, shade, vary


def meadow(stage: Stage) -> None:
    """Rows of tufts from the horizon to the lens, some in flower or ear."""
    rng, (width, height) = stage.rng, stage.size
    stage.backdrop = any_of(
        rng, stage.size, [landscape, landscape, bokeh, undergrowth, sky, street]
    )
    mood = str(rng.choice(["fresh", "fresh", "deep", "dry"]))
    tufts = [tuft(rng, leaf_colour(rng, mood), rng.uniform(0.15, 0.6)) for _ in range(4)]
    far, near = rng.uniform(0.2, 0.75), rng.uniform(1.0, 1.2)
    tall = height * rng.uniform(0.2, 0.6)
    count = int(rng.integers(60, 220))
    depth = np.sort(rng.random(count)) ** rng.uniform(0.7, 1.3)
    feet = np.stack(
        [rng.uniform(-0.05, 1.05, count) * width, height * (far + (near - far) * depth)], 1
    )
    moves = stage.vigour() * (stage.wind.at(feet) + stage.wind.own(count) * rng.uniform(0.1, 0.6))
    shallow, blooming = rng.choice([0.0, 0.0, 3.0, 7.0]), rng.choice([0.0, 0.0, 0.15, 0.5])
    flowers = heads(rng, str(rng.choice(["daisy", "five", "umbel", "puff"])))
    for i in range(count):
        size = tall * (0.25 + 0.75 * depth[i]) * rng.uniform(0.7, 1.2)
        sigma = float(shallow * np.clip(np.abs(depth[i] - 0.75) * 1.5 - 0.15, 0, 1))
        lean = -np.pi / 2 + rng.normal(0, 0.12)
        stalk = tufts[rng.integers(len(tufts))].place(
            feet[i], lean, size, mirror=bool(i % 2), sigma=sigma
        )
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


def tuft(rng: np.random.Generator, colour: Float, spread: float) -> Stamp:
    """A dozen blades from one foot, fanned out by `spread` radians."""
    side = 160
    blades = leaves_like(rng, colour)
    foot = np.array([side / 2, side - 4.0])
    sprites = []
    for i in range(int(rng.integers(9, 22))):
        at = foot + [rng.normal(0, 12), 0]
        lean = rng.normal(0, spread)
        blade = blades[i % len(blades)].place(
            at, -np.pi / 2 + lean, side * rng.uniform(0.5, 0.95), squeeze=rng.uniform(0.3, 0.7)
        )
        blade.gain = np.full(3, rng.uniform(0.5, 1.15), np.float32)
        sprites.append(blade)
    return Stamp(paste((side, side), sprites), (foot[0], foot[1]), (foot[0], 12.0))


def leaves_like(rng: np.random.Generator, colour: Float) -> list[Stamp]:
    """Narrow blades near one colour."""
    return [leaf(rng, vary(rng, colour, 0.15), shape="narrow") for _ in range(4)]


def water_plants(stage: Stage) -> None:
    """An aquarium or river bed: ribbons, feathery stems and still stones in green water."""
    rng, (width, height) = stage.rng, stage.size
    y = grid(stage.size)[1] / height
    hue = rng.uniform(0.3, 0.58)
    deep, lit = hsv(hue, 0.7, rng.uniform(0.02, 0.15)), hsv(hue, 0.5, rng.uniform(0.05, 0.5))
    murk = np.clip(y + 0.12 * fractal(rng, stage.size, 2), 0, 1)
    stage.backdrop = blend([lit, deep], murk)
    bed = int(height * rng.uniform(0.75, 1.0))
    if bed < height - 6:
        gravel = fractal(rng, (width, height - bed), (30, 60), gain=1.0)
        stage.backdrop[bed:] = shade(hsv(0.09, 0.3, 0.35), np.exp(0.4 * gravel))
    for _ in range(rng.integers(0, 5)):
        stage.add(stone(rng, np.array([rng.uniform(0, width), bed + 8.0]), 0.15 * height))
    for _ in range(rng.integers(2, 6)):
        _stand(stage, bed)


def _stand(stage: Stage, bed: int) -> None:
    """One species in one place."""
    rng, (width, height) = stage.rng, stage.size
    feathery = rng.random() < 0.5
    colour = leaf_colour(rng, str(rng.choice(["fresh", "fresh", "deep", "autumn"])))
    blades = leaves(rng, 3, "fresh", "ovate")
    kinds = [tuft(rng, colour, rng.uniform(0.05, 0.3)) for _ in range(2)]
    middle, vigour = rng.uniform(0, width), stage.vigour()
    tall = height * rng.uniform(0.25, 0.9)
    for _ in range(rng.integers(3, 14)):
        foot = np.array([middle + rng.normal(0, 0.1) * width, bed + rng.uniform(-4, 0.1 * height)])
        size = tall * rng.uniform(0.6, 1.1)
        light = rng.uniform(0.5, 1.2)
        if feathery:
            _feather(stage, foot, size, colour * 0.8, blades, vigour)
            continue
        ribbon = kinds[rng.integers(2)].place(foot, -np.pi / 2 + rng.normal(0, 0.1), size)
        waving(stage, ribbon, vigour)
        stage.add(ribbon, gain=light)


def waving(stage: Stage, ribbon: Sprite, vigour: float) -> None:
    """Bend with the current, with a wave climbing to the tip."""
    rng, wind = stage.rng, stage.wind
    ribbon.wave = (rng.uniform(2, 6), 0.0)
    sway = vigour * (wind.at(ribbon.root)[0] + 0.4 * wind.own(1)[0])
    ribbon.coefs[BEND] = 0.7 * sway
    climb = 0.5 * vigour * wind.at(ribbon.root)[0]
    ribbon.coefs[COSINE], ribbon.coefs[SINE] = climb, -1j * climb


def _feather(
    stage: Stage, foot: Float, tall: float, green: Float, blades: list[Stamp], vigour: float
) -> None:
    """An upright stem with small leaves in pairs."""
    rng, wind = stage.rng, stage.wind
    tip = foot + [rng.normal(0, 0.12) * tall, -tall]
    stalk = stem(rng, foot, tip, 1.5, green, 0.0)
    sway: Complex = vigour * (wind.at(tip)[0] + 0.3 * wind.own(1)[0])
    stalk.coefs[BEND] = sway
    stage.add(stalk)
    for height in np.linspace(0.1, 1, int(rng.integers(7, 14))):
        for side in (-1, 1):
            blade = blades[rng.integers(len(blades))].place(
                foot + height * (tip - foot),
                -np.pi / 2 + side * rng.uniform(0.5, 1.4) * (1.1 - 0.6 * height),
                tall * rng.uniform(0.06, 0.14),
            )
            own = vigour * wind.twist(1)[0] * 0.2
            stage.add(blade, riding(sway, stalk, height, blade, own), rng.uniform(0.7, 1.2))


def stone(rng: np.random.Generator, foot: Float, size: float) -> Sprite:
    """A boulder; still."""
    side = 96
    x, y = grid((side, side))
    dx, dy = x / (side / 2) - 1, y / (side / 2) - 1
    noise = fractal(rng, (side, side), 3, gain=0.6)
    reach = np.hypot(dx * rng.uniform(0.8, 1.1), dy * rng.uniform(1.0, 1.6))
    light = (
        0.8 - 0.35 * dy + rng.uniform(-0.3, 0.3) * dx + 0.18 * fractal(rng, (side, side), 9, 0.85)
    )
    tone = hsv(0.09, rng.uniform(0.02, 0.25), rng.uniform(0.2, 0.7))
    alpha = np.clip((0.85 - reach + 0.07 * noise) * 24, 0, 1)
    image = np.dstack([shade(tone, light) * alpha[..., None], alpha]).astype(np.float32)
    sprite = Stamp(image, (side / 2, side - 16.0), (side / 2, 10.0)).place(
        foot, -np.pi / 2, size * rng.uniform(0.4, 1.3)
    )
    return sprite


def strands(stage: Stage) -> None:
    """Long hair, fringes, horse tails and willow: locks that hang, bend and wave."""
    rng, (width, height) = stage.rng, stage.size
    stage.backdrop = any_of(rng, stage.size, [bokeh, dark, undergrowth, sky])
    hue, value = rng.normal(0.08, 0.02), rng.choice([0.12, 0.3, 0.6, 0.8])
    willow = rng.random() < 0.35
    colour = leaf_colour(rng, "fresh") if willow else hsv(hue, rng.uniform(0.2, 0.6), value)
    locks = [tuft(rng, colour, rng.uniform(0.02, 0.12)) for _ in range(4)]
    left, right = np.sort(rng.uniform(-0.1, 1.1, 2)) + [-0.1, 0.1]
    top, tall = rng.uniform(-0.1, 0.35) * height, height * rng.uniform(0.4, 0.9)
    vigour, part = stage.vigour(), rng.uniform(left, right)
    for _ in range(int(rng.integers(40, 110))):
        share = rng.uniform(left, right)
        root = np.array(
            [share * width, top + 0.2 * height * (share - part) ** 2 + rng.normal(0, 6)]
        )
        lean = np.pi / 2 + 0.5 * (part - share) + rng.normal(0, 0.06)
        lock = locks[rng.integers(len(locks))].place(root, lean, tall * rng.uniform(0.6, 1.1))
        waving(stage, lock, vigour)
        stage.add(lock, gain=rng.uniform(0.6, 1.2))
