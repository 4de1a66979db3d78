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

from .arrays import write_arrays
from .clips import Clip, load_clip
from .options import SAMPLES_OF_A_SEED, add_seed
from .prepare.footage import VideoError
from .prepare.prepared import is_prepared, load_prepared

PHOTO_SIZE = (512, 320)
GRID = (256, 160)
CLIP_SHARE = 0.6
MIN_CROP = 0.45
MAX_ROTATION_DEG = 5.0
MAX_STRETCH = 0.12
MOST_PIXELS = 4_000_000  # of all clips, for a percentile


def sample_from_clip(clip: Clip, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random start frame, cropped, flipped, turned, stretched and recoloured.

    returns photo uint8 (320, 512, 3), volume float32 (K, 4, 160, 256)
    """
    photo, volume = clip.start(int(rng.integers(clip.starts)))
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


def sample_from_scene(seed: int, num_frequencies: int = 16) -> tuple[np.ndarray, np.ndarray]:
    from .scenes import Scene

    scene = Scene.random(seed, PHOTO_SIZE)
    return scene.photo(), scene.spectral_volume(GRID, num_frequencies)


def samples(
    clips: list[Clip], start: int, count: int, clip_share: float = CLIP_SHARE
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Samples number start to start + count: the number is the seed."""
    videos: dict[str, list[Clip]] = {}
    for clip in clips:
        videos.setdefault(clip.video or clip.name, []).append(clip)
    names = list(videos)
    for index in range(start, start + count):
        rng = np.random.default_rng((index, 1))
        if rng.random() < clip_share:
            cuts = videos[names[int(rng.integers(len(names)))]]  # a long video counts as much as a short one
            yield sample_from_clip(cuts[int(rng.integers(len(cuts))) if len(cuts) > 1 else 0], rng)
        else:
            yield sample_from_scene(index, len(clips[0].volume))


def load_clips(folder: Path, cache: Path, without: tuple[str, ...] = (), num_frequencies: int = 16) -> list[Clip]:
    """The loops of a folder, or what `stillwave train prepare` kept of a folder of videos (16 frequencies)."""
    if is_prepared(folder):
        clips = load_prepared(folder, without)
    else:
        paths = sorted(path for path in folder.glob("*.mp4") if path.stem not in without)
        clips = [load_clip(path, cache, num_frequencies) for path in paths]
    if not clips:
        raise VideoError(f"{folder}: no clips in it; name a folder of .mp4 loops, or of `stillwave train prepare`")
    return clips


def frequency_scales(clips: list[Clip]) -> np.ndarray:
    """s_k (paper eq. 4): 95th percentile over pixels and clips of |S_k|, px at 256 wide; (K,)."""
    pixels = sum(clip.volume[0, 0].size for clip in clips)
    step = 1 + pixels // MOST_PIXELS
    magnitudes = []
    for clip in clips:
        S = clip.volume.reshape(len(clip.volume), 4, -1)[..., ::step]
        magnitudes.append(np.hypot(S[:, 0::2], S[:, 1::2]).max(1))
    return np.percentile(np.concatenate(magnitudes, 1), 95, axis=1).astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("-o", "--pool", type=Path, required=True)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--without", nargs="*", default=[], help="clips to hold out")
    parser.add_argument("--frequencies", type=int, default=16, help="k = 0 counts; ablations want more")
    add_seed(parser)
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    clips = load_clips(args.clips, args.pool / "flow", tuple(args.without), args.frequencies)
    args.pool.mkdir(parents=True, exist_ok=True)
    np.save(args.pool / "scales.npy", frequency_scales(clips))
    start = args.seed * SAMPLES_OF_A_SEED + args.start
    for index in tqdm(range(start, start + args.count)):
        path = args.pool / f"{index:06d}.npz"
        if not path.exists():
            photo, volume = next(samples(clips, index, 1))
            write_arrays(path, photo=photo, volume=spectrum.anchor(volume).astype(np.float16))


if __name__ == "__main__":
    main()
