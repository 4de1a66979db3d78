"""Frames become H.264 in an MP4."""

import importlib
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np

from .errors import BackendError
from .photo import Pixels, Size

# One encoder thread, so the same bytes on every machine. A lookahead of 5 frames rather than 10
# moves along the same curve of rate and distortion, and takes less memory.
CODEC_OPTIONS = {"preset": "veryfast", "crf": "18", "x264-params": "rc-lookahead=5"}
CONTAINER_OPTIONS = {"movflags": "+faststart", "fflags": "+bitexact"}
BT709 = 1


def import_av() -> ModuleType:
    """PyAV with an H.264 encoder, or a `BackendError` that says what to install."""
    try:
        av = importlib.import_module("av")
    except ImportError as error:
        raise BackendError('writing .mp4 needs PyAV; pip install "stillwave[video]"') from error
    if "libx264" not in av.codecs_available:
        raise BackendError("this PyAV has no libx264; install PyPI's, or write .webp instead")
    return av


class Mp4Encoder:
    """An MP4 made to be looped: each frame once, the first an IDR, none reordered; BT.709.

    Chroma is halved, so sides are even: an odd last column or row is left out.
    """

    def __init__(self, path: Path, size: Size, fps: Fraction) -> None:
        av = import_av()
        from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

        self._size = width, height = size[0] // 2 * 2, size[1] // 2 * 2
        self._container = av.open(
            str(path), "w", format="mp4", container_options=CONTAINER_OPTIONS
        )
        self._stream = self._container.add_stream("libx264", rate=fps, options=CODEC_OPTIONS)
        codec = self._stream.codec_context
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.max_b_frames, codec.thread_count = 0, 1
        codec.color_range = ColorRange.MPEG
        codec.colorspace = codec.color_primaries = codec.color_trc = BT709
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
