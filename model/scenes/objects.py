"""Things that never move: whole still pictures, and clutter to stand about in moving ones."""

from __future__ import annotations

import numpy as np

from .backdrop import any_of, bokeh, dark, landscape, undergrowth
from .built import bricks, planks, plaster, room, street
from .props import picture, post, pot, stone, thing
from .stage import Stage
from .texture import Float, hsv, vary, write


def objects(stage: Stage) -> None:
    """Houses, rooms, things on tables, pages: nothing here moves."""
    rng, (width, height) = stage.rng, stage.size
    choices = [
        street,
        street,
        room,
        room,
        plaster,
        planks,
        bricks,
        landscape,
        bokeh,
        dark,
        undergrowth,
    ]
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


def clutter(stage: Stage, *, indoors: bool) -> None:
    """Still things of every sort, some with the very textures that elsewhere move."""
    rng, (width, height) = stage.rng, stage.size
    for _ in range(rng.integers(1, 5)):
        foot = np.array([rng.uniform(0, width), rng.uniform(0.7, 1.1) * height])
        size = rng.uniform(0.08, 0.35) * height
        pick = rng.integers(3, 7) if indoors else rng.integers(4)
        if pick <= 1:
            stage.add(stone(rng, foot, size))
        elif pick == 2:
            stage.add(post(rng, foot + np.array([0, size]), size))
        elif pick == 3:
            stage.add(pot(rng, foot - [0, size], size * 0.4))
        elif pick == 4:
            stage.add(picture(rng, foot - [0, 0.7 * height], size))
        else:
            stage.add(thing(rng, foot, size))


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
