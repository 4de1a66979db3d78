"""A video as windows of five seconds of frames, thinned to about 30 a second."""

from collections import deque
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from stillwave.runtime.errors import StillwaveError

from ..clips import fitted

SECONDS = 5.0  # harmonic k of a window is k x 0.2 Hz, whatever the video's frame rate
FULL_RATE = 30.0
SHORTEST = 0.98  # of a window: a loop exported a frame short is still one
SUFFIXES = {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"}


class VideoError(StillwaveError):
    """A video that can't be read, or is too short or too slow."""

    exit_code = 3


@dataclass(frozen=True)
class Footage:
    """What a video's header says, in frames that count: one of `every` of the file's."""

    path: Path
    every: int
    rate: float  # a second
    window: int  # frames in SECONDS
    length: int  # estimated; 0 where the header does not say


def find_videos(folder: Path) -> list[Path]:
    """All videos below a folder, by their names' endings."""
    if not folder.is_dir():
        raise VideoError(f"{folder} is not a folder; name one that holds videos")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise VideoError(f"{folder}: no videos in it; they end in {' '.join(sorted(SUFFIXES))}")
    return found


def footage_from_file(path: Path) -> Footage:
    """Reads the header only."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError(f"{path.name}: no picture in it")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or stream.base_rate or 0)
            seconds = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
            frames = stream.frames or round(seconds * rate)
    except av.FFmpegError as error:
        raise VideoError(f"{path.name}: can't be read: {error.strerror}") from error
    if rate < 12:  # the highest of the kept frequencies, 3 Hz, needs more than 6; flow needs small steps
        raise VideoError(f"{path.name}: {rate:.3g} frames a second; 12 are needed")
    every = max(1, round(rate / FULL_RATE))
    return Footage(path, every, rate / every, round(SECONDS * rate / every), frames // every)


def windows(footage: Footage, stride: int, done: Set[int]) -> Iterator[tuple[int, np.ndarray]]:
    """First frame and frames uint8 (T, 288, 512, 3) of a window at every `stride`-th frame, but for those `done`.

    `done` may grow meanwhile. Raises `VideoError` where the video is damaged, after the windows before.
    """
    kept: deque[np.ndarray] = deque(maxlen=footage.window)
    count = 0
    try:
        with av.open(str(footage.path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number % footage.every:
                    continue
                kept.append(fitted(frame))
                count += 1
                first = count - footage.window
                if first >= 0 and first % stride == 0 and first not in done:
                    yield first, np.stack(kept)
    except av.FFmpegError as error:
        raise VideoError(f"{footage.path.name}: damaged after frame {count}: {error.strerror}") from error
    if count < SHORTEST * footage.window:
        raise VideoError(f"{footage.path.name}: {count / footage.rate:.1f} s; {SECONDS:g} s are needed")
    if count < footage.window and 0 not in done:
        yield 0, np.stack(kept)
