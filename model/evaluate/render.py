"""Rendered against real frames, each clip driven by its own motion, beside average splatting.

`stillwave evaluate render CLIPS -o results.json`
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from stillwave.kernels import splat
from stillwave.runtime import Animator, spectrum

from ..clips import Clip
from ..samples import load_clips
from .measures import motion_map, psnr
from .table import print_table

MOVING_PX = 1.0


def average_splat(photo: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Every pixel carried along, bilinear, equal weights; holes keep the photo: uint8 (H, W, 3)."""
    ones = np.ones((*photo.shape[:2], 1), np.float32)
    features = np.concatenate([photo.astype(np.float32), ones], 2)
    warped = splat(features, motion, np.zeros(photo.shape[:2], np.float32))
    covered = warped[..., 3:] > 0.5
    return np.where(covered, warped[..., :3], photo).round().clip(0, 255).astype(np.uint8)


def compare_clip(animator: Animator, clip: Clip, num_frames: int) -> dict[str, float]:
    height, width = clip.frames.shape[1:3]
    T = len(clip.frames)
    motion = spectrum.motion_from_volume(clip.volume, T)
    motion -= motion[:1]
    moving = cv2.resize(motion_map(clip.volume), (width, height)) * (width / motion.shape[3]) > MOVING_PX
    rows = []
    with animator.scene(clip.frames[0], clip.volume, num_frames=T) as scene:
        for t in np.linspace(T / num_frames, T - T / num_frames, num_frames).astype(int):
            planes = [cv2.resize(m, (width, height), interpolation=cv2.INTER_CUBIC) for m in motion[t]]
            flow = np.stack(planes, 2) * np.float32(width / motion.shape[3])
            ours, average = scene.frame(float(t)), average_splat(clip.frames[0], flow)
            target = clip.frames[t]
            gain = psnr(ours, target) - psnr(average, target)
            moving_gain = psnr(ours, target, moving) - psnr(average, target, moving) if moving.any() else np.nan
            rows.append((psnr(ours, target), psnr(average, target), gain, moving_gain))
    columns = ("ours_db", "average_db", "gain_db", "moving_gain_db")
    return dict(zip(columns, np.mean(rows, 0).tolist(), strict=True))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave evaluate render", description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("flow"), help="where the clips' flow is kept")
    parser.add_argument("--bundle", help="default: the embedded one")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("-o", "--output", type=Path, help="JSON")
    args = parser.parse_args(arguments)
    with Animator(args.bundle) as animator:
        rows = {c.name: compare_clip(animator, c, args.frames) for c in load_clips(args.clips, args.cache)}
    print_table(rows)
    if args.output:
        args.output.write_text(json.dumps({"clips": rows}, indent=1))


if __name__ == "__main__":
    main()
