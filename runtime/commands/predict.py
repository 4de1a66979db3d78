"""`stillwave predict`: photo to motion file."""

import argparse
from time import perf_counter

from ..animator import Animator
from ..edit import edited
from ..motion_file import MotionFile, write_motion
from ..output import check_output
from ..photo import resize
from .editing import edit_from
from .outcome import Outcome


def run(args: argparse.Namespace) -> Outcome:
    started = perf_counter()
    check_output(args.output)
    with Animator(args.bundle, args.backend, args.memory_budget, args.threads) as animator:
        pixels = animator.read(args.photo)
        volume = animator.predict(pixels, args.seed, args.steps)
        volume = edited(volume, edit_from(args), pixels.shape[1::-1], pixels.shape[1::-1])
        num_frequencies, _, height, width = volume.shape
        manifest = animator.manifest
        photo = resize(pixels, (width, height))
        write_motion(args.output, MotionFile(volume, photo, manifest.num_frames, manifest.fps, is_predicted=True))
    total_s = perf_counter() - started
    return Outcome(
        {
            "output": args.output,
            "num_frequencies": num_frequencies,
            "num_frames": manifest.num_frames,
            "width": width,
            "height": height,
            "total_s": round(total_s, 3),
        },
        f"{args.output}: {num_frequencies} frequencies on {width} x {height} in {total_s:.1f} s",
    )
