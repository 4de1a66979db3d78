"""Things on lines: cloths, notes, garlands, lanterns. They swing from the top and ripple."""

from __future__ import annotations

import cv2
import numpy as np

from .backdrop import any_of, bokeh, bricks, building, dark, landscape, plaster, sky
from .scene import Stage
from .sprite import ALONG, BEND, COSINE, SINE, still, swing
from .stamp import Stamp, shadowed
from .texture import Float, fractal, grid, hsv, premultiplied, ramp, vary, write


def hung(stage: Stage) -> None:
    """One to four lines with a row of similar things."""
    rng, (width, height) = stage.rng, stage.size
    stage.backdrop = any_of(rng, stage.size, [sky, plaster, bricks, bokeh, building, landscape, dark])
    what = str(rng.choice(["cloth", "cloth", "note", "lantern"]))
    lines = int(rng.choice([1, 1, 2, 4])) if what != "lantern" else int(rng.integers(2, 6))
    for row in range(lines):
        start = rng.uniform(0.03, 0.3) * height + row * height * rng.uniform(0.12, 0.22)
        ends = np.array([[-5, start], [width + 5, start + rng.normal(0, 0.08) * height]])
        sag = rng.uniform(0, 0.12) * height
        _line(stage, ends, sag, what, height * rng.uniform(0.1, 0.5) / lines**0.3)


def _line(stage: Stage, ends: Float, sag: float, what: str, drop: float) -> None:
    """A sagging string and what hangs from it."""
    rng, width = stage.rng, stage.size[0]
    along = np.linspace(0, 1, 40)
    points = ends[0] + along[:, None] * (ends[1] - ends[0])
    points[:, 1] += sag * 4 * along * (1 - along)
    string = (np.stack(points) * 8).astype(np.int32)
    tone = vary(rng, hsv(0.1, 0.2, rng.uniform(0.05, 0.8)), 0.1).tolist()
    cv2.polylines(stage.backdrop, [string], False, tone, int(rng.integers(1, 3)), cv2.LINE_AA, 3)
    x = rng.uniform(-0.02, 0.1) * width
    while x < width:
        share = x / width
        at = np.array([x, np.interp(share, along, points[:, 1])])
        if what == "lantern":
            x += _lantern(stage, at, drop * rng.uniform(0.5, 0.9))
        else:
            x += _sheet(stage, at, drop * rng.uniform(0.6, 1.1), what)


