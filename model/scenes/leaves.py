"""Leaf walls, ivy and close foliage: overlapping blades that each tremble on a stalk."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, dark, undergrowth
from .built import bricks, plaster
from .foliage import leaf_colour, leaf_mood, leaf_shape, leaves, mass
from .motion import Complex
from .sprite import ACROSS, ALONG, SHIFT, swing
from .stage import Stage
from .texture import Float


def leaf_wall(stage: Stage) -> None:
    """Leaves over a wall or dark gaps, covering all or part of the picture."""
    rng, (width, height) = stage.rng, stage.size
    choices = [dark, dark, undergrowth, undergrowth, bokeh, bokeh, bricks, plaster]
    stage.backdrop = any_of(rng, stage.size, choices)
    mood = leaf_mood(rng)
    length = height * np.exp(rng.uniform(np.log(0.1), np.log(0.6)))
    shape = leaf_shape(rng)
    cover = rng.uniform(2.0, 5.0) * (2.5 if shape == "narrow" else 1.0)
    count = int(np.clip(cover * 2.6 * width * height / length**2, 14, 420))
    at = rng.uniform(-0.1, 1.1, (count, 2)) * [width, height]
    at = at[_inside_patch(stage, at)]
    if rng.random() < 0.3:
        thicket(stage)
    elif rng.random() < 0.6:
        _inner(stage, at, length, mood)
    down = rng.normal(np.pi / 2, 0.4)
    rank = -at[:, 1] * np.sign(np.sin(down)) + rng.normal(0, 1.5 * length, len(at))
    grow(stage, at[np.argsort(rank)], length, down, mood, shape)


def thicket(stage: Stage) -> None:
    """Out-of-focus foliage that fills the background and sways as one with the wind."""
    rng, wind, (width, height) = stage.rng, stage.wind, stage.size
    mood, sigma = leaf_mood(rng), rng.uniform(2, 10)
    colour = leaf_colour(rng, mood)
    lumps = [mass(rng, colour * rng.uniform(0.5, 1.6)) for _ in range(2)]
    lumps += leaves(rng, 3, mood)
    size = height * rng.uniform(0.25, 0.6)
    count = int(rng.integers(16, 44))
    at = rng.uniform(-0.1, 1.1, (count, 2)) * [width, height]
    vigour = stage.vigour() * rng.uniform(0.3, 0.9)
    moves = vigour * (wind.at(at) + rng.uniform(0, 0.4) * wind.own(count))
    for i in range(count):
        lump = lumps[rng.integers(len(lumps))].place(
            at[i], rng.uniform(0, 6.3), size * rng.uniform(0.5, 1.2), sigma=sigma
        )
        lump.coefs[SHIFT] = moves[i]
        stage.add(lump, gain=np.exp(rng.normal(-0.2, 0.4)))


def grow(stage: Stage, at: Float, length: float, down: float, mood: str, shape: str) -> None:
    """Blades rooted at points (N, 2), back to front, hanging towards angle `down`."""
    rng, wind, count = stage.rng, stage.wind, len(at)
    blades = leaves(rng, 6, mood, shape)
    moves = wind.at(at) + wind.own(count) * rng.uniform(0.05, 0.6)
    flutter = wind.twist(2 * count).reshape(2, count, 15) * rng.uniform(0.05, 0.5)
    vigour = stage.vigour() * np.exp(rng.normal(0, 0.3, count))
    sigma, spread = _focus(rng, count), rng.uniform(0.2, 0.8)
    for i in range(count):
        blade = blades[rng.integers(len(blades))].place(
            at[i],
            down + rng.normal(0, spread),
            length * rng.uniform(0.65, 1.2),
            mirror=bool(rng.random() < 0.5),
            sigma=sigma[i],
            squeeze=rng.uniform(0.6, 1),
        )
        _tremble(blade.coefs, vigour[i] * moves[i], blade.axis)
        swing(blade.coefs, vigour[i] * flutter[0, i] / length, blade.axis, blade.length)
        blade.coefs[ACROSS, 1] += 0.3 * vigour[i] * flutter[1, i]
        stage.add(blade, gain=(0.35 + 0.65 * (i + 1) / count) * np.exp(rng.normal(0, 0.12)))


def _tremble(coefs: Complex, move: Complex, axis: Float) -> None:
    """The stalk carries half the motion; the rest grows to the tip and shortens the blade a bit."""
    coefs[SHIFT] = 0.55 * move
    coefs[ALONG] += 0.6 * move + 0.2 * np.outer(axis, move.sum(0))


def _inside_patch(stage: Stage, at: Float) -> np.ndarray:
    """Everywhere, or only within a ragged region: the rest stays bare and still."""
    rng, (width, height) = stage.rng, stage.size
    if rng.random() < 0.7:
        return np.ones(len(at), bool)
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.25, 0.12)
    side = (at / [width, height] - 0.5) @ [np.cos(angle), np.sin(angle)]
    return np.asarray(side + rng.normal(0, 0.06, len(at)) > offset)


def _inner(stage: Stage, at: Float, length: float, mood: str) -> None:
    """Dim foliage behind the blades; it hardly moves."""
    core = mass(stage.rng, leaf_colour(stage.rng, mood) * 0.5)
    for spot in at[:: max(1, len(at) // 40)]:
        lump = core.place(spot, stage.rng.uniform(0, 6), 2.5 * length, sigma=0.03 * length)
        stage.add(lump, gain=stage.rng.uniform(0.3, 0.8))


def _focus(rng: np.random.Generator, count: int) -> Float:
    """Blur of each leaf, back (first) to front (last), px."""
    depth = np.linspace(1, 0, count)
    plane, strength = rng.choice([0.0, 0.15, 0.6]), rng.choice([0.0, 0.0, 4.0, 8.0])
    return np.asarray(strength * np.clip(np.abs(depth - plane) - 0.2, 0, 1))
