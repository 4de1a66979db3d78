"""Frames become an animated WebP, GIF or APNG, or a folder of PNGs.

Pillow compresses every frame as a picture of its own; what it writes is spliced into the
container here. So memory holds one frame however long the animation is, and no frame is merged
with an equal neighbour, as Pillow's own `save_all` would.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from .errors import EncodeError
from .photo import Pixels, Size

WEBP_OPTIONS = {"quality": 85, "method": 4}
GIF_MAX_FPS = 50  # players slow down frames that are shorter than 2/100 s
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
BAYER_2 = np.array([[0, 2], [3, 1]])
BAYER_4 = np.kron(np.ones((2, 2), int), 4 * BAYER_2) + np.kron(BAYER_2, np.ones((2, 2), int))


def ticks(index: int, fps: Fraction, ticks_per_second: int) -> int:
    """Duration of frame `index` in whole ticks, rounded so that no error adds up."""
    ticks_per_frame = ticks_per_second / fps
    return round((index + 1) * ticks_per_frame) - round(index * ticks_per_frame)


class _AnimatedFile:
    def __init__(self, path: Path, fps: Fraction) -> None:
        self._file = path.open("wb")
        self._fps, self._num_frames = fps, 0

    def close(self) -> None:
        self._file.close()


class WebpEncoder(_AnimatedFile):
    """Animated WebP, each frame a lossy key frame, looping for ever."""

    def __init__(self, path: Path, size: Size, fps: Fraction) -> None:
        super().__init__(path, fps)
        canvas = _uint24(size[0] - 1) + _uint24(size[1] - 1)
        self._file.write(b"RIFF\0\0\0\0WEBP")
        self._file.write(_riff_chunk(b"VP8X", b"\x02\0\0\0" + canvas))
        self._file.write(_riff_chunk(b"ANIM", b"\xff\xff\xff\xff" + b"\0\0"))
        self._head = b"\0" * 6 + canvas

    def write(self, frame: Pixels) -> None:
        still = _encoded(Image.fromarray(frame), "WEBP", **WEBP_OPTIONS)
        duration = _uint24(ticks(self._num_frames, self._fps, 1000))
        is_opaque = b"\x02"
        self._file.write(_riff_chunk(b"ANMF", self._head + duration + is_opaque + still[12:]))
        self._num_frames += 1

    def finish(self) -> None:
        num_bytes = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", num_bytes - 8))
        self._file.close()


class ApngEncoder(_AnimatedFile):
    """Animated PNG, lossless, looping for ever."""

    def __init__(self, path: Path, size: Size, fps: Fraction) -> None:
        super().__init__(path, fps)
        self._size, self._sequence = size, 0
        self._file.write(PNG_SIGNATURE)
        self._file.write(_png_chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)))
        self._control_at = self._file.tell()
        self._file.write(_png_chunk(b"acTL", bytes(8)))

    def write(self, frame: Pixels) -> None:
        delay = (1 / self._fps).limit_denominator(0xFFFF)  # two fields of 16 bits
        control = struct.pack(">IIIIHHBB", *self._size, 0, 0, *delay.as_integer_ratio(), 0, 0)
        self._file.write(_png_chunk(b"fcTL", self._next_sequence() + control))
        still = _encoded(Image.fromarray(frame), "PNG")
        for kind, body in _png_chunks(still):
            if kind == b"IDAT" and self._num_frames == 0:
                self._file.write(_png_chunk(kind, body))
            elif kind == b"IDAT":
                self._file.write(_png_chunk(b"fdAT", self._next_sequence() + body))
        self._num_frames += 1

    def _next_sequence(self) -> bytes:
        self._sequence += 1
        return struct.pack(">I", self._sequence - 1)

    def finish(self) -> None:
        self._file.write(_png_chunk(b"IEND", b""))
        self._file.seek(self._control_at)
        self._file.write(_png_chunk(b"acTL", struct.pack(">II", self._num_frames, 0)))
        self._file.close()


class GifEncoder(_AnimatedFile):
    """GIF of 256 colours chosen from the first frame, looping for ever.

    Ordered dithering: still parts of the picture stay still, which error diffusion breaks.
    """

    def __init__(self, path: Path, size: Size, fps: Fraction) -> None:
        if fps > GIF_MAX_FPS:
            raise EncodeError(
                f"GIF shows at most {GIF_MAX_FPS} frames a second, got {float(fps):g};"
                f" use --fps {GIF_MAX_FPS} or write .webp"
            )
        super().__init__(path, fps)
        self._palette: Image.Image | None = None
        repeats = size[1] // 4 + 1, size[0] // 4 + 1
        threshold = np.tile(BAYER_4, repeats)[: size[1], : size[0]]
        self._dither = (threshold // 2 - 4).astype(np.int16)[..., None]
        self._file.write(b"GIF89a" + struct.pack("<HHBBB", *size, 0x70, 0, 0))
        self._file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")

    def write(self, frame: Pixels) -> None:
        dithered = Image.fromarray(np.clip(frame + self._dither, 0, 255).astype(np.uint8))
        if self._palette is None:
            self._palette = Image.fromarray(frame).quantize(256, kmeans=2)
        indexed = dithered.quantize(palette=self._palette, dither=Image.Dither.NONE)
        table, picture = _gif_parts(_encoded(indexed, "GIF", interlace=0))
        delay = ticks(self._num_frames, self._fps, 100)
        self._file.write(b"\x21\xf9\x04" + struct.pack("<BHBB", 0x04, delay, 0, 0))
        table_bits = (len(table) // 3).bit_length() - 2
        self._file.write(picture[:9] + bytes([0x80 | table_bits]) + table + picture[10:])
        self._num_frames += 1

    def finish(self) -> None:
        self._file.write(b"\x3b")
        self._file.close()


class PngFolder:
    """A folder of frame_00000.png, frame_00001.png, ..."""

    def __init__(self, path: Path, size: Size, fps: Fraction) -> None:
        path.mkdir()
        self._folder, self._num_frames = path, 0

    def write(self, frame: Pixels) -> None:
        Image.fromarray(frame).save(self._folder / f"frame_{self._num_frames:05d}.png")
        self._num_frames += 1

    def finish(self) -> None:
        """Every frame is a file of its own already."""

    def close(self) -> None:
        """Nothing is held open."""


def _encoded(image: Image.Image, format: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def _uint24(value: int) -> bytes:
    return value.to_bytes(3, "little")


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG_SIGNATURE)
    while at < len(png):
        (num_bytes,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + num_bytes]
        at += 12 + num_bytes


def _gif_parts(gif: bytes) -> tuple[bytes, bytes]:
    """The colour table of a one-frame GIF, and its picture from descriptor to last data block."""
    table_end = 13 + 3 * (2 << (gif[10] & 7))
    at = table_end
    while gif[at] == 0x21:  # extensions: a label, then blocks, the last of them empty
        at += 2
        while gif[at]:
            at += 1 + gif[at]
        at += 1
    return gif[13:table_end], gif[at:-1]
