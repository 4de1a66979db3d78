"""Things on lines: cloths, notes, flags, lanterns. They swing from where they hang, and ripple."""

from __future__ import annotations

import cv2
import numpy as np

from .backdrop import any_of, bokeh, dark, landscape, sky, undergrowth
from .built import room, street, wall
from .fabric import BUNTING, TONES, cloth, lantern, note, peg
from .sprite import ALONG, BEND, COSINE, SHIFT, SINE, Sprite, swing
from .stage import Stage
from .stamp import Stamp, shadowed
from .texture import Float, hsv, vary


def hung(stage: Stage) -> None:
    """One to five lines with a row of similar things."""
    rng, (width, height) = stage.rng, stage.size
    choices = [sky, sky, wall, wall, bokeh, street, street, landscape, undergrowth, room, dark]
    stage.backdrop = any_of(rng, stage.size, choices)
    what = str(rng.choice(["cloth", "cloth", "cloth", "note", "lantern", "lantern", "bunting"]))
    lines = int(rng.choice([1, 1, 1, 2, 3])) if what in ("cloth", "note") else int(rng.integers(1, 6))
    palette = TONES[rng.integers(len(TONES))] if rng.random() < 0.5 else None
    for row in range(lines):
        start = rng.uniform(0.03, 0.3) * height + row * height * rng.uniform(0.12, 0.22)
        ends = np.array([[-5, start], [width + 5, start + rng.normal(0, 0.1) * height]])
        drop = height * rng.uniform(0.25, 0.9) / lines**0.4
        if what in ("bunting", "lantern"):
            drop *= 0.5
        _line(stage, ends, rng.uniform(0, 0.12) * height, what, drop, palette)


def _line(stage: Stage, ends: Float, sag: float, what: str, drop: float, palette: tuple | None) -> None:
    """A sagging string and what hangs from it."""
    rng, width = stage.rng, stage.size[0]
    along = np.linspace(0, 1, 40)
    points = ends[0] + along[:, None] * (ends[1] - ends[0])
    points[:, 1] += sag * 4 * along * (1 - along)
    tone = vary(rng, hsv(0.1, 0.2, rng.uniform(0.05, 0.8)), 0.1).tolist()
    string = (points * 8).astype(np.int32)
    cv2.polylines(stage.backdrop, [string], False, tone, int(rng.integers(1, 3)), cv2.LINE_AA, 3)
    x, vigour, gap = rng.uniform(-0.05, 0.15) * width, stage.vigour(), rng.choice([0.02, 0.2, 0.8])
    while x < width:
        at = np.array([x, np.interp(x / width, along, points[:, 1])])
        colour = vary(rng, hsv(*(palette or TONES[rng.integers(len(TONES))])), 0.12)
        size = drop * rng.uniform(0.7, 1.1)
        if what == "lantern":
            room_taken = _lantern(stage, at, size, colour, vigour)
        else:
            room_taken = _sheet(stage, at, size, what, colour, vigour)
        x += room_taken * (1 + gap * rng.random()) + 1


def _lantern(stage: Stage, at: Float, size: float, colour: Float, vigour: float) -> float:
    """A paper lantern swinging like a pendulum; returns the room it takes, px."""
    rng, wind = stage.rng, stage.wind
    picture, length = lantern(rng, colour, rng.uniform(0.05, 0.5))
    foot = (picture.shape[1] / 2, length)
    stamp = Stamp(picture, (picture.shape[1] / 2, 0.0), foot)
    hanging = stamp.place(at, np.pi / 2 + rng.normal(0, 0.04), size * length / 96)
    sway = vigour * (wind.at(at)[0, 0] + wind.own(1)[0, 0] * rng.uniform(0.3, 1))
    stage.add(hanging, swing(hanging.coefs, -sway / hanging.length, hanging.axis, hanging.length))
    return size * rng.uniform(1.1, 2)


def _sheet(stage: Stage, at: Float, drop: float, what: str, colour: Float, vigour: float) -> float:
    """A cloth, note or pennant pinned along its top; returns the room it takes, px."""
    rng = stage.rng
    shape = {"cloth": rng.uniform(0.4, 1.5), "note": rng.uniform(0.8, 1.2)}.get(what, 0.8)
    w, h = int(drop * shape) + 6, int(drop) + 4
    if what == "note":
        image = note(rng, (w, h), colour)
    else:
        image = cloth(rng, (w, h), colour, BUNTING if what == "bunting" else "")
    image = shadowed(image, (rng.uniform(-3, 3), 3), 3, 0.25)
    pad = (image.shape[1] - w) / 2
    stamp = Stamp(image, (pad + w / 2, pad), (pad + w / 2, pad + h))
    sheet = stamp.place(at + np.array([w / 2, 0]), np.pi / 2 + rng.normal(0, 0.06), drop)
    ripple(stage, sheet, vigour * (0.5 if what == "note" else 1.0))
    stage.add(sheet)
    if what != "bunting":
        for share in (0.15, 0.85):
            stage.add(peg(rng, at + np.array([share * w, 0.0]), max(5.0, 0.12 * drop)))
    return w


def ripple(stage: Stage, sheet: Sprite, vigour: float) -> None:
    """Swing with the wind, bow, and carry a wave away from the held edge."""
    rng, wind = stage.rng, stage.wind
    sheet.wave = (rng.uniform(1, 5), rng.uniform(-5, 5))
    sway = wind.at(sheet.root)[0] + rng.uniform(0.2, 0.7) * wind.own(1)[0]
    sheet.coefs[ALONG] = vigour * 0.6 * sway
    sheet.coefs[BEND] = vigour * 0.35 * wind.own(1)[0]
    wave = vigour * rng.uniform(0.1, 0.5) * wind.own(1)[0]
    sheet.coefs[COSINE], sheet.coefs[SINE] = wave, -1j * wave


def flag(stage: Stage) -> None:
    """Flags on poles, and curtains: cloth held along one side, waves running off it."""
    rng, (width, height) = stage.rng, stage.size
    stage.backdrop = any_of(rng, stage.size, [sky, sky, landscape, street, bokeh, wall])
    for _ in range(rng.integers(1, 5)):
        size = height * rng.uniform(0.2, 0.6)
        top = np.array([rng.uniform(0.0, 0.8) * width, rng.uniform(0.05, 0.45) * height])
        w, h = int(size * rng.uniform(1.0, 1.8)), int(size)
        colour = hsv(*TONES[rng.integers(len(TONES))])
        image = cloth(rng, (w, h), colour, "flag")
        stamp = Stamp(image, (3.0, h / 2), (w - 1.0, h / 2))
        sheet = stamp.place(top + np.array([0, h / 2]), rng.normal(0.1, 0.1), w)
        vigour = stage.vigour()
        ripple(stage, sheet, vigour)
        sheet.wave = (rng.uniform(4, 9), rng.uniform(-2, 2))
        sheet.coefs[COSINE] *= 2.5
        sheet.coefs[SINE] *= 2.5
        sheet.coefs[SHIFT] = 0
        pole = (np.array([[top[0], top[1] - 6], [top[0], height + 5]]) * 8).astype(np.int32)
        tone = hsv(0.1, 0.1, rng.uniform(0.2, 0.9)).tolist()
        cv2.polylines(stage.backdrop, [pole], False, tone, int(rng.integers(2, 7)), cv2.LINE_AA, 3)
        stage.add(sheet)
