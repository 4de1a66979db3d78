"""`stillwave look`: how a photo moves, as one picture."""

import argparse
from time import perf_counter

from ..animator import Animator
from ..contact_sheet import contact_sheet
from ..edit import edited
from ..look import look
from ..output import atomic_output, check_output
from ..photo import render_size
from .editing import edit_from
from .outcome import Outcome

PANEL_SIDE = 384


def run(args: argparse.Namespace) -> Outcome:
    started = perf_counter()
    check_output(args.output)
    with Animator(args.bundle, args.backend, args.memory_budget, args.threads) as animator:
        pixels = animator.read(args.photo)
        size, manifest = pixels.shape[1::-1], animator.manifest
        volume = animator.predict(pixels, args.seed, args.steps)
        volume = edited(volume, edit_from(args), size, size)
        panel = render_size(size, PANEL_SIDE)
        with (
            animator.scene(pixels, volume, panel, manifest.num_frames, manifest.fps) as scene,
            atomic_output(args.output) as path,
        ):
            contact_sheet(look(scene)).save(path, "PNG")
    total_s = perf_counter() - started
    return Outcome({"output": args.output, "total_s": round(total_s, 3)}, f"{args.output}: written in {total_s:.1f} s")
