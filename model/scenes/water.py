"""Water plants: ribbons and feathery stems that wave over still gravel and stones."""

from __future__ import annotations

import numpy as np

from .flowers import riding, stem
from .foliage import leaf_colour, leaves
from .grass import tuft, waving
from .motion import Complex
from .props import stone
from .sprite import BEND
from .stage import Stage
from .stamp import Stamp
from .texture import Float, blend, fractal, grid, hsv, shade


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
    for _ in range(rng.integers(3, 7)):
        _stand(stage, bed)


def _stand(stage: Stage, bed: int) -> None:
    """One species in one place."""
    rng, (width, height) = stage.rng, stage.size
    feathery = rng.random() < 0.5
    colour = leaf_colour(rng, str(rng.choice(["fresh", "fresh", "deep", "autumn"])))
    blades = leaves(rng, 3, "fresh", "ovate")
    kinds = [tuft(rng, colour, rng.uniform(0.05, 0.3)) for _ in range(2)]
    middle, vigour = rng.uniform(0, width), stage.vigour()
    tall = height * rng.uniform(0.4, 1.0)
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


def _feather(stage: Stage, foot: Float, tall: float, green: Float, blades: list[Stamp], vigour: float) -> None:
    """An upright stem with small leaves in pairs."""
    rng, wind = stage.rng, stage.wind
    tip = foot + np.array([rng.normal(0, 0.12) * tall, -tall])
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
            own = vigour * wind.twist(1)[0] * 0.1
            stage.add(blade, riding(sway, stalk, height, blade, own), rng.uniform(0.7, 1.2))
