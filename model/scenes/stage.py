"""Where a scene is built: a still backdrop, sprites in painting order, and the wind."""

from __future__ import annotations

import numpy as np

from .motion import Complex, Wind
from .sprite import Sprite
from .texture import Float, Size


class Stage:
    """Kinds paint the backdrop, then add sprites from the back to the front."""

    def __init__(self, rng: np.random.Generator, size: Size):
        self.rng, self.size = rng, size
        self.wind = Wind(rng, size)
        self.backdrop: Float = np.zeros((size[1], size[0], 3), np.float32)
        self.sprites: list[Sprite] = []
        self.sheltered = rng.uniform(0, 0.35)
        self.strength = 1.0  # of the whole scene's motion, before the draw of the day's wind

    def add(self, sprite: Sprite, coefs: Complex | None = None, gain: float | Float = 1.0) -> Sprite:
        """Put a sprite in front of all others, in this light."""
        if coefs is not None:
            sprite.coefs = coefs
        sprite.gain = sprite.gain * np.float32(gain)
        self.sprites.append(sprite)
        return sprite

    def vigour(self) -> float:
        """How much of the wind one plant or line gets: usually all, now and then next to none."""
        if self.rng.random() < self.sheltered:
            return float(self.rng.choice([0.0, 0.05, 0.15]))
        return float(np.exp(self.rng.normal(0, 0.4)))
