"""One plant in a pot: the only thing in a still room that moves."""

from __future__ import annotations

import numpy as np

from .blooms import STYLES
from .built import room
from .flowers import Bed, riding, stem
from .props import pot
from .sprite import BEND, still
from .stage import Stage
from .texture import Float


def pot_plant(stage: Stage) -> None:
    """One plant in a still pot in a still room; only its stems and leaves move."""
    rng, (width, height) = stage.rng, stage.size
    stage.backdrop = room(rng, stage.size)
    bed = Bed(rng, str(rng.choice(STYLES)))
    bed.leafy, bed.long = rng.uniform(2, 9), rng.uniform(0.2, 0.5)
    rim = np.array([rng.uniform(0.25, 0.75) * width, rng.uniform(0.6, 0.95) * height])
    wide = rng.uniform(0.1, 0.28) * height
    vigour = stage.vigour() + 0.3
    flowering = rng.random() < 0.4
    for _ in range(rng.integers(2, 12)):
        tall = rng.uniform(0.5, 1.1) * rim[1]
        tip = rim + np.array([rng.normal(0, 0.35) * tall, -tall])
        foot = rim + np.array([rng.uniform(-0.6, 0.6) * wide, 4])
        _potted(stage, bed, foot, tip, vigour, head=flowering)
    stage.add(pot(rng, rim, wide))


def _potted(stage: Stage, bed: Bed, foot: Float, tip: Float, vigour: float, *, head: bool) -> None:
    """A stem with leaves on both sides and at its end, perhaps with a head."""
    rng, wind = stage.rng, stage.wind
    stalk = stem(rng, foot, tip, rng.uniform(1.5, 4), bed.green, 0.0)
    sway = vigour * (0.7 * wind.at(tip)[0] + wind.own(1)[0])
    stalk.coefs[BEND] = sway
    stage.add(stalk)
    heights = np.sort(np.append(rng.uniform(0.2, 1, rng.poisson(bed.leafy)), 1.0))
    for height in heights:
        upright = float(np.arctan2(*(tip - foot)[::-1]))
        blade = bed.blades[rng.integers(len(bed.blades))].place(
            foot + height * (tip - foot),
            upright + rng.uniform(-1.7, 1.7),
            stalk.length * bed.long * rng.uniform(0.6, 1.2),
            squeeze=rng.uniform(0.5, 1),
        )
        own = vigour * wind.twist(1)[0] * 0.5
        stage.add(blade, riding(sway, stalk, float(height), blade, own), rng.uniform(0.6, 1.05))
    if head:
        size = stalk.length * rng.uniform(0.12, 0.25)
        bloomed = bed.heads[0].place(tip, float(rng.uniform(-2.2, -0.9)), size)
        stage.add(bloomed, riding(sway, stalk, 1.0, bloomed, still()[0, 0]))
