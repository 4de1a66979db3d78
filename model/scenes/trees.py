"""Trees: a trunk that hardly moves and a crown of sprays that do."""

from __future__ import annotations

import cv2
import numpy as np

from .backdrop import building, landscape, sky, undergrowth
from .foliage import cluster, leaf_colour, leaves
from .scene import Stage
from .sprite import Sprite, still, swing
from .stamp import Stamp
from .texture import Float, fractal, ramp


def tree(stage: Stage) -> None:
    """One to three trees before sky, hills, houses or woods."""
    rng, (width, height) = stage.rng, stage.size
    choices = [sky, landscape, landscape, building, undergrowth]
    stage.backdrop = choices[rng.integers(len(choices))](rng, stage.size)
    for _ in range(rng.choice([1, 1, 2, 3])):
        foot = np.array([rng.uniform(0.05, 0.95) * width, rng.uniform(0.8, 1.15) * height])
        reach = rng.uniform(0.25, 0.6) * height
        centre = np.array([foot[0] + rng.normal(0, 0.05) * width, foot[1] - rng.uniform(1.2, 1.7) * reach])
        stage.add(trunk(rng, foot, centre, reach * rng.uniform(0.04, 0.12)))
        crown(stage, foot, centre, reach)


def trunk(rng: np.random.Generator, foot: Float, top: Float, thickness: float) -> Sprite:
    """A tapering bark-covered stem from foot to top; still."""
    w, h = int(4 * thickness) + 8, int(np.hypot(*(foot - top))) + 4
    y = np.linspace(1, 0, h, dtype=np.float32)[:, None]
    x = np.arange(w, dtype=np.float32)[None] - w / 2
    half = thickness * (0.45 + 0.55 * y + 0.8 * np.clip(y - 0.85, 0, 1) * 6 * (y - 0.85))
    middle = thickness * 0.6 * np.sin(rng.uniform(1, 5) * y + rng.uniform(0, 6))
    alpha = ramp(half - np.abs(x - middle), -0.7, 0.7)
    bark = fractal(rng, (w, h), (w / 6, h / 40), gain=0.8)
    light = 0.75 + 0.25 * bark - rng.uniform(-0.4, 0.4) * (x - middle) / half
    tone = leaf_colour(rng) * 0.3 + rng.uniform(0.05, 0.3)
    image = np.dstack([np.clip(tone * light[..., None], 0, 1) * alpha[..., None], alpha])
    stamp = Stamp(image.astype(np.float32), (w / 2, h - 1.0), (w / 2, 0.0))
    angle = float(np.arctan2(*(top - foot)[::-1]))
    return stamp.place(foot, angle, float(np.hypot(*(foot - top))))


def crown(stage: Stage, foot: Float, centre: Float, reach: float) -> None:
    """Sprays in balls round the centre, back to front, darker inside and below."""
    rng, wind = stage.rng, stage.wind
    mood = str(rng.choice(["any", "any", "autumn", "dark"]))
    blades = leaves(rng, 4, mood)
    fine = rng.uniform(0.1, 0.22)
    sprays = [cluster(rng, blades, int(rng.integers(18, 40)), fine) for _ in range(4)]
    count = int(rng.integers(90, 280))
    balls = rng.normal(0, 0.42, (rng.integers(4, 12), 2)) * reach * [1.1, 0.8] + centre
    ball = rng.integers(len(balls), size=count)
    at = balls[ball] + rng.normal(0, 0.28, (count, 2)) * reach
    at = at[np.argsort(rng.random(count) + 0.4 * (at[:, 1] - centre[1]) / reach * -1)]
    lag = np.hypot(*(at - foot).T) / (1.5 * reach)
    moves = wind.at(at) + wind.own(count) * rng.uniform(0.1, 0.6)
    envelope = np.clip(lag, 0, 1.6) ** rng.uniform(1, 2)
    size = reach * rng.uniform(0.22, 0.4)
    for i in range(count):
        spray = sprays[rng.integers(len(sprays))].place(
            at[i], rng.uniform(-2.6, -0.5), size * rng.uniform(0.7, 1.3), mirror=bool(i % 2)
        )
        coefs = still()
        coefs[0] = moves[i] * envelope[i]
        swing(coefs, wind.twist(1)[0] * envelope[i] / size * 0.4, spray.axis, spray.length)
        depth = 0.45 + 0.6 * i / count - 0.25 * (at[i, 1] - centre[1]) / reach
        stage.add(spray, coefs, np.clip(depth, 0.15, 1.3))


def bough(rng: np.random.Generator, size: tuple[int, int], points: Float, thick: float) -> Sprite:
    """A still twig along a polyline (n, 2) px, as a sprite of the whole canvas."""
    image = np.zeros((size[1], size[0], 4), np.float32)
    tone = (leaf_colour(rng) * 0.25 + rng.uniform(0.03, 0.25)).tolist()
    for i in range(len(points) - 1):
        a, b = (tuple(int(v * 8) for v in p) for p in points[i : i + 2])
        width = max(1, round(thick * (1 - i / len(points))))
        cv2.line(image, a, b, (*tone, 1.0), width, cv2.LINE_AA, 3)
    base = np.eye(2, 3, dtype=np.float32)
    zero, up = np.zeros(2, np.float32), np.array([0, -1], np.float32)
    return Sprite(image, base, zero, up, 1.0)
