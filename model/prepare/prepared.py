"""The folder that `stillwave train prepare` makes, and the clips that training reads from it.

DATA/prepared.json            settings, counts
DATA/scales.npy               s_k (K,) px on a grid 256 wide
DATA/report.html              what was kept and dropped, and why
DATA/windows/VIDEO/video.json     the video's outcome, written last
DATA/windows/VIDEO/000010.json    the outcome of the window that begins at frame 10
DATA/windows/VIDEO/000010.jpg     its first frame, small
and for what is kept, on a grid of 144 x 256 cells, in px of it:
DATA/windows/VIDEO/000010.npy     spectral volume (K, 4, 144, 256) float32; .photo.npy its first frame,
                                  .drift.npy (2, 144, 256) what was taken out to make the ends meet
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..clips import Clip, read_frames
from .footage import VideoError

SETTINGS, OUTCOME = "prepared.json", "video.json"


class WindowFrames:
    """Frames of a window, uint8 (T, 288, 512, 3), as far as they are asked for: those after the first, of a
    loop, are read from its video again.
    """

    def __init__(self, photo: Path, video: Path, first: int, count: int, every: int):
        self.photo, self.source = photo, (video, count, first, every)
        self.shape = (count, *np.load(photo, mmap_mode="r").shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, t: int) -> np.ndarray:
        if t == 0:
            return np.load(self.photo)
        video = self.source[0]
        if not video.exists():
            raise VideoError(f"{video} is gone, and its loop's frames with it; put it back, or prepare again")
        return decoded(*self.source)[t]


@lru_cache(maxsize=8)
def decoded(video: Path, count: int, first: int, every: int) -> np.ndarray:
    """A window's frames: 66 MB each, so few are kept."""
    return read_frames(video, count, first, every)


def is_prepared(folder: Path) -> bool:
    return (folder / SETTINGS).is_file()


def load_prepared(folder: Path, without: tuple[str, ...] = ()) -> list[Clip]:
    """The kept windows as clips; `without` names videos as DATA/windows does, or files without their endings."""
    clips = []
    for place in sorted((folder / "windows").iterdir()):
        for window in windows_of(place):
            video, path = window["video"], Path(window["path"])
            if window["reason"] or {video, path.stem} & set(without):
                continue
            stem = place / f"{window['first']:06d}"
            source = (path, window["first"], window["frames"], window["every"])
            frames = WindowFrames(stem.with_suffix(".photo.npy"), *source)
            volume = np.load(stem.with_suffix(".npy"), mmap_mode="r")
            name = f"{Path(video).stem}-{window['first']:06d}"
            clips.append(Clip(name, frames, volume, window["is_loop"], video))
    return clips


def windows_of(place: Path) -> Iterator[dict]:
    """Outcomes of a video's windows, in order."""
    for path in sorted(place.glob("[0-9]*.json")):
        yield json.loads(path.read_text())


def videos_of(folder: Path) -> Iterator[tuple[dict, list[dict]]]:
    """Outcomes of every video and of its windows; videos not finished are left out."""
    for place in sorted((folder / "windows").iterdir()):
        if (place / OUTCOME).exists():
            yield json.loads((place / OUTCOME).read_text()), list(windows_of(place))
