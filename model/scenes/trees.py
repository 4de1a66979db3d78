"""Trees: a trunk that stays, boughs that bend, and a crown of sprays that tremble on them."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, landscape, sky, undergrowth
from .built import street
from .foliage import leaf_colour, leaves, mass, spray
from .motion import Complex
from .sprite import BEND, SHIFT, Sprite, swing
from .stage import Stage
from .stamp import Stamp
from .texture import Float, fractal, hsv, premultiplied, ramp, shade


def tree(stage: Stage) -> None:
    """One to four trees before sky, hills, houses or woods; each with its own share of wind."""
    rng, (width, height) = stage.rng, stage.size
    stage.backdrop = any_of(rng, stage.size, [sky, landscape, landscape, landscape, street, undergrowth])
    near = rng.uniform(0.5, 1.3)
    for i in range(rng.choice([1, 1, 2, 3, 4])):
        reach = near * height * (1.0 if i == 0 else rng.uniform(0.3, 0.9))
        foot = np.array([rng.uniform(-0.05, 1.05) * width, rng.uniform(0.82, 1.0) * height])
        foot[1] += 0.35 * reach
        centre = foot + np.array([rng.normal(0, 0.04) * width, -rng.uniform(0.8, 1.5) * reach])
        one_tree(stage, foot, centre, reach)


def one_tree(stage: Stage, foot: Float, centre: Float, reach: float) -> None:
    """Trunk, then boughs and balls of leaves from the back to the front."""
    rng = stage.rng
    vigour = stage.vigour()
    bark = hsv(0.08, rng.uniform(0.1, 0.4), rng.uniform(0.12, 0.4))
    fork = foot + rng.uniform(0.4, 0.7) * (centre - foot)
    stage.add(limb(rng, foot, fork, reach * rng.uniform(0.04, 0.12), bark, flare=1.0))
    mood = str(rng.choice(["fresh", "deep", "deep", "autumn"]))
    base = leaf_colour(rng, mood)
    blades = leaves(rng, 4, mood)
    blade = rng.uniform(0.06, 0.14)
    sprays = [spray(rng, blades, int(0.7 / blade**1.5), blade) for _ in range(3)]
    core = mass(rng, base)
    count = int(rng.integers(5, 14))
    wide = rng.uniform(0.8, 1.3)
    balls = np.clip(rng.normal(0, 0.42, (count, 3)), -0.8, 0.8) * [wide, 0.8, 1]
    balls[0] = 0
    light = np.array([rng.uniform(-0.8, 0.8), -0.7, 0.6])
    for ball in balls[np.argsort(balls[:, 2])]:
        at = centre + reach * ball[:2]
        tip_sway = vigour * bough_sway(stage, at, fork, reach)
        bough = limb(rng, fork, at, reach * 0.03, bark)
        bough.coefs[BEND] = tip_sway
        stage.add(bough, gain=0.7)
        lit = float(0.85 + 0.3 * (ball @ light))
        _ball(stage, at, reach * rng.uniform(0.28, 0.42), tip_sway, core, sprays, lit)


def bough_sway(stage: Stage, at: Float, fork: Float, reach: float) -> Complex:
    """Sway (2, 15) of a bough's end: more, the farther from the trunk."""
    envelope = 0.3 + min(1.5, float(np.hypot(*(at - fork))) / reach)
    own = stage.wind.own(1)[0] * stage.rng.uniform(0.1, 0.5)
    return np.asarray(envelope * (stage.wind.at(at)[0] + own), np.complex64)


def _ball(
    stage: Stage,
    at: Float,
    radius: float,
    sway: Complex,
    core: Stamp,
    sprays: list[Stamp],
    lit: float,
) -> None:
    """A ball of sprays round a dark inside; they ride on their bough and add their own."""
    rng, wind = stage.rng, stage.wind
    inside = core.place(at + np.array([0, radius]), -np.pi / 2, 2 * radius, mirror=bool(rng.random() < 0.5))
    inside.coefs[SHIFT] = sway
    stage.add(inside, gain=0.6 * max(lit, 0.3))
    count = int(rng.integers(10, 20) * min(1.0, 0.4 + radius / 60))
    ball = rng.standard_normal((count, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    ball = ball[np.argsort(ball[:, 2])] * rng.uniform(0.5, 1, (count, 1))
    places = at + radius * ball[:, :2]
    own = wind.own(count) * rng.uniform(0.05, 0.5)
    local = wind.at(places) - wind.at(at) + own
    strength = float(np.abs(sway).sum() / max(np.abs(wind.at(at)).sum(), 1e-6))
    turns = wind.twist(count) * strength * rng.uniform(0.1, 0.5)
    for i in range(count):
        tuft = sprays[rng.integers(len(sprays))].place(
            places[i], rng.uniform(-2.6, -0.5), radius * rng.uniform(0.5, 0.85), mirror=bool(i % 2)
        )
        tuft.coefs[SHIFT] = sway + strength * local[i]
        swing(tuft.coefs, turns[i] / tuft.length, tuft.axis, tuft.length)
        facing = 0.25 * ball[i, 2] - 0.3 * ball[i, 1]
        stage.add(tuft, gain=np.clip(lit + facing + rng.normal(0, 0.06), 0.12, 1.5))


def limb(
    rng: np.random.Generator,
    foot: Float,
    tip: Float,
    thick: float,
    bark: Float,
    *,
    flare: float = 0.0,
) -> Sprite:
    """A tapering bark-covered trunk or bough from foot to tip, still until it is given a sway."""
    length = float(np.hypot(*(tip - foot)))
    w, h = int(4 * thick) + 8, max(int(length), 6)
    y = np.linspace(1, 0, h, dtype=np.float32)[:, None]
    x = np.arange(w, dtype=np.float32)[None] - w / 2
    half = thick * (0.35 + 0.55 * y + flare * 40 * np.clip(y - 0.88, 0, 1) ** 2)
    middle = thick * 0.5 * np.sin(rng.uniform(1, 5) * y + rng.uniform(0, 6))
    relief = fractal(rng, (w, h), (max(2, w / 5), max(2, h / 30)), gain=0.85)
    light = 0.85 + 0.2 * relief - rng.uniform(-0.45, 0.45) * (x - middle) / half
    image = premultiplied(shade(bark, light), ramp(half - np.abs(x - middle), -0.7, 0.7))
    stamp = Stamp(image, (w / 2, h - 1.0), (w / 2, 0.0))
    return stamp.place(foot, float(np.arctan2(tip[1] - foot[1], tip[0] - foot[0])), length)
