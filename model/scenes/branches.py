"""Branches close by: blossom, fruit, catkins or leaves on twigs that bend from their base."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, dark, landscape, sky, undergrowth
from .blooms import heads
from .built import wall
from .flowers import riding
from .foliage import leaf_mood, leaves
from .leaves import thicket
from .motion import Complex
from .sprite import BEND, Sprite, swing
from .stage import Stage
from .stamp import Stamp, paste
from .texture import Float, fractal, grid, hsv, premultiplied, ramp, shade, vary
from .trees import limb

DRESS = ("blossom", "fruit", "catkin", "leaves", "leaves", "grapes")


def branches(stage: Stage) -> None:
    """Two to seven boughs reaching in from one side, dressed alike."""
    rng, (width, height) = stage.rng, stage.size
    choices = [sky, sky, bokeh, bokeh, bokeh, undergrowth, landscape, wall, dark]
    stage.backdrop = any_of(rng, stage.size, choices)
    if rng.random() < 0.5:
        thicket(stage)
    dress = str(rng.choice(DRESS))
    bark = hsv(0.07, rng.uniform(0.1, 0.4), rng.uniform(0.12, 0.45))
    wardrobe = Wardrobe(rng, dress)
    side, shallow = rng.uniform(0, 2 * np.pi), rng.choice([0.0, 5.0])
    for i in range(rng.integers(3, 10)):
        # The bough comes in over the picture's edge, whichever edge lies on that side.
        way = np.array([np.cos(side), np.sin(side)])
        edge = 0.54 * way / np.abs(way).max() + rng.normal(0, 0.3) * np.array([-way[1], way[0]])
        edge *= max(1.0, 0.54 / np.abs(edge).max())
        foot = (0.5 + edge) * [width, height]
        aim = np.arctan2(-way[1] * height, -way[0] * width) + rng.normal(0, 0.4)
        long = rng.uniform(0.5, 1.1) * height
        tip = foot + long * np.array([np.cos(aim), np.sin(aim)])
        sigma = float(shallow * (i < 2))
        _bough(stage, foot, tip, bark, wardrobe, sigma)


class Wardrobe:
    """What grows on the twigs of one scene."""

    def __init__(self, rng: np.random.Generator, dress: str):
        self.dress = dress
        self.size = rng.uniform(0.09, 0.24) * (1.6 if dress == "grapes" else 1.0)
        self.blades = leaves(rng, 4, leaf_mood(rng))
        self.leafy = {"blossom": 0.3, "catkin": 0.0, "leaves": 3.0}.get(dress, 1.2)
        self.items: list[Stamp] = []
        if dress == "blossom":
            single = heads(rng, "five")
            self.items = [posy(rng, single) for _ in range(3)]
        elif dress == "fruit":
            tone = hsv(rng.choice([0.0, 0.04, 0.09, 0.14, 0.22, 0.8]), 0.75, rng.uniform(0.4, 0.9))
            self.items = [fruit(rng, vary(rng, tone, 0.1)) for _ in range(3)]
        elif dress == "grapes":
            tone = hsv(rng.choice([0.2, 0.75, 0.95]), rng.uniform(0.3, 0.6), rng.uniform(0.3, 0.8))
            self.items = [bunch(rng, fruit(rng, tone)) for _ in range(2)]
        elif dress == "catkin":
            tone = hsv(rng.uniform(0.1, 0.18), rng.uniform(0.3, 0.6), rng.uniform(0.5, 0.85))
            self.items = [catkin(rng, vary(rng, tone, 0.1)) for _ in range(3)]


def _bough(stage: Stage, foot: Float, tip: Float, bark: Float, wardrobe: Wardrobe, sigma: float) -> None:
    """A bough, its twigs, and what they bear."""
    rng, wind, height = stage.rng, stage.wind, stage.size[1]
    vigour = stage.vigour()
    bough = limb(rng, foot, tip, height * rng.uniform(0.008, 0.02), bark)
    sway = 0.5 * vigour * (wind.at(tip)[0] + 0.3 * wind.own(1)[0])
    bough.coefs[BEND] = sway
    stage.add(bough)
    for share in np.sort(rng.uniform(0.2, 1.0, int(rng.integers(5, 16)))):
        at = foot + share * (tip - foot)
        turn = float(np.arctan2(*(tip - foot)[::-1])) + rng.normal(0, 0.8)
        twig_tip = at + bough.length * rng.uniform(0.1, 0.3) * np.array([np.cos(turn), np.sin(turn)])
        twig = limb(rng, at, twig_tip, height * 0.005, bark)
        own = vigour * wind.twist(1)[0] * 0.1
        twig.coefs[:] = riding(sway, bough, float(share), twig, own)
        stage.add(twig)
        for spot in rng.uniform(0.2, 1, rng.poisson(wardrobe.leafy) + 1):
            _bear(stage, twig, float(spot), wardrobe, vigour, sigma)


def _bear(stage: Stage, twig: Sprite, spot: float, wardrobe: Wardrobe, vigour: float, sigma: float) -> None:
    """One leaf or one blossom, fruit or catkin at a spot of a twig."""
    rng, wind = stage.rng, stage.wind
    at = twig.root + spot * twig.length * twig.axis
    carried = twig.coefs[0] + spot * twig.coefs[1]
    size = stage.size[1] * wardrobe.size * rng.uniform(0.7, 1.2)
    hangs = wardrobe.dress in ("fruit", "grapes", "catkin")
    if wardrobe.items and rng.random() < 1 / (1 + 0.5 * wardrobe.leafy):
        stamp, angle = wardrobe.items[rng.integers(len(wardrobe.items))], rng.uniform(0, 6.3)
        angle = np.pi / 2 + rng.normal(0, 0.12) if hangs else angle
        size *= 1.4 if hangs else 0.7
    else:
        stamp = wardrobe.blades[rng.integers(len(wardrobe.blades))]
        angle = float(np.arctan2(*twig.axis[::-1])) + rng.normal(0, 1.0)
    thing = stamp.place(at, angle, size, sigma=sigma, squeeze=rng.uniform(0.7, 1))
    thing.coefs[0] = carried + 0.1 * vigour * wind.own(1)[0]
    theta: Complex = vigour * (0.25 * wind.twist(1)[0] - (0.5 * wind.at(at)[0, 0] if hangs else 0))
    swing(thing.coefs, theta / thing.length, thing.axis, thing.length)
    stage.add(thing, gain=np.exp(rng.normal(-0.1, 0.15)))


def fruit(rng: np.random.Generator, colour: Float) -> Stamp:
    """A berry, apple or cherry with a highlight; hangs from its stalk."""
    side = 64
    x, y = grid((side, side))
    dx, dy = (x - side / 2) / 24, (y - 34) / 26
    reach = np.hypot(dx, dy)
    glint = np.exp(-((dx + 0.3) ** 2 + (dy + 0.35) ** 2) / 0.03) * rng.uniform(0.1, 0.7)
    light = 1.05 - 0.5 * reach**2 - 0.3 * dy - 0.25 * dx + 0.06 * fractal(rng, (side, side), 5)
    tone = shade(colour, light) + glint[..., None]
    return Stamp(premultiplied(tone, ramp(1 - reach, -0.03, 0.03)), (side / 2, 4.0), (side / 2, 60.0))


def bunch(rng: np.random.Generator, berry: Stamp) -> Stamp:
    """Grapes: berries piled in a tapering bunch, the front ones lighter."""
    side = 160
    sprites = []
    for i in range(int(rng.integers(35, 60))):
        down = rng.random() ** 0.8
        at = [side / 2 + rng.normal(0, 0.2) * side * (1.1 - down), 8 + down * (side - 40)]
        one = berry.place(np.array(at), np.pi / 2 + rng.normal(0, 0.3), rng.uniform(18, 24))
        one.gain = np.full(3, 0.55 + 0.5 * i / 60, np.float32)
        sprites.append(one)
    return Stamp(paste((side, side), sprites), (side / 2, 6.0), (side / 2, side - 10.0))


def posy(rng: np.random.Generator, single: list[Stamp]) -> Stamp:
    """A cluster of small blossoms."""
    side = 128
    sprites = []
    for i in range(int(rng.integers(8, 16))):
        turn, reach = rng.uniform(0, 6.3), 0.36 * side * np.sqrt(rng.random())
        at = side / 2 + reach * np.array([np.cos(turn), np.sin(turn)])
        one = single[i % len(single)].place(at, rng.uniform(0, 6.3), 17.0)
        one.gain = np.full(3, 0.75 + 0.3 * i / 16, np.float32)
        sprites.append(one)
    return Stamp(paste((side, side), sprites), (side / 2, side / 2), (side / 2, 4.0))


def catkin(rng: np.random.Generator, colour: Float) -> Stamp:
    """A hanging tail of scales."""
    w, h = 28, 128
    x, y = grid((w, h))
    half = 9 * np.sin(np.pi * np.clip((y - 2) / (h - 4), 0, 1)).clip(0) ** 0.35
    scales = np.cos(2 * np.pi * (y / 6 + np.abs(x - w / 2) / 8)) * 0.15
    light = 0.9 + scales - 0.4 * (x - w / 2) / 10 + 0.08 * fractal(rng, (w, h), (4, 16), 0.8)
    image = premultiplied(shade(colour, light), ramp(half - np.abs(x - w / 2), -1, 1))
    return Stamp(image, (w / 2, 3.0), (w / 2, h - 4.0))
