"""Stage 1: a file becomes upright sRGB pixels.

Photos are hostile. Only listed formats are opened, sizes are checked before anything is decoded,
and whatever a decoder raises leaves here as a `PhotoError` that names the photo.
"""

import io
import logging
import os
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from .colour import SrgbConverter
from .errors import PhotoError, StillwaveError
from .heif import png_from_heif

Pixels: TypeAlias = npt.NDArray[np.uint8]
Size: TypeAlias = tuple[int, int]
Box: TypeAlias = tuple[float, float, float, float]
Rows: TypeAlias = Callable[[int, int], Image.Image]  # of a picture, from one to before another

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
MAX_PIXELS = 40_000_000
MAX_FILE_BYTES = 8 * MAX_PIXELS  # sixteen-bit RGBA, not compressed
MIN_SIDE = 16
MAX_ASPECT = 16
LONGEST_SIDE = 1280

EXIF_ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)
MIRRORED_X, MIRRORED_Y = (2, 3, 6, 7), (3, 4, 7, 8)  # after rows and columns have changed places

STRIP_PIXELS = 1 << 18  # converted and resampled at a time
STRIP_BYTES = 32 * STRIP_PIXELS  # in every form they go through
LANCZOS_REACH = 3  # px of the coarser of two grids
PILLOW_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2}  # bytes; of all other modes 4
DECODER_PIXEL = {"WEBP": 12, "AVIF": 10}  # bytes a decoder holds beside Pillow's image; benchmarks/memory.py

logger = logging.getLogger(__name__)

PhotoSource: TypeAlias = str | os.PathLike[str] | Image.Image | Pixels


class Photo:
    """A photo of which only the header has been read: what `pixels` will return, and take.

    size           (w, h) px; not given, that of the photo, at most `longest` on the long side and then
                   in even numbers. Of another shape than the photo's: its centre, cropped to that shape
    source_size    (W, H) px of the upright original
    reading_bytes  most memory that `pixels` takes; an image or an array that was passed in is the caller's
    """

    def __init__(self, source: PhotoSource, size: Size | None = None, longest: int | None = None):
        self._is_file = isinstance(source, str | os.PathLike)
        self.name = str(source) if self._is_file else "image"
        self._source: Image.Image | Pixels | None = None
        try:
            with _photo_errors(self.name):
                self._source = _opened(source, size, longest)
                stored_size = _checked_size(self._source)
                self._orientation = _orientation(self._source)
                self.source_size = _swapped(stored_size, self._orientation)
                self.size = size or (render_size(self.source_size, longest) if longest else self.source_size)
                check_size(self.size)
                self._draft()
        except BaseException:
            self.close()
            raise

    @property
    def reading_bytes(self) -> int:
        image = self._source
        held = STRIP_BYTES + 6 * self.size[0] * self.size[1]  # twice the result, to turn it upright
        if not self._is_file or not isinstance(image, Image.Image):
            return held
        pixel = PILLOW_PIXEL.get(image.mode, 4) + DECODER_PIXEL.get(image.format or "", 0)
        if image.format in DECODER_PIXEL:
            held += os.stat(self.name).st_size
        return held + pixel * image.width * image.height + self._coefficient_bytes(image)

    def pixels(self) -> Pixels:
        """The photo upright, in sRGB, on white, (h, w, 3); of an animated file, its first frame."""
        with _photo_errors(self.name):
            rows, (width, height) = _rows_of(self._source)
            source_width, source_height = _swapped(self.source_size, self._orientation)
            left, top, right, bottom = self._stored_box()
            x, y = width / source_width, height / source_height  # 1, or what a draft left
            box = left * x, top * y, right * x, bottom * y
            stored = resample(rows, (width, height), _swapped(self.size, self._orientation), box)
            return _upright(stored, self._orientation)

    def close(self) -> None:
        """Let go of the file and of all that was decoded; a second call does nothing."""
        if self._is_file and isinstance(self._source, Image.Image):
            self._source.close()
        self._source = None

    def __enter__(self) -> "Photo":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _stored_box(self) -> Box:
        """The part of the stored picture, px, that is shown."""
        (width, height), (left, top, right, bottom) = self.source_size, crop_box(self.source_size, self.size)
        if self._orientation in MIRRORED_X:
            left, right = width - right, width - left
        if self._orientation in MIRRORED_Y:
            top, bottom = height - bottom, height - top
        return (top, left, bottom, right) if self._orientation in SIDEWAYS else (left, top, right, bottom)

    def _coefficient_bytes(self, image: Image.Image) -> int:
        """A progressive JPEG is held as 16-bit coefficients, at full scale, before its first row is decoded."""
        if not isinstance(image, JpegImageFile) or "progressive" not in image.info:
            return 0
        sampling = [(h, v) for _, h, v, _ in image.layer]
        most = max(h for h, _ in sampling) * max(v for _, v in sampling)
        return 2 * self.source_size[0] * self.source_size[1] * sum(h * v for h, v in sampling) // most

    def _draft(self) -> None:
        """Have a JPEG decoded at 1/2, 1/4 or 1/8 scale where `size` needs no more."""
        if self._is_file and isinstance(self._source, Image.Image):
            left, _, right, _ = crop_box(self.source_size, self.size)
            scale = 2 * self.size[0] / (right - left)  # twice: Lanczos then hides the decoder's box filter
            if scale < 1:
                self._source.draft(None, (int(self._source.width * scale), int(self._source.height * scale)))


def read_photo(source: PhotoSource, size: Size | None = None, longest: int | None = None) -> Pixels:
    """The pixels of a `Photo`, (H, W, 3) uint8: all of them, unless `size` or `longest` is given."""
    with Photo(source, size, longest) as photo:
        return photo.pixels()


