"""What the camera adds: exposure, tone, vignette, softness, noise, compression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .texture import Float, blur, grid


@dataclass(frozen=True, slots=True)
class Camera:
    """Fixed for a scene; only the noise is new in each frame."""

    gain: Float  # (3,) exposure and white balance
    gamma: float
    softness: float  # px
    vignette: Float  # (H, W, 1)
    noise: tuple[float, float]  # read, shot; of 1
    quality: int  # JPEG

    @staticmethod
    def random(rng: np.random.Generator, light: Float) -> Camera:
        """A camera that might have taken a picture of `light` (H, W, 3), and about exposed it."""
        size = (light.shape[1], light.shape[0])
        x, y = grid(size)
        bright = float(np.percentile(light[::4, ::4].max(-1), 90))
        exposure = np.clip((rng.uniform(0.45, 1.0) / max(bright, 0.02)) ** 0.6, 0.7, 2.0)
        reach = np.hypot(x / size[0] - 0.5, (y - size[1] / 2) / size[0])
        fall = rng.choice([0.0, rng.uniform(0, 0.9)])
        read, shot = rng.uniform(0, [0.006, 0.012])
        if rng.random() < 0.15:
            read, shot = rng.uniform(0.003, [0.015, 0.03])
        return Camera(
            gain=(exposure * np.exp(rng.normal(0, 0.05, 3))).astype(np.float32),
            gamma=float(np.exp(rng.normal(0, 0.15))),
            softness=float(rng.choice([0.0, 0.4, 0.6, 1.0], p=[0.3, 0.3, 0.25, 0.15])),
            vignette=(1 - fall * reach**2)[..., None].astype(np.float32),
            noise=(float(read), float(shot)),
            quality=int(rng.choice([98, 92, 80, 65, 45], p=[0.3, 0.25, 0.2, 0.15, 0.1])),
        )

    def expose(self, light: Float, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Scene radiance (H, W, 3) in 0..1 -> pixels uint8."""
        image = blur(np.clip(light * self.gain * self.vignette, 0, 1), self.softness)
        image = np.clip(image, 0, 1) ** self.gamma
        grain = rng.standard_normal(image.shape, np.float32)
        image += grain * (self.noise[0] + self.noise[1] * np.sqrt(image))
        pixels = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
        if self.quality > 95:
            return pixels
        code = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
        return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1], np.uint8).copy()
