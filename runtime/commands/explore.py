"""`stillwave explore`: a contact sheet of several seeds, each at its farthest and as a map of motion."""

import argparse
from time import perf_counter

import numpy as np

from ..animator import Animator
from ..contact_sheet import Proof, contact_sheet
from ..edit import Edit, edited
from ..motion_picture import farthest_time, motion_at, motion_map
from ..output import atomic_output, check_output
from ..photo import Pixels, Size, render_size, resize
from ..spectrum import Float
from .editing import edit_from
from .outcome import Outcome

PROOF_SIDE = 384


def run(args: argparse.Namespace) -> Outcome:
    started = perf_counter()
    check_output(args.output)
    edit = edit_from(args)
    with Animator(args.bundle, args.backend, args.memory_budget, args.threads) as animator:
        pixels = animator.read(args.photo)
        seeds = range(args.seed, args.seed + args.count)
        proofs = [_proof(animator, pixels, seed, args.steps, edit) for seed in seeds]
    with atomic_output(args.output) as path:
        contact_sheet(proofs).save(path, "PNG")
    total_s = perf_counter() - started
    return Outcome(
        {"output": args.output, "seeds": list(seeds), "total_s": round(total_s, 3)},
        f"{args.output}: seeds {seeds[0]} to {seeds[-1]} in {total_s:.1f} s; choose one with --seed",
    )


def _proof(animator: Animator, pixels: Pixels, seed: int, steps: int | None, edit: Edit) -> Proof:
    frame_size = pixels.shape[1::-1]
    volume = edited(animator.predict(pixels, seed, steps), edit, frame_size, frame_size)
    time = farthest_time(volume, animator.manifest.num_frames)
    size = render_size(frame_size, PROOF_SIDE)
    with animator.scene(pixels, volume, size, animator.manifest.num_frames, animator.manifest.fps) as scene:
        frame = scene.frame(time)
    return Proof(f"--seed {seed}", (frame, _map(pixels, volume, time, animator.manifest.num_frames, size)))


def _map(pixels: Pixels, volume: Float, time: float, num_frames: int, size: Size) -> Pixels:
    motion = motion_at(volume, time, num_frames)
    farthest = float(np.percentile(np.linalg.norm(motion, axis=-1), 99))
    return resize(motion_map(resize(pixels, motion.shape[1::-1]), motion, farthest), size)
