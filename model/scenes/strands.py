"""Long hair, fringes and willow: locks that hang, bend and wave."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, dark, sky, undergrowth
from .foliage import leaf_colour
from .grass import tuft, waving
from .stage import Stage
from .texture import hsv, vary


def strands(stage: Stage) -> None:
    """A curtain of locks, parted somewhere."""
    rng, (width, height) = stage.rng, stage.size
    stage.backdrop = any_of(rng, stage.size, [bokeh, dark, undergrowth, sky])
    hue, value = rng.normal(0.08, 0.02), rng.choice([0.12, 0.3, 0.6, 0.8])
    willow = rng.random() < 0.35
    colour = leaf_colour(rng, "fresh") if willow else hsv(hue, rng.uniform(0.2, 0.6), value)
    fine = 0.3 if willow else 0.12
    locks = [tuft(rng, vary(rng, colour, 0.1), rng.uniform(0.02, 0.1), fine) for _ in range(4)]
    left, right = np.sort(rng.uniform(-0.1, 1.1, 2)) + np.array([-0.1, 0.1])
    top, tall = rng.uniform(-0.35, 0.05) * height, height * rng.uniform(0.6, 1.2)
    vigour, part = stage.vigour(), rng.uniform(left, right)
    for _ in range(int(rng.integers(40, 110))):
        share = rng.uniform(left, right)
        root = np.array([share * width, top + 0.2 * height * (share - part) ** 2 + rng.normal(0, 6)])
        lean = np.pi / 2 + 0.5 * (part - share) + rng.normal(0, 0.06)
        lock = locks[rng.integers(len(locks))].place(root, lean, tall * rng.uniform(0.6, 1.1))
        waving(stage, lock, vigour)
        stage.add(lock, gain=rng.uniform(0.6, 1.2))
