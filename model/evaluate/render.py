"""Rendered against real frames, each clip or scene driven by its own motion, beside average splatting.

`stillwave evaluate render CLIPS -o results.json`
`stillwave evaluate render --scenes 20 -o results.json`
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from stillwave.kernels import splat
from stillwave.runtime import Animator, spectrum

from ..clips import Clip, load_clip
from .measures import psnr, structural_similarity
from .table import print_table

MOVING_PX = 1.0  # mean displacement, px of the frame
FIRST_SCENE = 9_000_000  # seeds nothing is trained on
SCENE_SIZE, SCENE_FRAMES = (512, 288), 150


def average_splat(photo: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Every pixel carried along, bilinear, equal weights; holes in-painted: uint8 (H, W, 3)."""
    ones = np.ones((*photo.shape[:2], 1), np.float32)
    features = np.concatenate([photo.astype(np.float32), ones], 2)
    warped = splat(features, motion, np.zeros(photo.shape[:2], np.float32))
    holes = (warped[..., 3] < 0.5).astype(np.uint8)
    pixels = warped[..., :3].round().clip(0, 255).astype(np.uint8)
    return cv2.inpaint(pixels, holes, 3, cv2.INPAINT_TELEA) if holes.any() else pixels


def measured_clips(folder: Path, cache: Path, only: Sequence[str]) -> Iterator[Clip]:
    for path in sorted(folder.glob("*.mp4")):
        if not only or path.stem in only:
            yield load_clip(path, cache)


def layered_scenes(count: int) -> Iterator[Clip]:
    """Procedural scenes, their motion as sharp as their edges."""
    from ..scenes import Scene

    for seed in range(FIRST_SCENE, FIRST_SCENE + count):
        scene = Scene.random(seed, SCENE_SIZE)
        yield Clip(str(seed), SceneFrames(scene), scene.spectral_volume(SCENE_SIZE))


class SceneFrames:
    """The frames of a scene, each drawn when asked for; frame 0 is its photo."""

    def __init__(self, scene):
        self.scene, self.photo = scene, scene.photo()
        self.shape = (SCENE_FRAMES, *self.photo.shape)

    def __len__(self) -> int:
        return SCENE_FRAMES

    def __getitem__(self, t: int) -> np.ndarray:
        return self.scene.frame(float(t)) if t else self.photo


def compare_clip(animator: Animator, clip: Clip, num_frames: int) -> dict[str, float]:
    """Means over frames. Average splatting moves by F_t - F_0; `start_gain_db` is what it gains by the motion
    the runtime renders, `spectrum.measured_for`; the rest of `gain_db` is the network's.
    """
    T, photo = len(clip.frames), clip.frames[0]
    motion = spectrum.motion_from_volume(clip.volume, T)
    started = spectrum.motion_from_volume(spectrum.measured_for(clip.volume, photo.shape[:2]), T)
    motion -= motion[:1]
    moving = at_size(np.linalg.norm(motion, axis=1).mean(0), photo) > MOVING_PX
    rows = []
    with animator.scene(photo, clip.volume, num_frames=T) as scene:
        for t in np.linspace(T / num_frames, T - T / num_frames, num_frames).astype(int):
            average, start = (
                average_splat(photo, np.stack([at_size(m, photo) for m in planes], 2))
                for planes in (motion[t], started[t])
            )
            rows.append(compare_frame(clip.frames[t], scene.frame(float(t)), average, start, moving))
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def at_size(plane: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Displacements, px of a grid, as px of the photo."""
    height, width = photo.shape[:2]
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(width / plane.shape[1])


def compare_frame(
    target: np.ndarray, ours: np.ndarray, average: np.ndarray, start: np.ndarray, moving: np.ndarray
) -> dict[str, float]:
    base = psnr(average, target)
    in_motion = psnr(ours, target, moving) - psnr(average, target, moving) if moving.any() else np.nan
    return {
        "ours_db": psnr(ours, target),
        "average_db": base,
        "gain_db": psnr(ours, target) - base,
        "moving_gain_db": in_motion,
        "ssim_gain": structural_similarity(ours, target) - structural_similarity(average, target),
        "start_gain_db": psnr(start, target) - base,
        "sharpness": laplacian_power(ours) / laplacian_power(target),
        "average_sharpness": laplacian_power(average) / laplacian_power(target),
    }


def laplacian_power(image: np.ndarray) -> float:
    return float(np.square(cv2.Laplacian(image.astype(np.float32).mean(2), cv2.CV_32F)).mean())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave evaluate render", description=__doc__)
    parser.add_argument("clips", type=Path, nargs="?")
    parser.add_argument("--scenes", type=int, help="procedural scenes instead, so many")
    parser.add_argument("--cache", type=Path, default=Path("flow"), help="where the clips' flow is kept")
    parser.add_argument("--only", nargs="*", default=[], help="clips, by name")
    parser.add_argument("--bundle", help="default: the embedded one")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="JSON")
    args = parser.parse_args(arguments)
    if (args.clips is None) == (args.scenes is None):
        parser.error("give a folder of clips, or --scenes and a count")
    clips = layered_scenes(args.scenes) if args.scenes else measured_clips(args.clips, args.cache, args.only)
    with Animator(args.bundle, threads=args.threads) as animator:
        rows = {clip.name: compare_clip(animator, clip, args.frames) for clip in clips}
    print_table(rows)
    if args.output:
        args.output.write_text(json.dumps({"clips": rows}, indent=1))


if __name__ == "__main__":
    main()
