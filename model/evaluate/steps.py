"""How a motion depends on the sampler's steps, one photo (the first frame) of every clip, the same noise for all.

`stillwave evaluate steps CLIPS -o steps.json --plot steps.png`
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from time import process_time

import numpy as np
from PIL import Image, ImageDraw

from stillwave.runtime import Animator, spectrum
from stillwave.runtime.contact_sheet import PAPER
from stillwave.runtime.output import atomic_output

from ..samples import load_clips
from ..train.curves import COLUMNS, PANEL, draw_panel
from .measures import compare_motion
from .motion import photo_gradient
from .table import Row, mean_row, print_table

PLOTTED = ("auc", "auc_textured", "rank", "rank_textured", "power_decades", "shape_decades", "apart", "cpu_s")
COUNTS = (1, 2, 3, 4, 6, 8, 16, 50, 250)


def apart(volume: np.ndarray, other: np.ndarray) -> float:
    """The squared difference of two motions over the other's square, whenever in its period each begins."""
    z, w = (S[1:, 0::2] + 1j * S[1:, 1::2] for S in (volume, other))
    common = (z.conj() * w).sum((1, 2, 3))
    moments = np.arange(0, 1, 1 / (16 * len(volume)))
    most = (np.exp(-2j * np.pi * np.outer(moments, np.arange(1, len(volume)))) @ common).real.max()
    return max(0.0, float(1 + ((abs(z) ** 2).sum() - 2 * most) / (abs(w) ** 2).sum()))


def measured(animator: Animator, clips: list, counts: Sequence[int], seed: int) -> dict[int, Row]:
    """Means over the clips of the measures of `evaluate motion`; `apart` from the motion of the most steps; `cpu_s`
    of a photo's motion, all threads.
    """
    rows: dict[int, list[Row]] = {count: [] for count in counts}
    for clip in clips:
        photo, (height, width) = clip.frames[0], clip.volume.shape[2:]
        gradient, volumes, times = photo_gradient(photo, width, height), {}, {}
        for count in counts:
            started = process_time()
            volume = animator.predict(photo, seed=seed, steps=count)
            volumes[count], times[count] = spectrum.resize_volume(volume, height, width), process_time() - started
        for count, volume in volumes.items():
            row = compare_motion(volume, clip.volume, gradient)
            rows[count].append({**row, "apart": apart(volume, volumes[max(counts)]), "cpu_s": times[count]})
    return {count: mean_row(found) for count, found in rows.items()}


def plot(rows: dict[int, Row]) -> Image.Image:
    """A panel for each of the measures that a model is judged by, from 0 to 1 where they go so far, over log steps."""
    counts = np.array(list(rows), float)
    curves = {name: np.array([row[name] for row in rows.values()]) for name in PLOTTED}
    curves = {name: curve for name, curve in curves.items() if np.isfinite(curve).all()}
    image = Image.new("RGB", (COLUMNS * PANEL[0], -(-len(curves) // COLUMNS) * PANEL[1]), PAPER)
    draw = ImageDraw.Draw(image)
    for i, (name, curve) in enumerate(curves.items()):
        corner = (i % COLUMNS * PANEL[0], i // COLUMNS * PANEL[1])
        limits = (0.0, 1.0) if curve.min() >= 0 and curve.max() <= 1 else None
        draw_panel(draw, corner, f"{name} at {counts[-1]:.0f}", counts, curve, is_log_across=True, limits=limits)
    return image


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave evaluate steps", description=__doc__)
    parser.add_argument("clips", type=Path, help="folder of loops, or of `stillwave train prepare`")
    parser.add_argument("--cache", type=Path, default=Path("flow"), help="where the clips' flow is kept")
    parser.add_argument("--bundle", help="default: the embedded one")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="default: %(default)s")
    parser.add_argument("--only", nargs="*", default=[], help="clips, by name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="JSON")
    parser.add_argument("--plot", type=Path, help="PNG")
    args = parser.parse_args(arguments)
    clips = [clip for clip in load_clips(args.clips, args.cache) if not args.only or clip.name in args.only]
    if not clips:
        parser.error(f"no clip in {args.clips} is called {' or '.join(args.only)}")
    with Animator(args.bundle, threads=args.threads) as animator:
        rows = measured(animator, clips, sorted(set(args.counts)), args.seed)
    print_table({f"{count} steps": row for count, row in rows.items()}, with_mean=False)
    if args.output:
        args.output.write_text(json.dumps({"clips": [clip.name for clip in clips], "steps": rows}, indent=1))
    if args.plot:
        with atomic_output(args.plot) as partial:
            plot(rows).save(partial, "PNG")


if __name__ == "__main__":
    main()
