"""Stage 2: what the image networks see of samples, cell by cell, and how these cells move.

`stillwave train cells CLIPS -o RUN` writes RUN/cells/NNNNNN.npz; it can be stopped and started, and two
can share the work. Samples are made as for the pool (samples.py), but only a few numbers are kept of each.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from tqdm import tqdm

from ..amplitude import AMPLITUDE_STEPS, cell_features
from ..clips import Clip
from ..image_encoder import ImageEncoder
from ..presets import PRESETS
from ..samples import load_clips, sample_from_clip, sample_from_scene
from .run import half_precision, load_average

KEPT = 96  # cells of a sample: neighbours tell the same
CLIP_SHARE = 0.5
SCENE = "scene"  # the source of procedural samples; others are named as their clip
FIRST_SCENE = 5_000_000


def draw(clips: list[Clip], index: int) -> tuple[str, np.ndarray, np.ndarray]:
    """Sample number `index`: its source, photo uint8 (2 Hg, 2 Wg, 3) and volume (K, 4, Hg, Wg)."""
    rng = np.random.default_rng((index, 3))
    if rng.random() < CLIP_SHARE:
        clip = clips[int(rng.integers(len(clips)))]
        return clip.video or clip.name, *sample_from_clip(clip, rng)
    return SCENE, *sample_from_scene(FIRST_SCENE + index)


def cells_of(encoder: ImageEncoder, photo: np.ndarray, volume: np.ndarray) -> dict[str, np.ndarray]:
    """Features (C, N), how much of each cell exceeds each amplitude step (steps, N) and RMS of |S_k| (K-1, N)."""
    planes = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad(), half_precision():
        features = cell_features(*encoder.see(planes.to(memory_format=torch.channels_last)))
    power = torch.from_numpy((volume[1:].astype(np.float32) ** 2).sum(1))
    exceeds = (2 * power.sum(0)).sqrt() > torch.tensor(AMPLITUDE_STEPS)[:, None, None]
    cell = power.shape[1] // features.shape[2]
    columns = {
        "features": features[0],
        "exceeds": functional.avg_pool2d(exceeds.float(), cell),
        "bands": functional.avg_pool2d(power, cell).sqrt(),
    }
    return {name: x.flatten(1).half().numpy() for name, x in columns.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave train cells", description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("-o", "--run", type=Path, required=True, help="where the image encoder was trained")
    parser.add_argument("--preset", choices=PRESETS, default="edge")
    parser.add_argument("--cache", type=Path, help="where the clips' flow is kept; default: RUN/pool/flow")
    parser.add_argument("--without", nargs="*", default=[], help="clips to hold out")
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    torch.set_num_threads(args.threads)

    encoder = load_average(args.run, "encoder", ImageEncoder(PRESETS[args.preset]))
    encoder = encoder.to(memory_format=torch.channels_last)
    clips = load_clips(args.clips, args.cache or args.run / "pool" / "flow", tuple(args.without))
    folder = args.run / "cells"
    folder.mkdir(parents=True, exist_ok=True)
    for index in tqdm(range(args.start, args.start + args.count), mininterval=10):
        path = folder / f"{index:06d}.npz"
        if path.exists():
            continue
        source, photo, volume = draw(clips, index)
        columns = cells_of(encoder, photo, volume)
        kept = np.random.default_rng((index, 4)).permutation(columns["features"].shape[1])[:KEPT]
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, source=source, **{name: x[:, kept] for name, x in columns.items()})
        partial.rename(path)


if __name__ == "__main__":
    main()
