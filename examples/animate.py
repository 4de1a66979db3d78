"""A photo becomes a looping video: `python examples/animate.py photo.jpg loop.mp4`."""

import sys

from stillwave.runtime import Animator, VideoWriter


def main(photo: str, video: str) -> None:
    with (
        Animator(memory_budget="512MiB") as animator,
        animator.analyze(photo, seed=0) as scene,
        VideoWriter(video, scene.size, fps=30) as writer,
    ):
        for frame in scene.frames(seconds=5, fps=30):
            writer.write(frame)


if __name__ == "__main__":
    main(*sys.argv[1:])
