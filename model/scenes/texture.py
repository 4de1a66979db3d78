"""Still picture matter: noise, colours, shading. Images are float32 sRGB in 0..1."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Size = tuple[int, int]  # width, height, px


def fractal(rng: np.random.Generator, size: Size, cells: float | tuple[float, float], gain: float = 0.55) -> Float:
    """Multi-octave noise (H, W), mean about 0, deviation about 1; `cells` across the short side."""
    width, height = size
    across, down = cells if isinstance(cells, tuple) else (cells * width / height, cells)
    out = np.zeros((height, width), np.float32)
    weight, energy = 1.0, 0.0
    while True:
        lattice = rng.standard_normal((int(down) + 3, int(across) + 3)).astype(np.float32)
        out += weight * cv2.resize(lattice, size, interpolation=cv2.INTER_CUBIC)
        energy += 0.5 * weight * weight
        if down >= height / 2 and across >= width / 2:
            return out / np.float32(np.sqrt(energy))
        across, down, weight = min(2.1 * across, width), min(2.1 * down, height), weight * gain


def hsv(hue: float, saturation: float, value: float) -> Float:
    """RGB colour (3,) of hue (turns), saturation and value (0..1)."""
    turns = (np.array([0, 2 / 3, 1 / 3]) + hue) % 1.0
    tent = np.clip(np.abs(turns * 6 - 3) - 1, 0, 1)
    return np.asarray(value * (1 - saturation * (1 - tent)), np.float32)


def vary(rng: np.random.Generator, colour: Float, amount: float) -> Float:
    """`colour` with a random change of brightness and a smaller one of tint."""
    light = np.exp(rng.normal(0, amount))
    return np.clip(colour * light * np.exp(rng.normal(0, 0.2 * amount, 3)), 0, 1).astype(np.float32)


def blend(colours: list[Float], position: Float) -> Float:
    """Colour ramp: `position` (H, W) in 0..1 along `colours` -> (H, W, 3)."""
    knots = np.linspace(0, 255, len(colours))
    table = np.stack([np.interp(np.arange(256), knots, c) for c in np.stack(colours).T], -1)
    steps = np.clip(position * 255, 0, 255)
    return table.astype(np.float32)[steps.astype(np.uint8)]


def ramp(value: Float, low: float, high: float) -> Float:
    """Smooth step of `value` from 0 at `low` to 1 at `high`."""
    x = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float32)


def grid(size: Size) -> tuple[Float, Float]:
    """Pixel-centre coordinates x and y, both (H, W)."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    return x.astype(np.float32), y.astype(np.float32)


def blur(image: Float, sigma: float) -> Float:
    """Gaussian blur; large ones at reduced size, where they cost little."""
    if sigma < 0.3:
        return image
    if sigma <= 3:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
    factor = sigma / 2
    height, width = image.shape[:2]
    small = (max(4, round(width / factor)), max(4, round(height / factor)))
    image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    image = cv2.GaussianBlur(image, (0, 0), 1.8)
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def shade(colour: Float, light: Float) -> Float:
    """One colour (3,) or many (H, W, 3) under light (H, W) -> (H, W, 3) in 0..1."""
    return np.asarray(np.clip(colour * light[..., None], 0, 1), np.float32)


def premultiplied(colour: Float, alpha: Float) -> Float:
    """(H, W, 3) colours and (H, W) coverage -> (H, W, 4) premultiplied."""
    alpha = np.clip(alpha, 0, 1).astype(np.float32)
    return np.dstack([np.clip(colour, 0, 1) * alpha[..., None], alpha]).astype(np.float32)


def write(image: Float, text: str, at: tuple[int, int], font: int, scale: float, ink: Float) -> None:
    """Letters on image (H, W, 3), in place; `at` is the foot of the first, px."""
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.putText(mask, text, at, font, scale, 255, max(1, round(scale * 1.5)), cv2.LINE_AA)
    cover = mask[..., None].astype(np.float32) / 255
    image += cover * (ink - image)