def render_size(source_size: Size, longest: int = LONGEST_SIDE) -> Size:
    """The even (w, h) at which a photo of `source_size` is rendered by default."""
    scale = min(1.0, longest / max(source_size))
    width, height = (max(MIN_SIDE, 2 * int(side * scale / 2 + 1e-6)) for side in source_size)
    return width, height


def crop_box(source_size: Size, size: Size) -> Box:
    """The part (left, top, right, bottom) of the photo, px, that a render of `size` shows.

    The largest centred part of that shape; when only an odd last column or row must go, the rest
    stays as it is rather than being resampled.
    """
    width, height = source_size
    if width - size[0] in (0, 1) and height - size[1] in (0, 1):
        return 0, 0, size[0], size[1]
    scale = max(size[0] / width, size[1] / height)
    left, top = max(0, width - size[0] / scale) / 2, max(0, height - size[1] / scale) / 2  # rounded, may be below 0
    return left, top, width - left, height - top


def resize(pixels: Pixels, size: Size) -> Pixels:
    """The whole picture resampled to `size` (w, h)."""
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))


def resample(rows: Rows, source_size: Size, size: Size, box: Box) -> Pixels:
    """The `box` of a picture at `size`, as resampling it whole would make it, but strip by strip."""
    (width, height), (left, top, right, bottom) = source_size, box
    scale = (bottom - top) / size[1]
    reach = LANCZOS_REACH * max(1.0, scale) + 1
    num_rows = max(1, int(STRIP_PIXELS / (width * scale)))
    out = np.empty((size[1], size[0], 3), np.uint8)
    for first in range(0, size[1], num_rows):
        end = min(first + num_rows, size[1])
        start, stop = top + first * scale, top + end * scale
        above, below = max(0, int(start - reach)), min(height, int(stop + reach) + 1)
        part = left, start - above, right, min(stop, below) - above
        strip = rows(above, below).resize((size[0], end - first), Image.Resampling.LANCZOS, part)
        out[first:end] = np.asarray(strip)
    return out


@contextmanager
def _photo_errors(name: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of broken metadata: the pixels decide
            yield
    except StillwaveError as error:
        raise type(error)(f"{name}: {error}") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{name}: {error}; {_LIMIT}") from error
    except Exception as error:  # fuzzing met ZeroDivisionError, SyntaxError, struct.error, ...
        raise PhotoError(
            f"{name}: cannot be decoded ({type(error).__name__}: {error}); is the file damaged?"
        ) from error


_LIMIT = f"at most {MAX_PIXELS // 1_000_000} megapixels are read; make the photo smaller first"


def _opened(source: PhotoSource, size: Size | None, longest: int | None) -> Image.Image | Pixels:
    if not isinstance(source, str | os.PathLike):
        return source
    path = Path(source)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            raise PhotoError(
                f"want a regular file of at most {MAX_FILE_BYTES:,} bytes,"
                f" got {stat.filemode(status.st_mode)} of {status.st_size:,} bytes"
            )
        with path.open("rb") as file:
            head = file.read(12)
        if head[4:8] == b"ftyp" and head[8:] in HEIF_BRANDS:
            return Image.open(io.BytesIO(png_from_heif(path.read_bytes(), size, longest)), formats=["PNG"])
        return Image.open(path, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise PhotoError("not a photo that can be read here; save it as JPEG, PNG, WebP or AVIF") from error
    except OSError as error:
        if error.strerror is None:  # a decoder's
            raise
        raise PhotoError(f"cannot be read: {error.strerror}") from error


def check_size(size: Size) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise PhotoError(f"{width} x {height} px is too large; {_LIMIT}")
    if min(size) < MIN_SIDE:
        raise PhotoError(
            f"{width} x {height} px is too small; each side must have {MIN_SIDE} px or more"
        )
    if max(size) > MAX_ASPECT * min(size):
        raise PhotoError(
            f"{width} x {height} px is too narrow; crop it until one side is at most"
            f" {MAX_ASPECT} times the other"
        )


def _checked_size(source: Image.Image | Pixels) -> Size:
    """(width, height) as stored, none too small or too large."""
    if isinstance(source, Image.Image):
        size = source.size
    elif source.dtype == np.uint8 and source.ndim == 3 and source.shape[2] == 3:
        size = source.shape[1], source.shape[0]
    else:
        raise PhotoError(f"want a uint8 array of shape (H, W, 3), got {source.dtype} of shape {source.shape}")
    check_size(size)
    return size


def _rows_of(source: Image.Image | Pixels | None) -> tuple[Rows, Size]:
    """A function that returns rows top to bottom of the picture in sRGB, and the picture's size."""
    if source is None:
        raise ValueError("the photo is closed; open another")
    if not isinstance(source, Image.Image):
        return lambda top, bottom: Image.fromarray(source[top:bottom]), (source.shape[1], source.shape[0])
    source.load()
    convert = SrgbConverter(source)
    return lambda top, bottom: convert(source.crop((0, top, source.width, bottom))), source.size


def _orientation(source: Image.Image | Pixels) -> int:
    try:
        return int(source.getexif().get(EXIF_ORIENTATION, 1)) if isinstance(source, Image.Image) else 1
    except Exception as error:  # as hostile as any decoder, but the pixels may be fine
        logger.warning("EXIF cannot be read, photo taken as upright: %s", error)
        return 1


def _swapped(size: Size, orientation: int) -> Size:
    """Width and height of the upright picture from the stored one's, or the other way round."""
    return size[::-1] if orientation in SIDEWAYS else size


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    if orientation in SIDEWAYS:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in MIRRORED_X:
        pixels = pixels[:, ::-1]
    if orientation in MIRRORED_Y:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
