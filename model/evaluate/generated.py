"""Videos of clips' first frames, by the model and by the paper's ablations of it."""

from dataclasses import dataclass

import cv2
import numpy as np

from stillwave.runtime import Animator, spectrum

from ..clips import Clip
from .render import average_splat

MOTIONS = ("predicted", "measured", "none")
RENDERERS = ("network", "average")


@dataclass(frozen=True)
class Method:
    """Where the motion comes from, how many frequencies of it are kept (k = 0 counts), and what renders it.

    motion    predicted by the bundle, measured in the clip, or none: the photo repeated
    renderer  the bundle's network, or average splatting
    """

    motion: str = "predicted"
    frequencies: int = 16
    renderer: str = "network"
    seed: int = 0
    steps: int | None = None

    def __post_init__(self) -> None:
        if self.motion not in MOTIONS or self.renderer not in RENDERERS:
            raise ValueError(f"motion is one of {MOTIONS} and renderer of {RENDERERS}, got {self}")
        if self.frequencies < 2:
            raise ValueError(f"frequencies count k = 0, so 2 is the least, got {self.frequencies}")


# Of the paper's ablations those that need no other networks: how the motion is cut, and how it is rendered.
ABLATIONS = {
    "predicted": Method(),
    "measured": Method("measured"),
    "measured, K = 8": Method("measured", 8),
    "measured, K = 4": Method("measured", 4),
    "average splat": Method("measured", renderer="average"),
    "repeated photo": Method("none"),
}


def generate(animator: Animator, clip: Clip, method: Method, count: int, size: tuple[int, int]) -> np.ndarray:
    """The first `count` frames of a video that begins as the clip does: uint8 (count, H, W, 3)."""
    photo = cv2.resize(clip.frames[0], size, interpolation=cv2.INTER_AREA)
    if method.motion == "none":
        return np.repeat(photo[None], count, 0)
    if method.motion == "predicted":
        volume = animator.predict(clip.frames[0], seed=method.seed, steps=method.steps)
    else:
        volume = np.array(clip.volume)
    volume = spectrum.anchor(volume[: method.frequencies].copy())
    if method.renderer == "average":
        return splatted(photo, volume, len(clip.frames), count)
    with animator.scene(photo, volume, num_frames=len(clip.frames)) as scene:
        return np.stack([scene.frame(float(t)) for t in range(count)])


def splatted(photo: np.ndarray, volume: np.ndarray, num_frames: int, count: int) -> np.ndarray:
    """The photo splatted along each frame's motion, all pixels alike: the paper's baseline."""
    height, width = photo.shape[:2]
    resized = spectrum.resize_volume(volume, height, width)
    motion = spectrum.motion_from_volume(resized, num_frames)[:count]
    return np.stack([average_splat(photo, np.ascontiguousarray(F.transpose(1, 2, 0))) for F in motion])
