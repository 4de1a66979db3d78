"""`stillwave animate`: photo to looping video."""

import argparse
from time import perf_counter

from ..animator import Animator
from ..formats import output_format
from .clip import budget_beside, motion_seconds, write_clip
from .editing import edit_from
from .outcome import Outcome


def run(args: argparse.Namespace) -> Outcome:
    started = perf_counter()
    output_format(args.output, args.format, args.codec)  # refused now rather than after the prediction
    with (
        Animator(args.bundle, args.backend, budget_beside(args), args.threads) as animator,
        animator.analyze(
            args.photo, args.seed, args.steps, args.size, edit_from(args), motion_seconds(args)
        ) as scene,
    ):
        return write_clip(scene, args, started)
