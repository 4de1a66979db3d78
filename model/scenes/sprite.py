"""A cut-out picture and how it bends: the only thing that moves in a scene.

Its displacement is linear in six basis functions of the rest position. With s along the axis from
the root (0) to the tip (1) and r across it in the same unit, they are
{1, s, r, s^2, s cos(w), s sin(w)}, w = wave . (s, r).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from .motion import Complex
from .texture import Float

SHIFT, ALONG, ACROSS, BEND, COSINE, SINE = range(6)
MARGIN = 4
INVERSE_STEPS = 5
COARSE = 4  # px: warp fields are smooth, so their inverse is found on a coarser grid


@dataclass(slots=True)
class Sprite:
    """image (h, w, 4) premultiplied; base (2, 3) image px -> canvas px; coefs (6, 2, 15) px."""

    image: Float
    base: Float
    root: Float
    axis: Float
    length: float
    coefs: Complex = field(default_factory=lambda: still())
    gain: Float = field(default_factory=lambda: np.ones(3, np.float32))
    wave: tuple[float, float] = (0.0, 0.0)
    glow: bool = False

    def local(self, x: Float, y: Float) -> tuple[Float, Float]:
        """Rest position in units of the sprite: s along the axis, r across it."""
        dx, dy = (x - self.root[0]) / self.length, (y - self.root[1]) / self.length
        ax, ay = self.axis
        return ax * dx + ay * dy, ax * dy - ay * dx

    def basis(self, x: Float, y: Float) -> list[Float]:
        """The six basis functions at rest positions x, y (px)."""
        s, r = self.local(x, y)
        if self.wave == (0.0, 0.0):
            return [np.ones_like(s), s, r, s * s, s, 0 * s]
        w = self.wave[0] * s + self.wave[1] * r
        return [np.ones_like(s), s, r, s * s, s * np.cos(w), s * np.sin(w)]

    def origin(self, x: Float, y: Float, c: Float) -> tuple[Float, Float]:
        """Rest positions of what lies at x, y (px) when moved by c (6, 2), by fixed-point steps."""
        rest_x, rest_y = x, y
        for _ in range(INVERSE_STEPS):
            dx, dy = np.tensordot(c.T, np.stack(self.basis(rest_x, rest_y)), 1)
            rest_x, rest_y = x - dx, y - dy
        return rest_x, rest_y

    def placed(self, c: Float) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Rows of image px -> moved canvas px under the affine part of coefficients c (6, 2)."""
        # Plain floats: three times as fast as arrays of six numbers.
        ax, ay = (self.axis / self.length).tolist()
        x0, y0 = self.root.tolist()
        rows = []
        for xy in (0, 1):
            shift, along, across = c[:3, xy].tolist()
            gx, gy = along * ax - across * ay, along * ay + across * ax
            offset = shift - gx * x0 - gy * y0
            (a, b, e), (p, q, f) = self.base.tolist()
            gx, gy = gx + (xy == 0), gy + (xy == 1)
            rows.append((gx * a + gy * p, gx * b + gy * q, gx * e + gy * f + offset))
        return rows[0], rows[1]


def still() -> Complex:
    """Coefficients (6, 2, 15) of a thing that never moves."""
    return np.zeros((6, 2, 15), np.complex64)


def swing(coefs: Complex, theta: Complex, axis: Float, length: float) -> Complex:
    """Add to `coefs` a small rotation by theta (15,) radians about the root."""
    normal = np.array([-axis[1], axis[0]])
    coefs[ALONG] += length * np.outer(normal, theta)
    coefs[ACROSS] -= length * np.outer(axis, theta)
    return coefs


def draw(canvas: Float, sprite: Sprite, c: Float, ids: np.ndarray | None, index: int) -> None:
    """Paint the sprite, moved by c (6, 2), over canvas (H, W, 4); mark its cover in ids (H, W)."""
    height, width = canvas.shape[:2]
    placed = sprite.placed(c)
    margin = MARGIN + (1.3 * float(np.abs(c[BEND:]).sum()) if c[BEND:].any() else 0.0)
    h, w = sprite.image.shape[:2]
    (x0, x1), (y0, y1) = (_extent(row, w, h, margin) for row in placed)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if x1 <= x0 or y1 <= y0:
        return
    if margin == MARGIN:
        (a, b, e), (p, q, f) = placed
        shifted = np.array([[a, b, e - x0], [p, q, f - y0]])
        patch = cv2.warpAffine(sprite.image, shifted, (x1 - x0, y1 - y0))
    else:
        patch = _bent(sprite, c, (x0, y0, x1, y1))
    composite(canvas[y0:y1, x0:x1], patch, sprite)
    if ids is not None:
        covered = patch[..., :3].max(-1) > 0.3 if sprite.glow else patch[..., 3] > 0.5
        np.copyto(ids[y0:y1, x0:x1], index, where=covered)


def composite(target: Float, patch: Float, sprite: Sprite) -> None:
    """Premultiplied over; light (glow) only adds."""
    if not sprite.glow:
        through = 1 - patch[..., 3]
        cv2.multiply(target, cv2.merge([through] * 4), dst=target)
    red, green, blue = (float(g) for g in sprite.gain)
    cv2.add(target, cv2.multiply(patch, (red, green, blue, 1.0)), dst=target)


def _extent(row: tuple[float, float, float], w: int, h: int, margin: float) -> tuple[int, int]:
    """First and last + 1 canvas px that an image of w x h px reaches along one axis."""
    a, b, offset = row
    middle = a * (w - 1) / 2 + b * (h - 1) / 2 + offset
    reach = (abs(a) * (w + 1) + abs(b) * (h + 1)) / 2 + margin
    return int(middle - reach) - 1, int(middle + reach) + 2


def _bent(sprite: Sprite, c: Float, box: tuple[int, int, int, int]) -> Float:
    """Moved pixels of a box (x0, y0, x1, y1), looked up where they come from."""
    x0, y0, x1, y1 = box
    columns, rows = -(-(x1 - x0) // COARSE) + 1, -(-(y1 - y0) // COARSE) + 1
    here_x = (x0 + COARSE * np.arange(columns, dtype=np.float32))[None].repeat(rows, 0)
    here_y = (y0 + COARSE * np.arange(rows, dtype=np.float32))[:, None].repeat(columns, 1)
    x, y = sprite.origin(here_x, here_y, c)
    back = cv2.invertAffineTransform(sprite.base)
    u = back[0, 0] * x + back[0, 1] * y + back[0, 2]
    v = back[1, 0] * x + back[1, 1] * y + back[1, 2]
    return np.asarray(cv2.remap(sprite.image, *_fine(u, v, x1 - x0, y1 - y0), cv2.INTER_LINEAR))


def _fine(u: Float, v: Float, width: int, height: int) -> list[Float]:
    """Maps known at every COARSE-th pixel -> at every pixel (height, width)."""
    stretch = np.array([[COARSE, 0, 0], [0, COARSE, 0]], np.float32)
    return [
        cv2.warpAffine(
            m.astype(np.float32),
            stretch,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for m in (u, v)
    ]
