"""Generated against real videos, as the paper measures them: FID, KID, FVD, DTFVD, and how they change with time.

`stillwave evaluate video CLIPS --inception inception.pt --i3d i3d.pt --dt-i3d i3d_dt.pt -o results.json`
makes a video of every clip's first frame; `--motion`, `--frequencies` and `--renderer` choose ablations. With
`--encoder-weights`, the same distances on a MobileNetV2's features: NOT comparable to the paper's.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch

from stillwave.runtime import Animator
from stillwave.runtime.contact_sheet import Proof, contact_sheet

from ..samples import load_clips
from .distances import frechet, kernel
from .features import (
    I3DFeatures,
    InceptionFeatures,
    TrunkFeatures,
    TrunkMotion,
    features_of_frames,
    features_of_windows,
)
from .generated import ABLATIONS, MOTIONS, RENDERERS, Method, generate
from .table import print_table

CROP = (256, 128)  # width, height, px: the paper's
WINDOW_STRIDE = 4  # frames between windows
SLIDING_FRAMES, SLIDING_STRIDE = 30, 10


@dataclass(frozen=True)
class Measure:
    """A distance: what it is called, how a video (T, H, W, 3) becomes features (N, C), and how sets compare.

    length  frames that a feature is made of
    stride  frames between features
    """

    name: str
    features: Callable[[np.ndarray], np.ndarray]
    compare: Callable[[np.ndarray, np.ndarray], float]
    length: int = 1
    stride: int = 1


def measures(inception: Path | None, i3d: Path | None, dt_i3d: Path | None, trunk: Path | None) -> list[Measure]:
    """All that the given weights allow."""
    found = []
    if inception:
        frames = partial(features_of_frames, InceptionFeatures(inception))
        found += [Measure("FID", frames, frechet), Measure("KID", frames, kernel)]
    videos = [("FVD", i3d and I3DFeatures(i3d)), ("DTFVD", dt_i3d and I3DFeatures(dt_i3d))]
    if trunk:
        frames = partial(features_of_frames, TrunkFeatures(trunk))
        found += [Measure("trunk FID", frames, frechet), Measure("trunk KID", frames, kernel)]
        videos.append(("trunk FVD", TrunkMotion(trunk)))
    for name, network in videos:
        for length, suffix in ((16, ""), (32, "32")) if network else ():
            windows = partial(features_of_windows, network, length=length, stride=WINDOW_STRIDE)
            found.append(Measure(name + suffix, windows, frechet, length, WINDOW_STRIDE))
    return found


def centre_crop(frames: np.ndarray) -> np.ndarray:
    """The middle of each frame, 256 x 128 px, as large as fits: uint8 (T, 128, 256, 3)."""
    height, width = frames.shape[1:3]
    scale = max(CROP[0] / width, CROP[1] / height)
    w, h = round(width * scale), round(height * scale)
    x, y = (w - CROP[0]) // 2, (h - CROP[1]) // 2
    resized = (cv2.resize(f, (w, h), interpolation=cv2.INTER_AREA) for f in frames)
    return np.stack([f[y : y + CROP[1], x : x + CROP[0]] for f in resized])


def sliding(measure: Measure, real: list[np.ndarray], generated: list[np.ndarray]) -> dict[int, float]:
    """Distance of what is generated around each time to all that is real: first frame -> distance (paper, fig. 4)."""
    everything = np.concatenate(real)
    wanted = SLIDING_FRAMES if measure.length == 1 else measure.length
    count = max(1, (wanted - measure.length) // measure.stride + 1)
    step = max(1, SLIDING_STRIDE // measure.stride)
    longest = min(len(features) for features in generated)
    result = {}
    for first in range(0, longest - count + 1, step):
        part = np.concatenate([features[first : first + count] for features in generated])
        if len(part) > 1:
            result[first * measure.stride] = measure.compare(everything, part)
    return result


def slice_proof(name: str, real: np.ndarray, generated: np.ndarray) -> Proof:
    """X-t slices (paper figure 5) along the real video's liveliest row, time downwards: real above generated."""
    row = int(real.astype(np.float32).std(0).mean((1, 2)).argmax())
    return Proof(f"{name}, row {row}", (real[:, row], generated[:, row]))


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stillwave evaluate video", description=__doc__)
    parser.add_argument("clips", type=Path, help="folder of loops, or of `stillwave train prepare`")
    parser.add_argument("--cache", type=Path, default=Path("flow"), help="where the clips' flow is kept")
    parser.add_argument("--bundle", help="default: the embedded one")
    parser.add_argument("--without", nargs="*", default=[], help="clips to leave out")
    parser.add_argument("--inception", type=Path, help="TorchScript Inception v3: FID, KID")
    parser.add_argument("--i3d", type=Path, help="TorchScript I3D on Kinetics: FVD")
    parser.add_argument("--dt-i3d", type=Path, help="TorchScript I3D on dynamic textures: DTFVD")
    parser.add_argument("--encoder-weights", type=Path, help="MobileNetV2: distances not comparable to the paper's")
    parser.add_argument("--motion", choices=MOTIONS, default="predicted", help="none: the photo repeated")
    parser.add_argument("--frequencies", type=int, default=16, help="kept of the motion, k = 0 counts")
    parser.add_argument("--renderer", choices=RENDERERS, default="network")
    parser.add_argument("--ablations", action="store_true", help="the paper's, of motion and rendering, in one table")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int, default=150, help="of each video, at most (default: %(default)s)")
    parser.add_argument("--width", type=int, default=512, help="that videos are rendered at (default: %(default)s)")
    parser.add_argument("--slices", type=Path, metavar="OUT.png", help="X-t slices, real above generated")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, help="JSON")
    return parser


