"""`python benchmarks/loops.py`: the ways to close a loop, compared at several lengths on photos.

seam    the step from the last frame to the first over the median step, of motion and of pixels
joint   that step over the mean of the steps before and after it: 1 where nothing shows
energy  of the motion, over that of the motion as predicted; speed: its RMS, likewise
cpu_s   processor time of photo to clip, all threads

guided is the sampler guided (paper eq. 5), the remainder projected; projection is the projection alone.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import numpy.typing as npt
from machine import FOLDER, machine, result_path, write_result

from stillwave.runtime import Animator, Scene
from stillwave.runtime.cli import size as size_from_text
from stillwave.runtime.loops import LOOPS, fade_shares
from stillwave.runtime.photo import Size
from stillwave.runtime.renderer import PASS
from stillwave.runtime.rhythm import Rhythm, natural_turns

FPS = 30.0
WAYS = (*LOOPS, "projection")
FIGURES = ("seam_motion", "seam_pixels", "joint_motion", "joint_pixels", "energy", "speed", "cpu_s")
COLUMNS = ("photo", "seconds", "loop", *FIGURES)


def main() -> None:
    args = parser().parse_args()
    print("".join(f"{name:>13}" for name in COLUMNS))
    with Animator(threads=args.threads) as animator:
        rows = [row for photo in args.photos for row in compare(animator, photo, args.size, args.seconds, args.loops)]
    if args.json:
        write_result(args.json, {"machine": machine(), "size": args.size, "loops": rows})


def compare(
    animator: Animator, photo: Path, size: Size, lengths: list[float], ways: list[str]
) -> Iterator[dict[str, Any]]:
    """One row for each length and way."""
    with animator.analyze(photo, size=size) as scene:
        as_predicted = Rhythm(natural_turns(len(scene.spectral_volume), scene.num_frames))
        natural = motion_of(scene, as_predicted, scene.num_frames)
    for seconds in lengths:
        for way in ways:
            started = process_time()
            guided_s = round(seconds * FPS) / FPS if way == "guided" else None
            with animator.analyze(photo, size=size, loop_seconds=guided_s) as scene:
                figures = measure(scene, natural, seconds, "guided" if way == "projection" else way, started)
            row = {"photo": photo.stem[:12], "seconds": seconds, "loop": way, **figures}
            print("".join(f"{row[name]:>13}" for name in COLUMNS), flush=True)
            yield row


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = options.add_argument
    photo = FOLDER.parent / "examples" / "dandelion.jpg"
    add("photos", type=Path, nargs="*", default=[photo], metavar="PHOTO", help=f"default: {photo.name}")
    add("--size", type=size_from_text, default="256x144", metavar="WxH", help="default: %(default)s")
    add("--seconds", type=float, nargs="+", default=[2.0, 3.7, 5.0, 7.5], help="default: %(default)s")
    add("--loops", choices=WAYS, nargs="+", default=WAYS, metavar="WAY", help=f"of {', '.join(WAYS)}")
    add("--threads", type=int, default=0, help="default: one for each core")
    kept = result_path("loops")
    add("--json", type=Path, nargs="?", const=kept, metavar="FILE", help=f"without FILE: results/{kept.name}")
    return options


def measure(
    scene: Scene, natural: npt.NDArray[np.float64], seconds: float, loop: str, started: float
) -> dict[str, Any]:
    count = round(seconds * FPS)
    clip = [frame.astype(np.int16) for frame in scene.frames(seconds, FPS, loop=loop)]
    cpu_s = process_time() - started
    motion = motion_of(scene, scene.rhythm(count, FPS, loop=loop), count, loop == "crossfade")
    pixels = [float(np.abs(a - b).mean()) for a, b in zip(clip, [*clip[1:], clip[0]], strict=True)]
    steps = list(np.linalg.norm(np.diff(motion, axis=0, append=motion[:1]), axis=-1).mean(1))
    return {
        "seam_motion": seam(steps),
        "seam_pixels": seam(pixels),
        "joint_motion": joint(steps),
        "joint_pixels": joint(pixels),
        "energy": round(float(motion.var(0).sum() / natural.var(0).sum()), 3),
        "speed": round(rms_speed(motion) / rms_speed(natural), 3),
        "cpu_s": round(cpu_s, 2),
    }


def motion_of(scene: Scene, rhythm: Rhythm, count: int, is_faded: bool = False) -> npt.NDArray[np.float64]:
    """Displacements of what moves most, a tenth of the grid: (count, P, 2) px. Faded, as the mean of both."""
    frames = range(-count if is_faded else 0, count)
    parts = []
    for first in range(0, len(frames), PASS):
        parts.append(scene._renderer.motions(rhythm.basis(frames[first : first + PASS])).astype(np.float64))
    motion = np.concatenate(parts).reshape(len(frames), -1, 2)
    weight = np.linalg.norm(motion, axis=-1).mean(0)
    motion = motion[:, weight >= np.percentile(weight, 90)]
    if is_faded:
        share = fade_shares(count)[:, None, None]
        motion = share * motion[:count] + (1 - share) * motion[count:]
    return motion


def rms_speed(motion: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.diff(motion, axis=0) ** 2)))


def seam(steps: list[float]) -> float:
    return round(steps[-1] / max(float(np.median(steps)), 1e-9), 3)


def joint(steps: list[float]) -> float:
    return round(steps[-1] / max((steps[-2] + steps[0]) / 2, 1e-9), 3)


if __name__ == "__main__":
    main()