def _lantern(stage: Stage, at: Float, size: float) -> float:
    """A paper lantern swinging like a pendulum; returns the room it takes, px."""
    rng, wind = stage.rng, stage.wind
    hue = rng.choice([rng.normal(0.0, 0.02), rng.normal(0.12, 0.03), rng.random()])
    cord = rng.uniform(0.1, 0.8) * size
    side = 96
    x, y = grid((side, side))
    dx, dy = (x - side / 2) / 40, (y - side / 2) / (40 * rng.uniform(0.75, 1))
    reach = np.hypot(dx, dy)
    ribs = 0.9 + 0.1 * np.cos(rng.uniform(12, 24) * dy) + 0.08 * fractal(rng, (side, side), 6)
    light = ribs * (1.1 - 0.45 * reach**2 - 0.3 * dx * rng.choice([-1, 1]))
    image = premultiplied(
        hsv(hue % 1, rng.uniform(0.4, 0.95), rng.uniform(0.5, 1)) * light[..., None],
        ramp(1 - reach, -0.02, 0.02),
    )
    rope = int(cord / size * 80) + 1
    image = cv2.copyMakeBorder(image, rope, 0, 0, 0, cv2.BORDER_CONSTANT)
    cv2.line(image, (side // 2, 0), (side // 2, rope + 12), (0.05, 0.04, 0.04, 1), 2)
    stamp = Stamp(image, (side / 2, 0.0), (side / 2, rope + 90.0))
    lantern = stamp.place(at, np.pi / 2 + rng.normal(0, 0.03), size + cord)
    theta = (wind.at(at)[0, 0] + wind.own(1)[0, 0] * 0.6) / lantern.length
    stage.add(lantern, swing(still(), -theta, lantern.axis, lantern.length))
    return size * rng.uniform(1.2, 4)


def _sheet(stage: Stage, at: Float, drop: float, what: str) -> float:
    """A cloth or note pinned along its top; returns the room it takes, px."""
    rng, wind = stage.rng, stage.wind
    broad = drop * (rng.uniform(0.4, 1.4) if what == "cloth" else rng.uniform(0.8, 1.2))
    w, h = int(broad) + 2, int(drop) + 2
    image = cloth(rng, (w, h)) if what == "cloth" else note(rng, (w, h))
    image = shadowed(image, (rng.uniform(-3, 3), 3), 3, 0.25)
    pad = (image.shape[1] - w) / 2
    stamp = Stamp(image, (pad + w / 2, pad), (pad + w / 2, pad + h))
    sheet = stamp.place(at + np.array([broad / 2, 0]), np.pi / 2 + rng.normal(0, 0.06), drop)
    sheet.wave = (rng.uniform(1, 5), rng.uniform(-6, 6))
    coefs = still()
    sway = wind.at(sheet.root)[0] + 0.5 * wind.own(1)[0]
    coefs[ALONG] = 0.6 * sway
    coefs[BEND] = 0.3 * wind.own(1)[0]
    ripple = rng.uniform(0.1, 0.5) * wind.own(1)[0]
    coefs[COSINE], coefs[SINE] = ripple, ripple * -1j
    stage.add(sheet, coefs)
    return broad * rng.uniform(0.9, 1.4) + 2


def cloth(rng: np.random.Generator, size: tuple[int, int]) -> Float:
    """Dyed fabric with folds, perhaps striped; a slightly uneven outline."""
    x, y = grid(size)
    u, v = x / size[0] + 0 * y, y / size[1] + 0 * x
    tone = hsv(rng.random(), rng.uniform(0, 0.9) ** 1.2, rng.uniform(0.25, 1))
    folds = np.sin(2 * np.pi * (rng.uniform(1, 6) * u + rng.uniform(-0.7, 0.7) * v + 0.1 * rng.normal()))
    light = 0.85 + 0.15 * folds + 0.08 * fractal(rng, size, 3) - 0.15 * v
    colour = np.broadcast_to(tone, (*u.shape, 3)).copy()
    if rng.random() < 0.5:
        other = hsv(rng.random(), rng.uniform(0, 0.9), rng.uniform(0.3, 1))
        turn = rng.choice([0, np.pi / 2, 0.7])
        stripes = np.sin(rng.uniform(10, 60) * (u * np.cos(turn) + v * np.sin(turn))) > rng.uniform(-0.5, 0.5)
        colour[stripes] = other
    flare = rng.uniform(-0.12, 0.12) * v + 0.03 * np.sin(7 * v + rng.uniform(0, 6))
    edge = np.minimum(0.5 - 0.02 - np.abs(u - 0.5) + flare - 0.1, 0.97 - v + 0.02 * folds) * size[1]
    return premultiplied(colour * light[..., None], ramp(edge.astype(np.float32), -0.7, 0.7))


def note(rng: np.random.Generator, size: tuple[int, int]) -> Float:
    """A sheet of coloured paper with writing."""
    tone = hsv(rng.random(), rng.uniform(0.1, 0.7), rng.uniform(0.7, 1))
    light = 0.95 + 0.03 * fractal(rng, size, 4)
    colour = np.clip(tone * light[..., None], 0, 1).astype(np.float32)
    text = "".join(rng.choice(list("abdeghiklmnorstuwy"), rng.integers(2, 6)))
    ink = hsv(rng.random(), 0.6, 0.2)
    at = (int(0.12 * size[0]), int(rng.uniform(0.45, 0.75) * size[1]))
    write(colour, text, at, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, size[0] / 90, ink)
    alpha = np.ones((size[1], size[0]), np.float32)
    alpha[[0, -1]] = alpha[:, 0] = alpha[:, -1] = 0.5
    return premultiplied(colour, alpha)
