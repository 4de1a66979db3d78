"""A photo becomes a page to touch: `python examples/touchable_page.py photo.jpg page.html`."""

import sys
from pathlib import Path

from stillwave.runtime import Animator, html_from_motion


def main(photo: str, page: str) -> None:
    with Animator(memory_budget="512MiB") as animator, animator.analyze(photo, seed=0) as scene:
        html = html_from_motion(scene.photo, scene.spectral_volume, scene.num_frames, scene.fps, title="Touch me")
    Path(page).write_text(html, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
