"""A scene becomes a file: what `animate` and `render` share."""

import argparse
import sys
from time import perf_counter

import numpy as np
from tqdm import tqdm

from ..errors import BudgetError
from ..formats import encoder_bytes, output_format
from ..memory import format_bytes, parse_bytes
from ..photo import LONGEST_SIDE
from ..scene import Scene, frame_count
from ..video import VideoWriter
from .outcome import Outcome


def budget_beside(args: argparse.Namespace) -> str | int:
    """What the budget leaves for everything else, where the encoder takes more than H.264 does.

    Without --size the photo may be as large as a square of the longest side.
    """
    size = args.size or (LONGEST_SIDE, LONGEST_SIDE)
    format = output_format(args.output, args.format, args.codec)
    extra = encoder_bytes(format, args.codec, size) - encoder_bytes("mp4", None, size)
    if extra <= 0:
        return str(args.memory_budget)
    left = parse_bytes(args.memory_budget) - extra
    if left <= 0:
        raise BudgetError(
            f"encoding {size[0]} x {size[1]} takes {format_bytes(extra)} more than H.264,"
            f" the budget is {args.memory_budget}; raise --memory-budget, or write .mp4"
        )
    return left


def motion_seconds(args: argparse.Namespace) -> float | None:
    """How much of its own time a motion goes through in the clip, where it is guided to close; else None."""
    if args.loop != "guided":
        return None
    return float(frame_count(args.seconds, args.fps) / args.fps * args.speed)


def write_clip(scene: Scene, args: argparse.Namespace, started: float) -> Outcome:
    """Renders the scene to `args.output`; times count from `started`."""
    width, height = scene.size
    total = frame_count(args.seconds, args.fps)
    frame = np.empty((height, width, 3), np.uint8)
    first_frame_s = 0.0
    with (
        VideoWriter(args.output, scene.size, args.fps, args.format, args.codec) as writer,
        tqdm(total=total, unit="frame", disable=not sys.stderr.isatty()) as progress,
    ):
        for _ in scene.frames(args.seconds, args.fps, args.magnify, args.speed, frame, args.loop):
            writer.write(frame)
            first_frame_s = first_frame_s or perf_counter() - started
            progress.update()
    total_s = perf_counter() - started
    return Outcome(
        {
            "output": str(writer.path),
            "format": writer.format,
            "width": width,
            "height": height,
            "frames": writer.num_frames,
            "fps": args.fps,
            "first_frame_s": round(first_frame_s, 3),
            "total_s": round(total_s, 3),
        },
        f"{writer.path}: {writer.num_frames} frames of {width} x {height} in {total_s:.1f} s",
    )
