"""`stillwave render`: photo and motion file to looping video."""

import argparse
from time import perf_counter

from ..animator import Animator
from ..formats import output_format
from ..motion_file import read_motion
from .clip import budget_beside, write_clip
from .editing import edit_from
from .outcome import Outcome


def run(args: argparse.Namespace) -> Outcome:
    started = perf_counter()
    output_format(args.output, args.format, args.codec)
    motion = read_motion(args.motion)
    with (
        Animator(args.bundle, args.backend, budget_beside(args), args.threads) as animator,
        animator.scene(
            args.photo,
            motion.spectral_volume,
            args.size,
            motion.num_frames,
            motion.fps,
            edit_from(args),
            motion.is_predicted,
        ) as scene,
    ):
        return write_clip(scene, args, started)
