"""`stillwave plan`: the memory that a size takes, before anything runs."""

import argparse
from dataclasses import asdict

from ..animator import Animator
from ..output import atomic_output, check_output
from ..plan_picture import plan_picture
from .outcome import Outcome


def run(args: argparse.Namespace) -> Outcome:
    if args.output is not None:
        check_output(args.output)
    with Animator(args.bundle, args.backend, args.memory_budget, args.threads) as animator:
        plan = animator.plan(args.size)
    if args.output is not None:
        with atomic_output(args.output) as path:
            plan_picture(plan).save(path, "PNG")
    buffers = [asdict(b) | {"offset": plan.offsets[b.name]} for b in plan.buffers]
    return Outcome(
        {
            "arena_bytes": plan.nbytes,
            "peak_live_bytes": plan.peak_live_bytes,
            "steps": plan.steps,
            "buffers": buffers,
        },
        plan.table(),
    )
