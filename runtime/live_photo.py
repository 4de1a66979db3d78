"""Frames become an Apple Live Photo: a JPEG of the first and a MOV, paired by an identifier."""

import hashlib
from fractions import Fraction
from pathlib import Path
from uuid import UUID

import numpy as np

from .apple_exif import apple_exif
from .live_movie import make_live
from .motion_photo import jpeg_from
from .movie import MovieEncoder
from .photo import Pixels, Size

STILL, MOVIE = "live_photo.jpg", "live_photo.mov"


class LivePhotoFolder:
    """A folder of two files, to be imported together; the still is frame 0, where the loop starts and ends."""

    def __init__(self, path: Path, size: Size, fps: Fraction, codec: str = "h264") -> None:
        path.mkdir()
        self._folder, self._size = path, (size[0] // 2 * 2, size[1] // 2 * 2)
        self._movie = MovieEncoder(path / MOVIE, size, fps, codec, container="mov")
        self._first: Pixels | None = None

    def write(self, frame: Pixels) -> None:
        if self._first is None:
            self._first = np.copy(frame)
        self._movie.write(frame)

    def finish(self) -> None:
        self._movie.finish()
        assert self._first is not None
        identifier = _identifier_of(self._folder / MOVIE)
        make_live(self._folder / MOVIE, identifier)
        (self._folder / STILL).write_bytes(jpeg_from(self._first, apple_exif(identifier, self._size)))

    def close(self) -> None:
        self._movie.close()


def _identifier_of(movie: Path) -> str:
    """Of the content, so that the same movie is the same asset whenever it is written."""
    digest = hashlib.sha256()
    with movie.open("rb") as file:
        while block := file.read(1 << 16):
            digest.update(block)
    return str(UUID(bytes=digest.digest()[:16], version=4)).upper()
