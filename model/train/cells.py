"""Stage 2: what the image networks see of samples, cell by cell, and how these cells move.

`stillwave train cells CLIPS -o RUN` writes RUN/cells/NNNNNNN.npz; it can be stopped and started, and two
can share the work. Samples are made as for the pool (samples.py), but only a few numbers are kept of each.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from tqdm import tqdm

from ..amplitude import AMPLITUDE_STEPS
from ..arrays import write_arrays
from ..clips import FLOW_SIZE, Clip, read_frames
from ..evaluate.motion import PHOTOS
from ..image_encoder import ImageEncoder
from ..options import SAMPLES_OF_A_SEED, parse
from ..presets import PRESETS
from ..samples import load_clips, sample_from_clip, sample_from_scene
from .run import half_precision, load_average

STILL = "still/"  # before the name of a photo in which nothing moves
KEPT = 96  # cells of a sample: neighbours tell the same
CLIP_SHARE = 0.5
SCENE = "scene"  # the source of procedural samples; others are named as their clip
FIRST_SCENE, FIRST_STILL = 5_000_000, 6_000_000
STILL_SAMPLES = 30  # of each still photo
GREY, TINTED, TINT = 0.25, 0.25, 0.25  # shares of the samples without colour and in another light, and its deviation


def draw(clips: list[Clip], index: int) -> tuple[str, np.ndarray, np.ndarray]:
    """Sample number `index`: its source, photo uint8 (2 Hg, 2 Wg, 3) and volume (K, 4, Hg, Wg)."""
    rng = np.random.default_rng((index, 3))
    if rng.random() < CLIP_SHARE:
        clip = clips[int(rng.integers(len(clips)))]
        return clip.video or clip.name, *sample_from_clip(clip, rng)
    return SCENE, *sample_from_scene(FIRST_SCENE + index)


def still_clips(folder: Path) -> list[Clip]:
    """Photos in which nothing moves, as clips of one frame."""
    nothing = np.zeros((16, 4, FLOW_SIZE[1] // 2, FLOW_SIZE[0] // 2), np.float32)
    photos = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in PHOTOS]
    return [Clip(STILL + path.stem, read_frames(path, 1), nothing, is_loop=False) for path in photos]


def draw_still(photo: Clip, number: int) -> tuple[str, np.ndarray, np.ndarray]:
    return photo.name, *sample_from_clip(photo, np.random.default_rng((number, 5)))


def regraded(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Some photos without colour and some in coloured light: neither tells whether anything moves."""
    kind = rng.random()
    if kind < GREY:
        return np.repeat(photo.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    if kind < GREY + TINTED:
        return np.clip(photo * np.exp(rng.normal(0, TINT, 3)), 0, 255).astype(np.uint8)
    return photo


def cells_of(encoder: ImageEncoder, photo: np.ndarray, volume: np.ndarray) -> dict[str, np.ndarray]:
    """Near and far features (C, N), how much of a cell exceeds each step (steps, N) and its RMS of |S_k| (K-1, N)."""
    planes = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad(), half_precision():
        planes = planes.to(memory_format=torch.channels_last)
        near, far = encoder.look(planes, encoder.see(planes))
    power = torch.from_numpy((volume[1:].astype(np.float32) ** 2).sum(1))
    exceeds = (2 * power.sum(0)).sqrt() > torch.tensor(AMPLITUDE_STEPS)[:, None, None]
    cell = power.shape[1] // near.shape[2]
    columns = {
        "near": near[0],
        "far": far[0],
        "exceeds": functional.avg_pool2d(exceeds.float(), cell),
        "bands": functional.avg_pool2d(power, cell).sqrt(),
    }
    return {name: x.flatten(1).half().numpy() for name, x in columns.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave train cells", description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("-o", "--run", type=Path, required=True, help="where the image encoder was trained")
    parser.add_argument("--cache", type=Path, help="where the clips' flow is kept; default: RUN/pool/flow")
    parser.add_argument("--still", type=Path, help="folder of photos in which nothing moves")
    parser.add_argument("--without", nargs="*", default=[], help="clips to hold out")
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    args = parse(parser, arguments)

    encoder = load_average(args.run, "encoder", ImageEncoder(PRESETS[args.preset]))
    encoder = encoder.to(memory_format=torch.channels_last)
    clips = load_clips(args.clips, args.cache or args.run / "pool" / "flow", tuple(args.without))
    folder = args.run / "cells"
    folder.mkdir(parents=True, exist_ok=True)
    first = args.seed * SAMPLES_OF_A_SEED
    start, still = first + args.start, first + FIRST_STILL
    draws = {index: partial(draw, clips, index) for index in range(start, start + args.count)}
    for i, photo in enumerate(still_clips(args.still) if args.still else []):
        for number in range(still + i * STILL_SAMPLES, still + (i + 1) * STILL_SAMPLES):
            draws[number] = partial(draw_still, photo, number)
    for number, sample in tqdm(draws.items(), mininterval=10):
        path = folder / f"{number:07d}.npz"
        if not path.exists():
            write_cells(path, encoder, *sample())


def write_cells(path: Path, encoder: ImageEncoder, source: str, photo: np.ndarray, volume: np.ndarray) -> None:
    columns = cells_of(encoder, regraded(photo, np.random.default_rng((int(path.stem), 9))), volume)
    kept = np.random.default_rng((int(path.stem), 4)).permutation(columns["near"].shape[1])[:KEPT]
    write_arrays(path, source=source, **{name: x[:, kept] for name, x in columns.items()})


if __name__ == "__main__":
    main()
