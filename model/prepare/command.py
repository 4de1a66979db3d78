"""From any folder of videos to training data: windows of five seconds, their motion and their spectra.

`stillwave train prepare VIDEOS -o DATA --jobs 4` goes on where it stopped; `stillwave train samples DATA`
reads the result. DATA/report.html shows what was kept and dropped, and why.
"""

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stillwave.runtime.errors import StillwaveError

from .footage import VideoError, find_videos, footage_from_file
from .prepared import OUTCOME, SETTINGS, load_prepared, videos_of
from .report import write_report
from .work import file_stamp, run_all, write_json


class PreparedError(StillwaveError):
    """A folder of prepared data that was made otherwise."""

    exit_code = 2


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave train prepare", description=__doc__)
    parser.add_argument("videos", type=Path, help="folder, read with all below it")
    parser.add_argument("-o", "--data", type=Path, required=True)
    parser.add_argument("--stride", type=int, default=10, help="frames between start frames (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="processes, a video each (default: %(default)s)")
    args = parser.parse_args(arguments)
    if args.stride < 1 or args.jobs < 1:
        parser.error(f"--stride and --jobs are 1 or more, got {args.stride} and {args.jobs}")
    videos = find_videos(args.videos)
    check_settings(args.data, {"stride": args.stride})
    measure(videos, args.videos, args.data, args.stride, args.jobs)
    print(summarise(args.data))


def check_settings(data: Path, settings: dict[str, int]) -> None:
    data.mkdir(parents=True, exist_ok=True)
    kept = data / SETTINGS
    if kept.exists() and (before := json.loads(kept.read_text())["settings"]) != settings:
        raise PreparedError(f"{data} was prepared with {before}, got {settings}; use the same, or another folder")
    if not kept.exists():
        write_json(kept, {"settings": settings})


def measure(videos: list[Path], root: Path, data: Path, stride: int, jobs: int) -> None:
    """Every video that has no outcome yet, or has changed since."""
    tasks, expected = [], 0
    for path in videos:
        name = "+".join(path.relative_to(root).parts)
        place = data / "windows" / name
        if is_done(place, path):
            continue
        tasks.append((path, place, name, stride))
        expected += expected_windows(path, stride)

    def tick() -> None:
        count = sum(1 for _, place, _, _ in tasks for _ in place.glob("[0-9]*.json"))
        if count != bar.n:
            bar.update(count - bar.n)

    with tqdm(total=expected, desc="windows", disable=not tasks) as bar:
        run_all(tasks, jobs, tick)
        bar.total = bar.n  # loops need fewer than their length allows


def is_done(place: Path, path: Path) -> bool:
    """Whether this very file was measured; what was made of another of its name is removed."""
    outcome = place / OUTCOME
    if not outcome.exists():
        return False
    before = json.loads(outcome.read_text())
    if any(before[key] != value for key, value in file_stamp(path).items()):
        shutil.rmtree(place)
        return False
    return before["finished"]


def expected_windows(path: Path, stride: int) -> int:
    try:
        footage = footage_from_file(path)
    except VideoError:
        return 0
    return max(0, footage.length - footage.window) // stride + 1


def summarise(data: Path) -> str:
    """Scales, counts and the report of all that is in the folder."""
    videos = list(videos_of(data))
    windows = [window for _, of_video in videos for window in of_video]
    kept = [window for window in windows if not window["reason"]]
    dropped = Counter(window["reason"] for window in windows if window["reason"])
    skipped = [outcome["reason"] for outcome, _ in videos if outcome["reason"]]
    counts = {
        "videos": len(videos),
        "unreadable": len(skipped),
        "windows": len(windows),
        "kept": len(kept),
        "loops": sum(window["is_loop"] for window in kept),
        "held": sum(window["held"] for window in kept),
        "dropped": dict(dropped),
    }
    settings = json.loads((data / SETTINGS).read_text())["settings"]
    write_json(data / SETTINGS, {"settings": settings, "counts": counts, "unreadable": skipped})
    if kept:
        from ..samples import frequency_scales

        np.save(data / "scales.npy", frequency_scales(load_prepared(data)))
    write_report(data, videos, counts)
    why = "".join(f", {count} {reason}" for reason, count in dropped.most_common())
    lines = [f"kept {len(kept)} of {len(windows)} windows of {len(videos)} videos{why}; {data / 'report.html'}"]
    return "\n".join([*lines, *(f"skipped: {reason}" for reason in skipped)])
