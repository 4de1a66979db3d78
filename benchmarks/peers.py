"""`python benchmarks/peers.py`: the runtime against the same networks and splat in PyTorch eager.

Both have the same weights (a training run's, or random ones exported for the occasion) and as many
threads. They take turns, each in a process of its own with imports and weights loaded before the
clock starts; their frames are compared first. The ratio is that of the medians over all turns.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from machine import FOLDER, machine, result_path, write_result

from stillwave.kernels import build_info
from stillwave.runtime.photo import Pixels, read_photo

SIDES = ("stillwave", "eager", "eager channels-last")
STEPS, FRAMES = 4, 150
KEPT = (0, 40, 110)  # frames that are compared
LEAST_DB = 35  # between the sides; they interpolate the motion differently
SIZE = (512, 288)


class VerificationError(Exception):
    """The two sides do not make the same frames."""


def main() -> None:
    args = parser().parse_args()
    if args.side:
        return print(json.dumps(run_side(args)))
    turns: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        bundle = args.bundle or export(args.run, Path(folder, "edge"))
        for turn in range(args.turns):
            for side in SIDES:
                turns[side].append(take_turn(args, side, bundle, Path(folder, f"{side}.npz")))
            if turn == 0:
                agreement = verify(Path(folder))
                print(f"frames agree to {min(agreement.values()):.1f} dB")
    result = {"machine": machine(), "settings": settings_of(args), "agreement_db": agreement, **compare(turns)}
    print_table(result)
    if args.json:
        write_result(args.json, result)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = options.add_argument
    add("--photo", type=Path, default=FOLDER.parent / "examples" / "dandelion.jpg", help="default: %(default)s")
    add("--run", type=Path, help="folder of a training run (default: random weights)")
    add("--bundle", type=Path, help="that run, exported (default: exported now)")
    add("--threads", type=int, default=0, help="default: one for each core")
    add("--frames", type=int, default=FRAMES, help="default: %(default)s")
    add("--turns", type=int, default=5, help="of each side (default: %(default)s)")
    kept = result_path("peers")
    add("--json", type=Path, nargs="?", const=kept, metavar="FILE", help=f"without FILE: results/{kept.name}")
    add("--side", choices=SIDES, help=argparse.SUPPRESS)
    add("--keep", type=Path, help=argparse.SUPPRESS)
    return options


def export(run: Path | None, folder: Path) -> Path:
    source = [str(run)] if run else ["--random-weights"]
    subprocess.run([sys.executable, "-m", "stillwave.export", *source, "-o", str(folder)], check=True)
    return folder


def take_turn(args: argparse.Namespace, side: str, bundle: Path, keep: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--side", side, "--photo", args.photo, "--bundle", bundle, "--keep", keep]
    command += ["--threads", args.threads, "--frames", args.frames, *(["--run", args.run] if args.run else [])]
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def run_side(args: argparse.Namespace) -> dict[str, float]:
    """Wall and processor seconds of the analysis and of the frame loop; some frames are kept in a file."""
    pixels = read_photo(args.photo, SIZE)
    make = stillwave_side if args.side == "stillwave" else eager_side
    analyze = make(args, pixels)
    kept = []
    start = perf_counter(), process_time()
    frames = analyze()
    middle = perf_counter(), process_time()
    for i, frame in enumerate(frames):
        if i in KEPT:
            kept.append(frame.copy())
    end = perf_counter(), process_time()
    np.savez(args.keep, frames=np.stack(kept))
    spans = {"analysis": (start, middle), "frames": (middle, end), "whole": (start, end)}
    return {
        f"{stage} {clock}": b[i] - a[i] for stage, (a, b) in spans.items() for i, clock in enumerate(("wall", "cpu"))
    }


Analysis = Callable[[], Iterator[Pixels]]


def stillwave_side(args: argparse.Namespace, pixels: Pixels) -> Analysis:
    from stillwave.runtime import Animator

    animator = Animator(args.bundle, "cpu", threads=args.threads)
    out = np.empty_like(pixels)
    return lambda: animator.analyze(pixels, steps=STEPS).frames(args.frames / 30, 30, out=out)


def eager_side(args: argparse.Namespace, pixels: Pixels) -> Analysis:
    import eager
    import torch

    from stillwave.export.networks import networks_of, random_weights, trained_weights
    from stillwave.model.presets import EDGE

    torch.set_num_threads(args.threads or build_info()["threads_default"])
    torch.set_grad_enabled(False)
    weights = trained_weights(EDGE, args.run) if args.run else random_weights(EDGE)
    networks = {network.name: network for network in networks_of(EDGE, weights)}
    if args.side.endswith("channels-last"):
        for network in networks.values():
            network.module.to(memory_format=torch.channels_last)
    animator = eager.EagerAnimator(args.bundle, networks, weights.renderer)
    return lambda: animator.eager_scene(pixels, STEPS).frames(args.frames)


def verify(folder: Path) -> dict[str, float]:
    """PSNR of each PyTorch side's frames against ours, or `VerificationError`."""
    ours, *theirs = (np.load(folder / f"{side}.npz")["frames"] / 255.0 for side in SIDES)
    agreement = {}
    for side, frames in zip(SIDES[1:], theirs, strict=True):
        agreement[side] = round(float(-10 * np.log10(max(np.mean((frames - ours) ** 2), 1e-10))), 1)
        if agreement[side] < LEAST_DB:
            raise VerificationError(f"{side}: frames are {agreement[side]} dB from ours, want {LEAST_DB} or more")
    return agreement


def compare(turns: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Medians of each side, and how many times longer the faster of the PyTorch sides takes."""
    medians = {}
    for side, taken in turns.items():
        medians[side] = {stage: statistics.median(turn[stage] for turn in taken) for stage in taken[0]}
    ours, *theirs = medians.values()
    ratios = {k: round(min(side[k] for side in theirs) / ours[k], 2) for k in ours}
    return {"median_s": medians, "ratio": ratios, "turns": turns}


def settings_of(args: argparse.Namespace) -> dict[str, object]:
    threads = args.threads or build_info()["threads_default"]
    weights = "trained" if args.run else "random"
    return {"size": SIZE, "frames": args.frames, "steps": STEPS, "threads": threads, "weights": weights}


def print_table(result: dict[str, Any]) -> None:
    stages = list(result["ratio"])
    print(f"{'s':<22}" + "".join(f"{stage:>15}" for stage in stages))
    for side, medians in result["median_s"].items():
        print(f"{side:<22}" + "".join(f"{medians[stage]:>15.2f}" for stage in stages))
    print(f"{'ratio':<22}" + "".join(f"{result['ratio'][stage]:>14.2f}x" for stage in stages))


if __name__ == "__main__":
    main()
