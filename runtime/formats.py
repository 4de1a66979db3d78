"""What can be written, and how a file name chooses it."""

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from .animated_image import ApngEncoder, GifEncoder, PngFolder, WebpEncoder
from .errors import EncodeError
from .live_photo import LivePhotoFolder
from .motion_photo import MotionPhotoEncoder
from .movie import CODECS, MovieEncoder, import_av
from .output import check_output
from .photo import Pixels, Size


class FrameEncoder(Protocol):
    """Frames become one container: `finish` completes it, `close` lets go of it either way."""

    def write(self, frame: Pixels) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


# Called with (path, size, fps), and the codec where there is a choice.
ENCODERS: dict[str, Callable[..., FrameEncoder]] = {
    "mp4": MovieEncoder,
    "webm": partial(MovieEncoder, container="webm"),
    "webp": WebpEncoder,
    "avif": partial(MovieEncoder, container="avif"),
    "gif": GifEncoder,
    "apng": ApngEncoder,
    "png": PngFolder,
    "motion-photo": MotionPhotoEncoder,
    "live-photo": LivePhotoFolder,
}
CODECS_OF = {  # the default first
    "mp4": ("h264", "av1"),
    "webm": ("vp9", "av1"),
    "avif": ("av1",),
    "motion-photo": ("h264",),
    "live-photo": ("h264",),
}
FOLDERS = ("png", "live-photo")
MOTION_PHOTO_NAME = r"[^\s/\\].*MP\.(jpe?g|JPE?G)"  # readers may ignore others


def output_format(path: str | os.PathLike[str], format: str | None = None, codec: str | None = None) -> str:
    """The format of an output, by default that of its name; without a suffix, a folder of PNGs.

    Refuses, before any frame is made, what could not be written in the end.
    """
    format = format or _format_of(Path(path))
    if format not in ENCODERS:
        raise EncodeError(f"{path}: cannot write {format!r}; choose one of {', '.join(ENCODERS)}")
    codec = codec_of(format, codec)
    if codec is not None:
        import_av(codec)
    check_output(path, is_folder=format in FOLDERS)
    return format


def codec_of(format: str, codec: str | None = None) -> str | None:
    """The codec asked for, or the format's own; None where a format is its codec."""
    choices = CODECS_OF.get(format, ())
    if codec is None:
        return choices[0] if choices else None
    if codec not in choices:
        have = f"one of {', '.join(choices)}" if choices else "no codec"
        raise EncodeError(f"{format} takes {have}, got {codec!r}")
    return codec


def encoder_bytes(format: str, codec: str | None, size: Size) -> int:
    """The most memory that writing frames of this size takes. Pictures take less than H.264."""
    needs = CODECS[codec_of(format, codec) or "h264"]
    return needs.base_bytes + needs.pixel_bytes * size[0] * size[1]


def _format_of(path: Path) -> str:
    suffix = path.suffix.lower().removeprefix(".")
    if suffix == "png":
        raise EncodeError(f"{path}: name it .apng, or without a suffix for a folder of PNGs")
    if re.fullmatch(MOTION_PHOTO_NAME, path.name):
        return "motion-photo"
    if suffix in ("jpg", "jpeg"):
        raise EncodeError(f"{path}: name a motion photo {path.stem}MP.jpg, for readers go by it")
    return {"": "png", "livephoto": "live-photo"}.get(suffix, suffix)