def evaluate(args: argparse.Namespace, chosen: list[Measure], methods: dict[str, Method]) -> tuple[dict, list[Proof]]:
    """Distances of each method's videos to the real ones, and X-t slices of the first method."""
    real: dict[str, list[np.ndarray]] = {m.name: [] for m in chosen}
    made: dict[str, dict[str, list[np.ndarray]]] = {name: {m.name: [] for m in chosen} for name in methods}
    proofs = []
    with Animator(args.bundle) as animator:
        for clip in load_clips(args.clips, args.cache, tuple(args.without)):
            count = min(len(clip.frames), args.frames)
            frames = np.stack([clip.frames[t] for t in range(count)])
            size = (args.width, round(args.width * frames.shape[1] / frames.shape[2]))
            frames = centre_crop(frames)
            keep_features(chosen, frames, real)
            for i, (name, method) in enumerate(methods.items()):
                generated = centre_crop(generate(animator, clip, method, count, size))
                keep_features(chosen, generated, made[name])
                if i == 0:
                    proofs.append(slice_proof(clip.name, frames, generated))
    return {name: compare_all(chosen, real, features) for name, features in made.items()}, proofs


def keep_features(chosen: list[Measure], frames: np.ndarray, kept: dict[str, list[np.ndarray]]) -> None:
    """Adds a video's features to those of each measure that it is long enough for."""
    for measure in chosen:
        if len(frames) >= measure.length:
            kept[measure.name].append(measure.features(frames))


def compare_all(chosen: list[Measure], real: dict, made: dict) -> dict[str, dict]:
    distances, over_time = {}, {}
    for measure in chosen:
        a, b = real[measure.name], made[measure.name]
        if sum(map(len, b)) < 2:
            print(f"{measure.name}: the videos are too short for windows of {measure.length} frames")
            continue
        distances[measure.name] = measure.compare(np.concatenate(a), np.concatenate(b))
        over_time[measure.name] = sliding(measure, a, b)
    return {"distances": distances, "over_time": over_time}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = options()
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    chosen = measures(args.inception, args.i3d, args.dt_i3d, args.encoder_weights)
    if not (chosen or args.slices):
        parser.error("nothing to measure with: give --inception, --i3d, --dt-i3d, --encoder-weights, or --slices")
    one = Method(args.motion, args.frequencies, args.renderer, args.seed, args.steps)
    methods = ABLATIONS if args.ablations else {args.motion: one}
    results, proofs = evaluate(args, chosen, methods)
    if chosen:
        print_table({name: row["distances"] for name, row in results.items()}, with_mean=False)
    if args.encoder_weights:
        print("trunk distances are of MobileNetV2 features: not comparable to the paper's")
    if args.slices:
        contact_sheet(proofs).save(args.slices)
    if args.output:
        record = {name: {"method": asdict(methods[name]), **row} for name, row in results.items()}
        facts = {"clips": len(proofs), "frames": args.frames, "width": args.width}
        args.output.write_text(json.dumps({**facts, "methods": record}, indent=1))


if __name__ == "__main__":
    main()
