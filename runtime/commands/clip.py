"""A scene becomes a file: what `animate` and `render` share."""

import argparse
import sys
from time import perf_counter

import numpy as np
from tqdm import tqdm

from ..scene import Scene, frame_count
from ..video import VideoWriter
from .outcome import Outcome


def write_clip(scene: Scene, args: argparse.Namespace, started: float) -> Outcome:
    """Renders the scene to `args.output`; times count from `started`."""
    width, height = scene.size
    total = frame_count(args.seconds, args.fps)
    frame = np.empty((height, width, 3), np.uint8)
    first_frame_s = 0.0
    with (
        VideoWriter(args.output, scene.size, args.fps) as writer,
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
