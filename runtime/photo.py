"""Stage 1: a file becomes upright sRGB pixels.

Photos are hostile. Only listed formats are opened, sizes are checked before anything is decoded,
and whatever a decoder raises leaves here as a `PhotoError` that names the photo.
"""

import io
import logging
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from .colour import srgb_from
from .errors import PhotoError, StillwaveError
from .heif import png_from_heif

Pixels: TypeAlias = npt.NDArray[np.uint8]
Size: TypeAlias = tuple[int, int]
Box: TypeAlias = tuple[float, float, float, float]

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
MAX_PIXELS = 40_000_000
MAX_FILE_BYTES = 8 * MAX_PIXELS  # sixteen-bit RGBA, not compressed
MIN_SIDE = 16
MAX_ASPECT = 16
LONGEST_SIDE = 1280

EXIF_ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)
UPRIGHT_FROM_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Photo:
    """An upright sRGB photo.

    pixels       (H, W, 3) uint8; alpha composited onto white
    source_size  (W, H) px of the upright original; larger than `pixels` where a JPEG was decoded
                 at a fraction of its scale
    """

    pixels: Pixels
    source_size: Size


PhotoSource: TypeAlias = str | os.PathLike[str] | Image.Image | Pixels | Photo


def read_photo(source: PhotoSource, size: Size | None = None, longest: int | None = None) -> Photo:
    """The photo upright, in sRGB, on white; of an animated file, its first frame.

    Every pixel is kept unless the `size` or `longest` of a later `fit` is given: a JPEG is then
    decoded at 1/2, 1/4 or 1/8 scale where that fit needs no more, which bounds time and memory.
    """
    if isinstance(source, Photo):
        return source
    if isinstance(source, np.ndarray):
        return _photo_from_array(source)
    if isinstance(source, Image.Image):
        with _photo_errors("image"):
            return _photo_from_image(source)
    path = Path(source)
    with _photo_errors(str(path)), _open_image(_read_file(path)) as image:
        return _photo_from_image(image, size, longest)


def fit(photo: Photo, size: Size | None = None, longest: int = LONGEST_SIDE) -> Pixels:
    """The photo at render size, (h, w, 3).

    Without `size` (w, h): the photo's own, at most `longest` on the long side, in even numbers.
    With one of another shape than the photo's: its centre, cropped to that shape.
    """
    size = size or render_size(photo.source_size, longest)
    check_size(size)
    scale_y, scale_x = np.divide(photo.pixels.shape[:2], photo.source_size[::-1])
    left, top, right, bottom = crop_box(photo.source_size, size)
    box = (left * scale_x, top * scale_y, right * scale_x, bottom * scale_y)
    return resize(photo.pixels, size, box)


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
    left, top = (width - size[0] / scale) / 2, (height - size[1] / scale) / 2
    return left, top, width - left, height - top


def resize(pixels: Pixels, size: Size, box: Box | None = None) -> Pixels:
    """The whole picture, or its `box` (left, top, right, bottom), resampled to `size` (w, h)."""
    image = Image.fromarray(pixels)
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=3.0))


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


def _read_file(path: Path) -> io.BytesIO:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            raise PhotoError(
                f"want a regular file of at most {MAX_FILE_BYTES:,} bytes,"
                f" got {stat.filemode(status.st_mode)} of {status.st_size:,} bytes"
            )
        return io.BytesIO(path.read_bytes())
    except OSError as error:
        raise PhotoError(f"cannot be read: {error.strerror}") from error


def _open_image(file: io.BytesIO) -> Image.Image:
    head = file.getvalue()[:12]
    if head[4:8] == b"ftyp" and head[8:] in HEIF_BRANDS:
        file = io.BytesIO(png_from_heif(file.getvalue()))
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise PhotoError(
            "not a photo that can be read here; save it as JPEG, PNG, WebP or AVIF"
        ) from error


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


def _photo_from_array(pixels: Pixels) -> Photo:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise PhotoError(
            f"want a uint8 array of shape (H, W, 3), got {pixels.dtype} of shape {pixels.shape}"
        )
    height, width, _ = pixels.shape
    check_size((width, height))
    return Photo(np.ascontiguousarray(pixels), (width, height))


def _photo_from_image(
    image: Image.Image, size: Size | None = None, longest: int | None = None
) -> Photo:
    check_size(image.size)
    orientation = _orientation(image)
    width, height = image.size
    source_size = (height, width) if orientation in SIDEWAYS else (width, height)
    if size is not None or longest is not None:
        _draft(image, source_size, size or render_size(source_size, longest or LONGEST_SIDE))
    image.load()
    if orientation in UPRIGHT_FROM_ORIENTATION:
        image = image.transpose(UPRIGHT_FROM_ORIENTATION[orientation])
    return Photo(np.asarray(srgb_from(image)), source_size)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(EXIF_ORIENTATION, 1))
    except Exception as error:  # as hostile as any decoder, but the pixels may be fine
        logger.warning("EXIF cannot be read, photo taken as upright: %s", error)
        return 1


def _draft(image: Image.Image, source_size: Size, size: Size) -> None:
    left, _, right, _ = crop_box(source_size, size)
    scale = 2 * size[0] / (right - left)  # twice: Lanczos then hides the decoder's box filter
    if scale < 1:
        image.draft(None, (int(image.width * scale), int(image.height * scale)))
