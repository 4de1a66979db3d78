"""Pictures of things that hang: cloths, notes, pegs, lanterns."""

from __future__ import annotations

import cv2
import numpy as np

from .sprite import Sprite
from .stamp import Stamp
from .texture import Float, Size, fractal, grid, hsv, premultiplied, ramp, shade, vary, write

# White, cream, red, orange, yellow, green, blue, navy, violet, pink, grey, black.
TONES = (
    (0.6, 0.03, 0.95),
    (0.11, 0.2, 0.9),
    (0.99, 0.85, 0.7),
    (0.06, 0.8, 0.85),
    (0.13, 0.75, 0.95),
    (0.36, 0.5, 0.5),
    (0.58, 0.65, 0.75),
    (0.62, 0.6, 0.3),
    (0.77, 0.4, 0.55),
    (0.94, 0.4, 0.9),
    (0.6, 0.05, 0.5),
    (0.6, 0.1, 0.12),
)
BUNTING = "bunting"


def cloth(rng: np.random.Generator, size: Size, colour: Float, outline: str = "") -> Float:
    """Fabric (h, w, 4) with folds, hem and pattern: towel, shirt, trousers, pennant or flag."""
    x, y = grid(size)
    u, v = x / size[0], y / size[1]
    outline = outline or str(rng.choice(["towel", "towel", "shirt", "trousers"]))
    tone = _pattern(rng, u, v, colour)
    fall = rng.uniform(2, 7) if outline != "flag" else 1.0
    sway = fractal(rng, size, (3, 1.2), gain=0.4) * 0.6
    folds = np.sin(2 * np.pi * fall * u + sway + rng.uniform(0, 6))
    crease = 0.12 * folds + 0.1 * np.clip(folds, 0, 1) ** 3 - 0.12 * np.clip(-folds, 0, 1) ** 4
    light = 0.88 + crease + 0.04 * fractal(rng, size, 2, gain=0.5) - 0.12 * v
    light = light + 0.02 * fractal(rng, size, max(4.0, size[1] / 4), gain=1.0)
    edge = _cut(outline, u, v, size, 0.01 * folds)
    light = np.where(edge < 3, light * 0.88, light)
    return premultiplied(shade(tone, light), ramp(edge, 0.0, 1.4))


def _cut(outline: str, u: Float, v: Float, size: Size, wobble: Float) -> Float:
    """Distance inside the outline, px."""
    width, height = size
    side = np.minimum(u, 1 - u)
    foot = 0.97 - v + wobble
    if outline == "shirt":
        sleeve = v < 0.38
        inner = np.where(sleeve, side - 0.25 * np.clip(v - 0.22, 0, 1), side - 0.2)
        inner = np.minimum(inner, np.hypot(u - 0.5, v) * 1.0 - 0.1)
        edge = np.minimum(inner * width, foot * height)
    elif outline == "trousers":
        gap = np.where(v > 0.3, np.abs(u - 0.5) - 0.06 - 0.05 * v, 1.0)
        edge = np.minimum(np.minimum(side - 0.04 * (1 - v), gap) * width, foot * height)
    elif outline == BUNTING:
        edge = (0.5 * (0.97 - v) - np.abs(u - 0.5)) * width * 0.8
    elif outline == "flag":
        edge = np.minimum(0.98 - u, np.minimum(v, 1 - v) - 0.02 + wobble) * height
    else:
        edge = np.minimum((side - 0.02 + wobble) * width, foot * height)
    return np.asarray(edge, np.float32)


