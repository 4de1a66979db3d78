"""One process measures one video; several run at once. What a window or a video came to is a small file,
so that work goes on where it stopped, and a crash in a decoder costs one video.
"""

import json
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import cv2
import numpy as np

from .footage import Footage, VideoError, footage_from_file, windows
from .prepared import OUTCOME
from .verdict import Verdict, judge

LOOK = (256, 144)


def measure_video(path: Path, place: Path, name: str, stride: int) -> None:
    """All windows of a video that have no outcome yet, then the video's own."""
    cv2.setNumThreads(1)
    place.mkdir(parents=True, exist_ok=True)
    done = {int(p.stem) for p in place.glob("[0-9]*.json")}
    reason = ""
    try:
        footage = footage_from_file(path)
        for first, frames in windows(footage, stride, done):
            verdict = judge(frames)
            write_window(place / f"{first:06d}", verdict, frames, {"first": first, "video": name}, footage)
            done.add(first)
            if verdict.is_loop:  # all its frames are start frames already
                done.update(range(first, first + len(frames)))
    except VideoError as error:
        reason = str(error)
    write_outcome(place, name, path, reason)


def write_window(stem: Path, verdict: Verdict, frames: np.ndarray, which: dict, footage: Footage) -> None:
    """Pictures and arrays, then the outcome that says that they are whole."""
    cv2.imwrite(str(stem.with_suffix(".jpg")), cv2.resize(frames[0], LOOK, interpolation=cv2.INTER_AREA)[..., ::-1])
    if verdict.activity is not None:
        np.save(stem.with_suffix(".activity.npy"), verdict.activity.astype(np.float16))
    if verdict.volume is not None:
        np.save(stem.with_suffix(".photo.npy"), frames[0])
        np.save(stem.with_suffix(".npy"), verdict.volume)
        np.save(stem.with_suffix(".drift.npy"), verdict.drift)
    outcome = {
        **which,
        "path": str(footage.path.resolve()),
        "frames": len(frames),
        "every": footage.every,
        "rate": footage.rate,
        "reason": verdict.reason,
        "is_loop": verdict.is_loop,
        "held": verdict.held,
        "figures": verdict.figures,
    }
    write_json(stem.with_suffix(".json"), outcome)


def write_outcome(place: Path, name: str, path: Path, reason: str, finished: bool = True) -> None:
    place.mkdir(parents=True, exist_ok=True)
    write_json(place / OUTCOME, {"video": name, "reason": reason, "finished": finished, **file_stamp(path)})


def file_stamp(path: Path) -> dict[str, int]:
    """What changes when a file does."""
    stat = path.stat()
    return {"bytes": stat.st_size, "changed_ns": stat.st_mtime_ns}


def write_json(path: Path, value: dict) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=1))
    partial.replace(path)


def run_all(tasks: list[tuple[Path, Path, str, int]], jobs: int, tick: Callable[[], None]) -> None:
    """`measure_video` of every task in processes of their own, `jobs` at once; `tick` is called now and then."""
    context = multiprocessing.get_context("spawn")
    running: list[tuple[BaseProcess, tuple[Path, Path, str, int]]] = []
    waiting = list(reversed(tasks))
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                task = waiting.pop()
                process = context.Process(target=measure_video, args=task)
                process.start()
                running.append((process, task))
            time.sleep(0.1)
            for process, (path, place, name, _) in [r for r in running if not r[0].is_alive()]:
                process.join()
                if process.exitcode:
                    died = f"{path.name}: its process died, exit code {process.exitcode}; the next run goes on with it"
                    write_outcome(place, name, path, died, finished=False)
            running = [r for r in running if r[0].is_alive()]
            tick()
    finally:
        for process, _ in running:
            process.terminate()
            process.join()
