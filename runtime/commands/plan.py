"""`stillwave plan`: the memory that a size takes, before anything runs."""

import argparse
from dataclasses import asdict

from ..animator import Animator
from ..budget import Parts
from ..memory import format_bytes
from ..output import atomic_output, check_output
from ..plan_picture import plan_picture
from .outcome import Outcome


def run(args: argparse.Namespace) -> Outcome:
    if args.output is not None:
        check_output(args.output)
    with Animator(args.bundle, args.backend, args.memory_budget, args.threads) as animator:
        plan, stages = animator.plan(args.size), animator.stages(args.size)
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
            "stages": stages,
        },
        f"{plan.table()}\n\n{_table(stages)}",
    )


def _table(stages: dict[str, Parts]) -> str:
    """A line for each stage: its peak, and what lives then."""
    rows = [f"{'stage':<8}{'peak':>12}   of which"]
    for stage, parts in stages.items():
        told = ", ".join(f"{name} {format_bytes(nbytes)}" for name, nbytes in parts.items())
        rows.append(f"{stage:<8}{format_bytes(sum(parts.values())):>12}   {told}")
    return "\n".join([*rows, "process: ONNX Runtime and Pillow, their code and tables, once"])
