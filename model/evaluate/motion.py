"""Predicted against measured motion, one photo (the first frame) of every clip.

`stillwave evaluate motion CLIPS -o results.json --seeds 5`; or `--photos DIR`: do photos in which nothing
moves, of buildings, things, text, stay still?
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from stillwave.runtime import Animator, spectrum
from stillwave.runtime.errors import PhotoError

from ..clips import Clip
from ..samples import load_clips
from .measures import TEXTURED, compare_map, compare_motion, modal_overlap, motion_map, stillness
from .table import mean_row, print_table

PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic"}
STILL_SHARE = 0.99  # of a still photo's pixels
CENTRE = 0.25  # of the picture's sides: width of the Gaussian that says "the middle moves"
Row = dict[str, float]


def photo_gradient(photo: np.ndarray, width: int, height: int) -> np.ndarray:
    """Grey levels per pixel of the photo at that size, averaged over a neighbourhood: (height, width)."""
    grey = cv2.cvtColor(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    # a Sobel kernel's weights sum to 8
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *axis) / 8 for axis in ((1, 0), (0, 1)))
    return cv2.GaussianBlur(np.hypot(across, down), (0, 0), 4)


def centre_prior(width: int, height: int) -> np.ndarray:
    """The middle moves: (height, width)."""
    x, y = (np.arange(n) / n - 0.5 for n in (width, height))
    return np.exp(-(x**2 + y[:, None] ** 2) / (2 * CENTRE**2))


def compare_clip(animator: Animator, clip: Clip, steps: int | None, seeds: int) -> tuple[Row, Row, dict[str, Row]]:
    """Mean and spread of the measures over the seeds, how alike their motions are, and what the photo alone tells."""
    height, width = clip.volume.shape[2:]
    gradient = photo_gradient(clip.frames[0], width, height)
    volumes = (animator.predict(clip.frames[0], seed=seed, steps=steps) for seed in range(seeds))
    predicted = [spectrum.resize_volume(volume, height, width) for volume in volumes]
    rows = [compare_motion(volume, clip.volume, gradient) for volume in predicted]
    measured, textured = motion_map(clip.volume), gradient > TEXTURED
    maps = {"gradient": gradient, "centre": centre_prior(width, height)}
    baselines = {name: compare_map(score, measured, textured) for name, score in maps.items()}
    spread = {key: float(np.std([row[key] for row in rows])) for key in rows[0]}
    if seeds > 1:  # 1: another seed moves in the same shapes
        spread["overlap"] = float(np.mean([modal_overlap(volume, predicted[0]) for volume in predicted[1:]]))
    return mean_row(rows), spread, baselines


def evaluate_clips(animator: Animator, clips: list[Clip], steps: int | None, seeds: int) -> dict[str, object]:
    means, spreads, baselines = {}, {}, {}
    for clip in clips:
        means[clip.name], spreads[clip.name], maps = compare_clip(animator, clip, steps, seeds)
        for name, row in maps.items():
            baselines.setdefault(name, {})[clip.name] = row
    print_table(means)
    print(f"\nstandard deviation over {seeds} seeds, mean of the clips")
    print_table({"spread": mean_row(list(spreads.values()))}, with_mean=False)
    print("\nwhat the photo alone tells")
    summary = {name: mean_row(list(rows.values())) for name, rows in baselines.items()}
    print_table(summary, with_mean=False)
    mean = mean_row(list(means.values()))
    return {"clips": means, "seeds": seeds, "mean": mean, "spread": spreads, "baselines": summary}


def evaluate_photos(animator: Animator, folder: Path, steps: int | None, seeds: int) -> dict[str, Row]:
    """Every photo's `stillness`, mean of the seeds."""
    rows = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTOS):
        pixels = animator.read(path)
        volumes = (animator.predict(pixels, seed=seed, steps=steps) for seed in range(seeds))
        rows[path.name] = mean_row([stillness(volume) for volume in volumes])
    if not rows:
        raise PhotoError(f"{folder}: no photos in it; they end in {' '.join(sorted(PHOTOS))}")
    print_table(rows)
    print(f"{sum(row['still'] >= STILL_SHARE for row in rows.values())} of {len(rows)} photos stay still")
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave evaluate motion", description=__doc__)
    parser.add_argument("clips", type=Path, nargs="?", help="folder of loops, or of `stillwave train prepare`")
    parser.add_argument("--photos", type=Path, help="folder of photos in which nothing moves")
    parser.add_argument("--cache", type=Path, default=Path("flow"), help="where the clips' flow is kept")
    parser.add_argument("--bundle", help="default: the embedded one")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=[], help="clips to leave out")
    parser.add_argument("-o", "--output", type=Path, help="JSON")
    args = parser.parse_args(arguments)
    if not (args.clips or args.photos):
        parser.error("name a folder of clips, or --photos, or both")
    results: dict[str, object] = {}
    with Animator(args.bundle) as animator:
        if args.clips:
            clips = load_clips(args.clips, args.cache, tuple(args.without))
            results |= evaluate_clips(animator, clips, args.steps, args.seeds)
        if args.photos:
            results["photos"] = evaluate_photos(animator, args.photos, args.steps, args.seeds)
    if args.output:
        args.output.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
