"""Predicted against measured motion, one photo (the first frame) of every clip.

`stillwave evaluate motion CLIPS -o results.json --seeds 5`
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from stillwave.runtime import Animator, spectrum

from ..samples import load_clips
from .measures import compare_motion
from .table import print_table


def photo_gradient(photo: np.ndarray, width: int, height: int) -> np.ndarray:
    """Grey levels per pixel of the photo at that size, averaged over a neighbourhood: (height, width)."""
    grey = cv2.cvtColor(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    # a Sobel kernel's weights sum to 8
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *axis) / 8 for axis in ((1, 0), (0, 1)))
    return cv2.GaussianBlur(np.hypot(across, down), (0, 0), 4)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave evaluate motion", description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("flow"), help="where the clips' flow is kept")
    parser.add_argument("--bundle", help="default: the embedded one")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, help="JSON")
    args = parser.parse_args(arguments)
    rows: dict[str, list[dict[str, float]]] = {}
    with Animator(args.bundle) as animator:
        for clip in load_clips(args.clips, args.cache):
            height, width = clip.volume.shape[2:]
            gradient = photo_gradient(clip.frames[0], width, height)
            rows[clip.name] = []
            for seed in range(args.seeds):
                volume = animator.predict(clip.frames[0], seed=seed, steps=args.steps)
                resized = spectrum.resize_volume(volume, height, width)
                rows[clip.name].append(compare_motion(resized, clip.volume, gradient))
    means = {name: {k: float(np.mean([r[k] for r in seeds])) for k in seeds[0]} for name, seeds in rows.items()}
    print_table(means)
    if args.output:
        args.output.write_text(json.dumps({"clips": means, "seeds": args.seeds}, indent=1))


if __name__ == "__main__":
    main()
