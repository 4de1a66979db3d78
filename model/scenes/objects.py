"""Things that never move: whole still pictures, and clutter to stand about in moving ones."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, dark, landscape
from .blooms import heads
from .built import bricks, planks, plaster, room, street
from .flowers import pot
from .foliage import leaf_mood, leaves, spray
from .grass import stone
from .sprite import Sprite
from .stage import Stage
from .stamp import Stamp, paste
from .texture import Float, blur, fractal, grid, hsv, premultiplied, ramp, shade, vary, write


def objects(stage: Stage) -> None:
    """Houses, rooms, things on tables, pages: nothing here moves."""
    rng, (width, height) = stage.rng, stage.size
    choices = [street, street, room, room, plaster, planks, bricks, landscape, bokeh, dark]
    stage.backdrop = any_of(rng, stage.size, choices)
    if rng.random() < 0.7:
        edge = int(height * rng.uniform(0.55, 0.85))
        top = planks if rng.random() < 0.6 else plaster
        stage.backdrop[edge:] = top(rng, (width, height - edge))
        for _ in range(rng.integers(1, 9)):
            foot = np.array([rng.uniform(0, width), edge + rng.uniform(0.02, 0.15) * height])
            stage.add(thing(rng, foot, rng.uniform(0.1, 0.4) * height))
    if rng.random() < 0.4:
        lettering(rng, stage.backdrop)


def clutter(stage: Stage) -> None:
    """Still things of every sort, some with the very textures that elsewhere move."""
    rng, (width, height) = stage.rng, stage.size
    for _ in range(rng.integers(1, 5)):
        foot = np.array([rng.uniform(0, width), rng.uniform(0.7, 1.1) * height])
        size = rng.uniform(0.08, 0.35) * height
        pick = rng.integers(6)
        if pick == 0:
            stage.add(stone(rng, foot, size))
        elif pick == 1:
            stage.add(post(rng, foot, size))
        elif pick == 2:
            stage.add(pot(rng, foot - [0, size], size * 0.4))
        elif pick == 3:
            stage.add(picture(rng, foot - [0, 0.5 * height], size))
        else:
            stage.add(thing(rng, foot, size))


def thing(rng: np.random.Generator, foot: Float, size: float) -> Sprite:
    """A ball, box, bottle or cup, with a shine and a contact shadow."""
    side = 128
    x, y = grid((side, side))
    u, v = (x - side / 2) / 44, (y - side / 2) / 44
    power = rng.choice([2, 2.5, 4, 10])
    narrow = rng.uniform(0.3, 1)
    neck = rng.choice([0.0, rng.uniform(0.3, 0.7)])
    half = narrow * (1 - neck * ramp(-v, 0.2, 0.6))
    inside = 1 - np.abs(u / half) ** power - np.abs(v) ** power
    tone = hsv(rng.random(), rng.uniform(0, 0.8) ** 1.3, rng.uniform(0.1, 0.95))
    light = 0.9 - 0.4 * u * rng.choice([-1, 1]) - 0.2 * v
    light = light + rng.uniform(0, 0.12) * fractal(rng, (side, side), rng.uniform(2, 20), 0.8)
    shine = np.exp(-(((u + 0.35 * narrow) / 0.1) ** 2)) * rng.uniform(0, 0.4)
    image = premultiplied(shade(tone, light) + shine[..., None], ramp(inside, 0, 0.12))
    shadow = 0.5 * np.exp(-((u / narrow) ** 2) - ((v - 1) / 0.12) ** 2)
    image[..., 3] += (1 - image[..., 3]) * shadow
    return Stamp(image, (side / 2, side / 2 + 44.0), (side / 2, side / 2 - 44.0)).place(
        foot, -np.pi / 2, size
    )


def post(rng: np.random.Generator, foot: Float, size: float) -> Sprite:
    """A wooden or metal post."""
    w, h = int(rng.uniform(6, 24)), int(3 * size)
    x, _ = grid((w, h))
    light = 1 - 0.5 * np.abs(x / w - rng.uniform(0.2, 0.8))
    light = light + 0.12 * fractal(rng, (w, h), (2, h / 30), 0.8)
    tone = hsv(rng.choice([0.08, 0.6]), rng.uniform(0, 0.5), rng.uniform(0.15, 0.8))
    image = premultiplied(shade(tone, light), np.ones((h, w)))
    return Stamp(image, (w / 2, h - 1.0), (w / 2, 0.0)).place(foot, -np.pi / 2, float(h))


def picture(rng: np.random.Generator, at: Float, size: float) -> Sprite:
    """A framed print of leaves or flowers: the texture of moving things, on a wall."""
    side = 128
    sheet = shade(hsv(0.11, rng.uniform(0, 0.3), rng.uniform(0.6, 1)), np.ones((side, side)))
    leafy = rng.random() < 0.5
    drawn = spray(rng, leaves(rng, 3, leaf_mood(rng)), 30, 0.2) if leafy else heads(rng, "daisy")[0]
    motif = paste((side, side), [drawn.place((side / 2, 0.7 * side), -np.pi / 2, 0.45 * side)])
    sheet = sheet * (1 - motif[..., 3:]) + motif[..., :3]
    frame = vary(rng, hsv(0.08, 0.4, rng.uniform(0.1, 0.9)), 0.1)
    sheet[:6] = sheet[-6:] = sheet[:, :6] = sheet[:, -6:] = frame
    image = premultiplied(blur(sheet.astype(np.float32), 0.7), np.ones((side, side)))
    return Stamp(image, (side / 2, 0.0), (side / 2, side - 1.0)).place(at, np.pi / 2, 1.3 * size)


def lettering(rng: np.random.Generator, image: Float) -> None:
    """A sign or a page of words."""
    height, width = image.shape[:2]
    ink = vary(rng, hsv(rng.random(), rng.uniform(0, 0.8), rng.choice([0.05, 0.5, 1.0])), 0.1)
    small = rng.random() < 0.5
    font, left = int(rng.integers(0, 5)), int(rng.uniform(0, 0.3) * width)
    for row in range(rng.integers(1, 14 if small else 4)):
        word = rng.integers(16, 48) if small else rng.integers(3, 14)
        text = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTUVW  aeiourst0123"), word))
        step = 0.06 if small else 0.2
        at = (left, int((0.12 + step * row) * height))
        write(image, text, at, font, 0.4 if small else rng.uniform(0.8, 2.5), ink)
