"""Leaf walls, ivy and close foliage: overlapping blades that each tremble on a stalk."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, bricks, dark, plaster, undergrowth
from .foliage import leaves
from .scene import Stage
from .sprite import still, swing


def leaf_wall(stage: Stage) -> None:
    """Leaves over a wall or dark gaps, covering all or part of the picture."""
    rng, wind, (width, height) = stage.rng, stage.wind, stage.size
    stage.backdrop = any_of(rng, stage.size, [dark, dark, undergrowth, bokeh, bricks, plaster])
    blades = leaves(rng, 6, str(rng.choice(["any", "any", "autumn", "dark"])))
    length = height * np.exp(rng.uniform(np.log(0.09), np.log(0.5)))
    cover = rng.uniform(1.0, 3.0)
    count = int(np.clip(cover * 2.6 * width * height / length**2, 12, 420))
    at = rng.uniform(-0.08, 1.08, (count, 2)) * [width, height]
    at = at[_inside_patch(stage, at)]
    droop = rng.normal(np.pi / 2, 0.4)
    at = at[np.argsort(-at[:, 1] * np.sign(np.sin(droop)) + rng.normal(0, 1.5 * length, len(at)))]
    count = len(at)
    moves = wind.at(at) + wind.own(count) * rng.uniform(0.2, 1.0)
    near = np.exp(rng.normal(0, 0.3, count))
    sigma = _focus(rng, count)
    spread = rng.uniform(0.2, 0.9)
    for i in range(count):
        blade = blades[rng.integers(len(blades))].place(
            at[i],
            droop + rng.normal(0, spread),
            length * rng.uniform(0.7, 1.2),
            mirror=bool(rng.random() < 0.5),
            sigma=sigma[i],
            squeeze=rng.uniform(0.6, 1),
        )
        coefs = still()
        coefs[0] = 0.5 * near[i] * moves[i]
        flutter = near[i] * wind.twist(2) * rng.uniform(0.2, 0.9)
        swing(coefs, flutter[0] / length, blade.axis, blade.length)
        coefs[1] += 0.6 * near[i] * moves[i] + 0.5 * np.outer(blade.axis, flutter[1])
        stage.add(blade, coefs, (0.35 + 0.65 * i / count) * np.exp(rng.normal(0, 0.1)))


def _inside_patch(stage: Stage, at: np.ndarray) -> np.ndarray:
    """Everywhere, or only within a ragged region: the rest stays bare and still."""
    rng, (width, height) = stage.rng, stage.size
    if rng.random() < 0.55:
        return np.ones(len(at), bool)
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.2, 0.15)
    side = (at / [width, height] - 0.5) @ [np.cos(angle), np.sin(angle)]
    return np.asarray(side + rng.normal(0, 0.06, len(at)) > offset)


def _focus(rng: np.random.Generator, count: int) -> np.ndarray:
    """Blur of each leaf, back (first) to front (last), px."""
    depth = np.linspace(1, 0, count)
    plane, strength = rng.choice([0.0, 0.15, 0.6]), rng.choice([0.0, 0.0, 4.0, 8.0])
    return np.asarray(strength * np.clip(np.abs(depth - plane) - 0.2, 0, 1))
