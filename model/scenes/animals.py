"""A furry animal asleep: its body swells a little with its breath, its tufts go with it."""

from __future__ import annotations

import numpy as np

from .built import room
from .foliage import leaf
from .sprite import Sprite, swing
from .stage import Stage
from .stamp import Stamp, paste
from .texture import Float, fractal, grid, hsv, premultiplied, ramp, shade, vary


def animal(stage: Stage) -> None:
    """A curled body of overlapping fur tufts in a room."""
    rng, wind, (width, height) = stage.rng, stage.wind, stage.size
    stage.backdrop = room(rng, stage.size)
    coat = hsv(rng.normal(0.08, 0.02), rng.uniform(0.05, 0.6), rng.uniform(0.12, 0.85))
    tufts = [fur(rng, coat) for _ in range(5)]
    centre = np.array([rng.uniform(0.3, 0.7) * width, rng.uniform(0.45, 0.75) * height])
    axes = height * np.array([rng.uniform(0.3, 0.6), rng.uniform(0.15, 0.3)])
    stripes = np.exp(0.2 * fractal(rng, (64, 64), (8, 2)))
    breath = wind.twist(1)[0]
    stage.strength = 0.35
    flow = rng.choice([0.0, np.pi])
    stage.add(torso(rng, coat, centre, axes))
    count = int(rng.integers(150, 260))
    radius, turn = np.sqrt(rng.random(count)) * 0.97, rng.uniform(0, 2 * np.pi, count)
    ball = np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1)
    heart = rng.normal(0, 0.3, 2)
    for spot in ball[np.argsort(-np.cos(flow) * ball[:, 0] + 0.3 * ball[:, 1])]:
        lay = flow + np.cos(flow) * 0.9 * spot[1] + rng.normal(0, 0.2)
        tuft = tufts[rng.integers(len(tufts))].place(centre + axes * spot, lay, height * rng.uniform(0.06, 0.11))
        lift = np.exp(-3 * ((spot - heart) ** 2).sum())
        tuft.coefs[0] = lift * np.outer([0.3 * spot[0], -1 + 0.2 * spot[1]], breath)
        swing(tuft.coefs, 0.05 * lift * wind.twist(1)[0] / tuft.length, tuft.axis, tuft.length)
        mark = stripes[int(31.9 * (spot[1] + 1)), int(31.9 * (spot[0] + 1))]
        stage.add(tuft, gain=mark * (0.85 - 0.35 * spot[1] + rng.normal(0, 0.05)))


def torso(rng: np.random.Generator, coat: Float, centre: Float, axes: Float) -> Sprite:
    """The body under the fur, with its shadow on the floor."""
    side = 128
    x, y = grid((side, side))
    dx, dy = (x - 64) / 50, (y - 64) / 50
    light = 0.6 - 0.3 * dy + 0.1 * fractal(rng, (side, side), 12, gain=0.9)
    image = premultiplied(shade(coat, light), ramp(1 - np.hypot(dx, dy), 0, 0.06))
    shadow = 0.6 * np.exp(-(dx**2) - ((dy - 0.9) / 0.25) ** 2)
    image[..., 3] += (1 - image[..., 3]) * shadow
    stamp = Stamp(image, (64.0, 114.0), (64.0, 14.0))
    foot = centre + np.array([0, axes[1]])
    return stamp.place(foot, -np.pi / 2, 2 * axes[1], squeeze=axes[0] / axes[1])


def fur(rng: np.random.Generator, coat: Float) -> Stamp:
    """A patch of short hairs lying one way."""
    side = 96
    hairs = [leaf(rng, vary(rng, coat, 0.2), shape="narrow") for _ in range(2)]
    sprites = []
    for _ in range(26):
        at = np.array([rng.normal(side / 2, 16), rng.uniform(0.55, 1.0) * side])
        hair = hairs[rng.integers(2)].place(
            at, -np.pi / 2 + rng.normal(0, 0.15), rng.uniform(0.3, 0.55) * side, squeeze=0.5
        )
        hair.gain = np.full(3, rng.uniform(0.7, 1.2), np.float32)
        sprites.append(hair)
    return Stamp(paste((side, side), sprites), (side / 2, side - 6.0), (side / 2, 12.0))
