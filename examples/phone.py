"""A photo becomes what phones call a live one: `python examples/phone.py photo.jpg` writes both kinds."""

import sys
from pathlib import Path

from stillwave.runtime import Animator, VideoWriter


def main(photo: str) -> None:
    name = Path(photo).stem
    with Animator() as animator, animator.analyze(photo) as scene:
        for output in (f"{name}MP.jpg", f"{name}.livephoto"):
            with VideoWriter(output, scene.size, fps=30) as writer:
                for frame in scene.frames(seconds=5, fps=30):
                    writer.write(frame)


if __name__ == "__main__":
    main(*sys.argv[1:])
