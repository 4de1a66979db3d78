"""Render a motion made by hand: the right half of a photo sways at two frequencies.

`python examples/your_own_motion.py photo.jpg loop.webp`
"""

import sys

import numpy as np

from stillwave.runtime import Animator, VideoWriter, read_photo


def sway(height: int, width: int) -> np.ndarray:
    """(K, 4, height, width) px: harmonics 1 and 3 of the loop, stronger to the right."""
    volume = np.zeros((4, 4, height, width), np.float32)
    strength = np.linspace(-1, 1, width, dtype=np.float32).clip(0)
    volume[1, 0] = 1.5 * strength  # Re x of one cycle a loop
    volume[3, 1] = 0.5 * strength  # Im x of three cycles a loop
    return volume


def main(photo: str, video: str) -> None:
    pixels = read_photo(photo)
    height, width = pixels.shape[:2]
    with (
        Animator() as animator,
        animator.scene(pixels, sway(height // 4, width // 4)) as scene,
        VideoWriter(video, scene.size, fps=30) as writer,
    ):
        for frame in scene.frames():
            writer.write(frame)


if __name__ == "__main__":
    main(*sys.argv[1:])
