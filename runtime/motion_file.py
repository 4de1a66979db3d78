"""Motion files: a predicted motion kept as .npz, and read back without trusting it."""

import io
import math
import os
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import MotionError
from .output import atomic_output
from .photo import Pixels
from .spectrum import Float

MAX_BYTES = 256 << 20  # K = 16 on a grid of 1024 x 1024
MAX_FREQUENCIES = 128
FILE_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class MotionFile:
    """How a photo moves.

    spectral_volume  (K, 4, H, W) float32, px of a grid over the whole photo
    photo            (H, W, 3) uint8, the photo on that grid
    num_frames       T, after which the motion repeats
    fps              frames a second
    is_predicted     by a model: a loop of it may begin with any of its moments; files without it: no
    """

    spectral_volume: Float
    photo: Pixels
    num_frames: int
    fps: float
    is_predicted: bool = False

    def __post_init__(self) -> None:
        volume, photo = self.spectral_volume, self.photo
        if volume.ndim != 4 or volume.shape[1] != 4 or not 1 <= len(volume) <= MAX_FREQUENCIES:
            raise MotionError(
                f"want spectral_volume of shape (K, 4, H, W) with K of 1 to {MAX_FREQUENCIES},"
                f" got {volume.shape}"
            )
        if photo.shape != (*volume.shape[2:], 3):
            raise MotionError(f"want photo of shape {(*volume.shape[2:], 3)}, got {photo.shape}")
        if not np.isfinite(volume).all():
            raise MotionError("spectral_volume holds values that are not finite; predict it again")
        least = 2 * (len(volume) - 1)
        if not max(2, least) <= self.num_frames <= 1_000_000:
            raise MotionError(
                f"want num_frames of {max(2, least)} or more for {len(volume)} frequencies,"
                f" got {self.num_frames}"
            )
        if not 0 < self.fps <= 1000:
            raise MotionError(f"want fps of more than 0 and at most 1000, got {self.fps}")


def write_motion(path: str | os.PathLike[str], motion: MotionFile) -> None:
    """Writes the motion whole or not at all; equal motions become equal bytes."""
    arrays = {
        "spectral_volume": motion.spectral_volume.astype(np.float32),
        "photo": motion.photo,
        "num_frames": np.int64(motion.num_frames),
        "fps": np.float64(motion.fps),
        "is_predicted": np.bool_(motion.is_predicted),
    }
    with atomic_output(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", FILE_DATE)  # np.savez would write the time
            member.compress_type = zipfile.ZIP_DEFLATED
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(array), allow_pickle=False)
            archive.writestr(member, content.getbuffer())


def read_motion(path: str | os.PathLike[str]) -> MotionFile:
    """The motion in a file, or a `MotionError` that says what is wrong with it."""
    try:
        with zipfile.ZipFile(path) as archive, np.errstate(over="ignore"):
            return MotionFile(
                _array(archive, "spectral_volume", np.floating).astype(np.float32),
                _array(archive, "photo", np.uint8),
                int(_number(archive, "num_frames", np.integer)),
                float(_number(archive, "fps", np.number)),
                "is_predicted.npy" in archive.namelist() and bool(_number(archive, "is_predicted", np.bool_)),
            )
    except MotionError as error:
        raise MotionError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise MotionError(f"{path}: no such file; make one with `stillwave predict`") from error
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds on damaged files
        raise MotionError(
            f"{path}: cannot be read as a motion file ({type(error).__name__}: {error})"
        ) from error


def _number(archive: zipfile.ZipFile, name: str, kind: type) -> Any:
    array = _array(archive, name, kind)
    if array.size != 1:
        raise MotionError(f"want one number as {name}, got an array of shape {array.shape}")
    return array.item()


def _array(archive: zipfile.ZipFile, name: str, kind: type) -> npt.NDArray[Any]:
    """An array of the archive. The type and size it claims are checked before it is unpacked."""
    if f"{name}.npy" not in archive.namelist():
        raise MotionError(f"has no {name}; want spectral_volume, photo, num_frames and fps")
    with archive.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise MotionError(f"want {name} in .npy format (1, 0), got {version}")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(member)
        if not np.issubdtype(dtype, kind):
            raise MotionError(f"want {name} of type {kind.__name__}, got {dtype}")
        nbytes = math.prod(shape) * dtype.itemsize
        if nbytes > MAX_BYTES:
            raise MotionError(f"{name} of shape {shape} is larger than {MAX_BYTES:,} bytes")
        content = member.read(nbytes + 1)
    if len(content) != nbytes:
        raise MotionError(f"{name} of shape {shape} is not as long as it says")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
