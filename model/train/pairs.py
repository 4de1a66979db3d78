"""What the renderer learns from: photo, later frame, and the motion between them, as crops.

Scenes are rendered ahead of time by `stillwave train pairs -o PAIRS --count 400`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from stillwave.runtime import spectrum
from stillwave.runtime.motion import activity_from_weight, importance_from_weight

from ..arrays import write_arrays
from ..clips import Clip
from ..options import SAMPLES_OF_A_SEED, add_seed

FIRST_SCENE = 2_000_000
CROP = (192, 128)  # width, height, px of the frame
TIMES_FOR_WEIGHT = 15
STRIDE = 20  # frames between the start frames of a clip
SCENE_SHARE = 0.3
SCENE_TIMES = 4
SIZE, GRID = (512, 320), (256, 160)

Pair = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # photo, frame, motion on its grid, W on its grid


def motion_at(volume: np.ndarray, t: float, num_frames: int) -> np.ndarray:
    """(K, 4, H, W) -> (2, H, W), anchored."""
    phase = 2 * np.exp(2j * np.pi * np.arange(len(volume)) * t / num_frames)
    phase[0] = 1
    weights = np.stack([phase.real, -phase.imag], 1).astype(np.float32)
    planes = volume.astype(np.float32, copy=False).reshape(len(volume), 2, 2, *volume.shape[2:])
    return np.einsum("kxrhw,kr->xhw", planes, weights)


class Starts:
    """Loops as seen from every STRIDE-th of their frames: photo, volume and W, kept once made."""

    def __init__(self, clips: list[Clip]):
        self.clips = clips
        self.kept: dict[tuple[int, int], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def pair(self, rng: np.random.Generator) -> Pair:
        """Frames s and s + t of a loop; mostly from frame 0, whose motion is measured rather than derived."""
        which = int(rng.integers(len(self.clips)))
        T = len(self.clips[which].frames)
        s = 0 if rng.random() < 0.75 else int(rng.integers(T // STRIDE)) * STRIDE
        return self.pair_at(which, s, int(rng.integers(1, T)))

    def pair_at(self, which: int, s: int, t: int) -> Pair:
        """Frames s and s + t of clip `which`."""
        clip = self.clips[which]
        T = len(clip.frames)
        if (which, s) not in self.kept:
            # what frame 0 measures says where the photo lies; from other frames that is derived, and anchored
            photo, volume = clip.start(s) if s else (clip.frames[0], clip.volume)
            volume = spectrum.measured_for(volume, photo.shape[:2])
            times = np.linspace(0, T, TIMES_FOR_WEIGHT, endpoint=False)
            weight = np.mean([np.linalg.norm(motion_at(volume, u, T), axis=0) for u in times], 0)
            self.kept[which, s] = photo, volume.astype(np.float16), weight
        photo, volume, weight = self.kept[which, s]
        return photo, clip.frames[(s + t) % T], motion_at(volume, t, T), weight


def pair_from_file(path: Path, i: int) -> Pair:
    """The i-th frame of a rendered scene."""
    with np.load(path) as pairs:
        return (
            pairs["photo"],
            pairs["frames"][i],
            pairs["motions"][i].astype(np.float32),
            pairs["weight"].astype(np.float32),
        )


def planes(pair: Pair) -> tuple[Tensor, ...]:
    """Photo, frame (3, H, W) 0..1, motion (2, H, W) px, importance and activity (1, H, W)."""
    photo, frame, motion, weight = pair
    H, W = photo.shape[:2]
    maps = [*motion * np.float32(W / motion.shape[2]), importance_from_weight(weight), activity_from_weight(weight)]
    full = torch.from_numpy(np.stack([cv2.resize(m, (W, H), interpolation=cv2.INTER_CUBIC) for m in maps]))
    images = torch.from_numpy(np.stack([photo, frame]).transpose(0, 3, 1, 2).astype(np.float32) / 255)
    return images[0], images[1], full[:2], full[2:3], full[3:].clamp_min(0)


def crop(pair: Pair, rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Aligned crops of `planes`, flipped and recoloured alike."""
    photo, frame, motion, importance, activity = planes(pair)
    H, W = photo.shape[1:]
    cut = livelier(activity[0].numpy(), [window(H, W, rng) for _ in range(2)])
    images, maps = torch.stack([photo, frame])[:, rng.permutation(3)], torch.cat([motion, importance, activity])
    images, maps = images[:, :, cut[0], cut[1]], maps[:, cut[0], cut[1]]
    if rng.random() < 0.5:
        images, maps = images.flip(3), maps.flip(2) * torch.tensor([-1, 1, 1, 1])[:, None, None]
    images = images * min(float(np.exp(rng.normal(0, 0.15))), 1)
    return images[0], images[1], maps[:2], maps[2:3], maps[3:]


def window(height: int, width: int, rng: np.random.Generator) -> tuple[slice, slice]:
    x, y = (int(rng.integers(0, (side - cut) // 4 + 1)) * 4 for side, cut in zip((width, height), CROP, strict=True))
    return slice(y, y + CROP[1]), slice(x, x + CROP[0])


def livelier(activity: np.ndarray, windows: list[tuple[slice, slice]]) -> tuple[slice, slice]:
    """Where more moves: most of many a picture is still, and teaches nothing."""
    return max(windows, key=lambda cut: activity[cut].mean())


def batch(starts: Starts, scenes: list[Path], count: int, rng: np.random.Generator) -> list[Tensor]:
    rows = []
    for _ in range(count):
        if scenes and rng.random() < SCENE_SHARE:
            pair = pair_from_file(scenes[int(rng.integers(len(scenes)))], int(rng.integers(SCENE_TIMES)))
        else:
            pair = starts.pair(rng)
        rows.append(crop(pair, rng))
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def render_scene(seed: int, path: Path) -> None:
    """One scene's photo and a few of its frames; half of the scenes with motion as sharp as their edges."""
    from ..scenes import Scene

    rng = np.random.default_rng((seed, 2))
    scene = Scene.random(seed, SIZE)
    times = rng.uniform(5, 145, SCENE_TIMES)
    size = SIZE if rng.random() < 0.5 else GRID
    motions = np.stack([scene.motion(t, size).transpose(2, 0, 1) for t in times])
    weight = np.mean([np.linalg.norm(scene.motion(t, size), axis=2) for t in rng.uniform(0, 150, TIMES_FOR_WEIGHT)], 0)
    frames = np.stack([scene.frame(t) for t in times])
    write_arrays(
        path,
        photo=scene.photo(),
        frames=frames,
        motions=motions.astype(np.float16),
        weight=weight.astype(np.float16),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--pairs", type=Path, required=True)
    parser.add_argument("--count", type=int, default=400)
    add_seed(parser)
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    args.pairs.mkdir(parents=True, exist_ok=True)
    first = FIRST_SCENE + args.seed * SAMPLES_OF_A_SEED
    for number in tqdm(range(first, first + args.count), mininterval=10):
        path = args.pairs / f"{number}.npz"
        if not path.exists():
            render_scene(number, path)


if __name__ == "__main__":
    main()
