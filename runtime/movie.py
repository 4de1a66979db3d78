"""Frames become a movie: MP4, WebM, AVIF sequence or MOV."""

import importlib
import os
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np

from .errors import BackendError
from .photo import Pixels, Size

BT709 = 1


@dataclass(frozen=True)
class Codec:
    """How to ask FFmpeg for it: encoders, the better first, each with its options.

    base_bytes, pixel_bytes   what it takes, at most, for itself and for each pixel of a frame
    """

    encoders: dict[str, dict[str, str]]
    base_bytes: int
    pixel_bytes: int


# No encoder looks far ahead, so that memory is a few frames. One thread, so the same bytes on every machine.
# x264: a lookahead of 5 frames rather than 10 moves along the same curve of rate and distortion.
# SVT-AV1: its default, random access, takes three times the memory of low delay (pred-struct=1).
CODECS = {
    "h264": Codec(
        {"libx264": {"preset": "veryfast", "crf": "18", "x264-params": "rc-lookahead=5"}},
        7 * 2**20,
        58,
    ),
    "av1": Codec(
        {
            "libsvtav1": {"preset": "8", "crf": "27", "svtav1-params": "lp=1:pred-struct=1"},
            "libaom-av1": {"crf": "27", "b": "0", "usage": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
        },
        18 * 2**20,
        58,
    ),
    "vp9": Codec(
        {"libvpx-vp9": {"crf": "25", "b": "0", "deadline": "good", "cpu-used": "5", "lag-in-frames": "0"}},
        18 * 2**20,
        100,
    ),
}
CONTAINER_OPTIONS = {"fflags": "+bitexact"}  # no date, no version: the same bytes every time
FASTSTART = {"movflags": "+faststart"}  # a player starts before it has all of an MP4


def import_av(codec: str = "h264") -> ModuleType:
    """PyAV with an encoder for the codec, or a `BackendError` that says what to install."""
    try:
        av = importlib.import_module("av")
    except ImportError as error:
        raise BackendError('writing .mp4, .webm and .avif needs PyAV; pip install "stillwave[video]"') from error
    encoder_name(av, codec)
    return av


def encoder_name(av: ModuleType, codec: str) -> str:
    """FFmpeg's name of the encoder that this PyAV has for the codec, or `BackendError`."""
    names = CODECS[codec].encoders
    for name in names:
        if name in av.codecs_available:
            return name
    raise BackendError(f"this PyAV has no {' or '.join(names)} for {codec}; install PyPI's, or write .webp instead")


class MovieEncoder:
    """A movie made to be looped: each frame once, the first a key frame, none reordered; BT.709.

    Chroma is halved, so sides are even: an odd last column or row is left out.
    """

    def __init__(self, path: Path, size: Size, fps: Fraction, codec: str = "h264", container: str = "mp4") -> None:
        av = import_av(codec)
        from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 has no other way to keep stderr clean
        self._size = width, height = size[0] // 2 * 2, size[1] // 2 * 2
        options = CONTAINER_OPTIONS | (FASTSTART if container == "mp4" else {})
        self._container = av.open(str(path), "w", format=container, container_options=options)
        name = encoder_name(av, codec)
        self._stream = self._container.add_stream(name, rate=fps, options=CODECS[codec].encoders[name])
        context = self._stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.max_b_frames, context.thread_count = 0, 1
        context.color_range = ColorRange.MPEG
        context.colorspace = context.color_primaries = context.color_trc = BT709
        self._rgb = av.VideoFrame(width, height, "rgb24")
        plane = np.frombuffer(self._rgb.planes[0], np.uint8).reshape(height, -1)
        self._pixels = plane[:, : 3 * width].reshape(height, width, 3)
        self._yuv_from = partial(
            VideoReformatter().reformat,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        self._num_frames = 0

    def write(self, frame: Pixels) -> None:
        width, height = self._size
        self._pixels[:] = frame[:height, :width]
        picture = self._yuv_from(self._rgb)
        picture.pts, picture.time_base = self._num_frames, 1 / self._stream.codec_context.rate
        self._container.mux(self._stream.encode(picture))
        self._num_frames += 1

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def close(self) -> None:
        self._container.close()
