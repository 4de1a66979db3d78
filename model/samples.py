"""Training samples: a photo and its spectral volume, from real clips and procedural scenes.

`stillwave train samples CLIPS -o POOL --count 2000` fills a folder with them; it can be
stopped and started, and training reads what is there.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from stillwave.runtime import spectrum

from .clips import Clip, load_clip

PHOTO_SIZE = (512, 320)
GRID = (256, 160)
CLIP_SHARE = 0.6
MIN_CROP = 0.45
MAX_ROTATION_DEG = 5.0
MAX_STRETCH = 0.12


def sample_from_clip(clip: Clip, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random start frame, cropped, flipped, turned, stretched and recoloured.

    returns photo uint8 (320, 512, 3), volume float32 (K, 4, 160, 256)
    """
    photo, volume = clip.start(int(rng.integers(len(clip.frames))))
    to_source = random_affine(rng, volume.shape[3], volume.shape[2])
    # a grid cell's centre (i + 0.5) is twice as far along in the photo
    photo = cv2.warpAffine(
        photo,
        scaled_affine(to_source, 2),
        PHOTO_SIZE,
        flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    planes = volume.reshape(-1, *volume.shape[2:])
    warped = np.stack(
        [
            cv2.warpAffine(
                p, to_source, GRID, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT_101
            )
            for p in planes
        ]
    )
    xy = warped.reshape(len(volume), 2, 2, GRID[1], GRID[0])  # component, Re/Im
    inverse = np.linalg.inv(to_source[:, :2]).astype(np.float32)
    return jitter_colour(photo, rng), np.einsum("ij,kjrhw->kirhw", inverse, xy).reshape(
        len(volume), 4, GRID[1], GRID[0]
    )


def random_affine(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Grid cell of a sample -> cell of the source (2, 3): a window inside it."""
    crop = rng.uniform(MIN_CROP, 1.0)
    stretch = np.exp(rng.uniform(-MAX_STRETCH, MAX_STRETCH))
    scale = np.array([width * stretch / GRID[0], height / stretch / GRID[1]]) * crop
    scale = np.minimum(scale, [width / GRID[0], height / GRID[1]])
    angle = np.deg2rad(rng.uniform(-MAX_ROTATION_DEG, MAX_ROTATION_DEG))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flip = np.diag([rng.choice([-1.0, 1.0]), 1.0])
    matrix = turn @ np.diag(scale) @ flip
    window = scale * GRID
    centre = window / 2 + rng.uniform(0, 1, 2) * (np.array([width, height]) - window)
    offset = centre - 0.5 - matrix @ ((np.array(GRID) - 1) / 2)
    return np.column_stack([matrix, offset])


def scaled_affine(affine: np.ndarray, factor: int) -> np.ndarray:
    """The same map between images `factor` times larger, pixel centres aligned."""
    half = (factor - 1) / 2
    offset = affine[:, 2] * factor + half - affine[:, :2] @ np.full(2, half)
    return np.column_stack([affine[:, :2], offset])


def jitter_colour(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    gain = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.06, 3))
    gamma = np.exp(rng.normal(0, 0.15))
    x = (photo.astype(np.float32) / 255) ** gamma * gain
    grey = x.mean(2, keepdims=True)
    x = grey + (x - grey) * np.exp(rng.normal(0, 0.2))
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)


def sample_from_scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    from .scenes import Scene

    scene = Scene.random(seed, PHOTO_SIZE)
    return scene.photo(), scene.spectral_volume(GRID)


def samples(
    clips: list[Clip], start: int, count: int, clip_share: float = CLIP_SHARE
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Samples number start to start + count: the number is the seed."""
    for index in range(start, start + count):
        rng = np.random.default_rng((index, 1))
        if rng.random() < clip_share:
            yield sample_from_clip(clips[int(rng.integers(len(clips)))], rng)
        else:
            yield sample_from_scene(index)


def load_clips(folder: Path, cache: Path, without: tuple[str, ...] = ()) -> list[Clip]:
    return [load_clip(path, cache) for path in sorted(folder.glob("*.mp4")) if path.stem not in without]


def frequency_scales(clips: list[Clip]) -> np.ndarray:
    """s_k (paper eq. 4): 95th percentile over pixels and clips of |S_k|, px at 256 wide; (K,)."""
    magnitudes = [np.hypot(c.volume[:, 0::2], c.volume[:, 1::2]).max(1).reshape(len(c.volume), -1) for c in clips]
    return np.percentile(np.concatenate(magnitudes, 1), 95, axis=1).astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("-o", "--pool", type=Path, required=True)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--without", nargs="*", default=[], help="clips to hold out")
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    clips = load_clips(args.clips, args.pool / "flow", tuple(args.without))
    np.save(args.pool / "scales.npy", frequency_scales(clips))
    for index in tqdm(range(args.start, args.start + args.count)):
        path = args.pool / f"{index:06d}.npz"
        if not path.exists():
            photo, volume = next(samples(clips, index, 1))
            partial = path.with_suffix(".partial.npz")
            np.savez(partial, photo=photo, volume=spectrum.anchor(volume).astype(np.float16))
            partial.rename(path)


if __name__ == "__main__":
    main()