def _pattern(rng: np.random.Generator, u: Float, v: Float, colour: Float) -> Float:
    """Plain, striped, checked or dotted: (h, w, 3)."""
    tone = np.broadcast_to(colour, (*u.shape, 3)).copy()
    kind = rng.choice(["plain", "plain", "stripe", "check", "dots", "blocks"])
    other = vary(rng, hsv(*TONES[rng.integers(len(TONES))]), 0.15)
    turn, pitch = rng.choice([0, np.pi / 2, 0.7]), rng.uniform(12, 60)
    a = u * np.cos(turn) + v * np.sin(turn)
    b = v * np.cos(turn) - u * np.sin(turn)
    if kind == "stripe":
        mark = np.sin(pitch * a) > rng.uniform(-0.5, 0.7)
    elif kind == "check":
        mark = (np.sin(pitch * a) > 0.3) ^ (np.sin(pitch * b) > 0.3)
    elif kind == "dots":
        mark = np.cos(pitch * a) + np.cos(pitch * b) > 1.2
    elif kind == "blocks":
        mark = a > rng.uniform(0.3, 0.7)
    else:
        return tone
    tone[mark] = other
    return tone


def note(rng: np.random.Generator, size: Size, colour: Float) -> Float:
    """A sheet of coloured paper (h, w, 4), blank, written on, or a photograph."""
    light = 0.97 + 0.015 * fractal(rng, size, 3, gain=0.8) - 0.08 * grid(size)[1] / size[1]
    pale = colour + rng.uniform(0, 0.6) * (1 - colour)
    sheet = shade(pale, light)
    ink = hsv(rng.random(), 0.6, 0.2)
    if rng.random() < 0.6:
        text = "".join(rng.choice(list("abdeghiklmnorstuwy"), rng.integers(2, 6)))
        at = (int(0.12 * size[0]), int(rng.uniform(0.45, 0.75) * size[1]))
        write(sheet, text, at, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, size[0] / 90, ink)
    elif min(size) > 24:
        m = int(0.1 * min(size))
        inner = (size[0] - 2 * m, size[1] - 2 * m)
        sheet[m:-m, m:-m] = shade(hsv(rng.random(), 0.4, 0.6), 1 + 0.3 * fractal(rng, inner, 3))
    alpha = np.ones((size[1], size[0]), np.float32)
    alpha[[0, -1]] = alpha[:, 0] = alpha[:, -1] = 0.4
    return premultiplied(sheet, alpha)


def peg(rng: np.random.Generator, at: Float, size: float) -> Sprite:
    """A clothes peg on the line; still."""
    image = np.zeros((24, 10, 4), np.float32)
    tone = vary(rng, hsv(0.09, 0.4, 0.75), 0.2)
    image[2:22, 2:8] = [*tone, 1]
    image[2:22, 5] *= [0.6, 0.6, 0.6, 1]
    return Stamp(image, (5.0, 8.0), (5.0, 22.0)).place(at, np.pi / 2, size * 0.6)


def lantern(rng: np.random.Generator, colour: Float, cord: float) -> tuple[Float, float]:
    """A ribbed paper ball on a cord of relative length: (h, 96, 4), and where it ends, px."""
    side = 96
    x, y = grid((side, side))
    dx, dy = (x - side / 2) / 40, (y - side / 2) / (40 * rng.uniform(0.7, 1))
    reach = np.hypot(dx, dy)
    ribs = 0.93 + 0.07 * np.cos(rng.uniform(12, 26) * dy)
    inner = rng.choice([0.0, rng.uniform(0.2, 0.7)])
    side_light = rng.uniform(-0.35, 0.35)
    light = ribs * (1.05 - 0.45 * reach**2 - side_light * dx - 0.2 * dy) + inner * (1 - reach) ** 2
    light = light + 0.03 * fractal(rng, (side, side), 8, gain=0.8)
    image = premultiplied(shade(colour, light), ramp(1 - reach, -0.02, 0.02))
    rope = int(cord * side) + 4
    image = cv2.copyMakeBorder(image, rope, 0, 0, 0, cv2.BORDER_CONSTANT)
    cv2.line(image, (side // 2, 0), (side // 2, rope + 10), (0.05, 0.04, 0.04, 1), 2)
    cap = int(40 * np.abs(dy[:, 0]).min() + rope + 6)
    cv2.rectangle(image, (side // 2 - 10, cap), (side // 2 + 10, cap + 5), (0.2, 0.14, 0.05, 1), -1)
    return image, float(rope + 90)
