"""`stillwave scene`: photo to a page that moves and can be touched, in one HTML file."""

import argparse
from pathlib import Path
from time import perf_counter

from ..animator import Animator
from ..memory import format_bytes
from ..motion_file import read_motion
from ..output import atomic_output, check_output
from ..photo import LONGEST_SIDE, Pixels, read_photo
from ..scene import check_volume
from ..scene_page import html_from_motion
from ..spectrum import Float
from .outcome import Outcome


def run(args: argparse.Namespace) -> Outcome:
    started = perf_counter()
    check_output(args.output)
    pixels = read_photo(args.photo, args.size, LONGEST_SIDE)
    volume, num_frames, fps = _motion(args, pixels)
    page = html_from_motion(pixels, volume, num_frames, fps, Path(args.photo).stem).encode()
    with atomic_output(args.output) as temporary:
        temporary.write_bytes(page)
    total_s = perf_counter() - started
    height, width = pixels.shape[:2]
    return Outcome(
        {
            "output": args.output,
            "bytes": len(page),
            "width": width,
            "height": height,
            "total_s": round(total_s, 3),
        },
        f"{args.output}: {width} x {height}, {format_bytes(len(page))} in {total_s:.1f} s; open it in a browser",
    )


def _motion(args: argparse.Namespace, pixels: Pixels) -> tuple[Float, int, float]:
    """Spectral volume, its frames, and how many a second: from a motion file, or predicted."""
    if args.motion is not None:
        motion = read_motion(args.motion)
        volume = check_volume(motion.spectral_volume, pixels.shape[1::-1])
        return volume, motion.num_frames, motion.fps
    with Animator(args.bundle, args.backend, args.memory_budget, args.threads) as animator:
        volume = animator.predict(pixels, args.seed, args.steps)
        return volume, animator.manifest.num_frames, animator.manifest.fps
