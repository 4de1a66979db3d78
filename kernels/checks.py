"""Arguments as the kernels need them: type, shape and layout, or an error with its remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Float = NDArray[np.float32]
Shape = tuple[int, ...]

# Offsets and pixel numbers are 32-bit in every kernel.
PIXEL_LIMIT = 2**31 - 1


def readable(name: str, array: Array, shape: tuple[int | None, ...], *dtypes: DTypeLike) -> Array:
    """`array`, contiguous (copied only if it was not). None in `shape` accepts any size."""
    _check_type(name, array, dtypes)
    matches = array.ndim == len(shape) and all(
        want is None or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not matches:
        raise ValueError(f"{name} must have shape {_pattern(shape)}, got {array.shape}; reshape it")
    return np.ascontiguousarray(array)


def writable(name: str, out: Array | None, shape: Shape, *dtypes: DTypeLike) -> Array:
    """`out` where it can hold the result as it lies, or a new array of the first dtype."""
    if out is None:
        return np.empty(shape, dtypes[0])
    _check_type(name, out, dtypes)
    if out.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {out.shape}; pass None to allocate")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError(
            f"{name} must be C-contiguous and writeable, got strides {out.strides}; "
            f"pass np.empty({shape}, np.{out.dtype}) or None"
        )
    return out


def separate(name: str, out: Array, /, **inputs: Array) -> None:
    """Refuse an output that overlaps an input: kernels read neighbours while they write."""
    for other, array in inputs.items():
        if np.may_share_memory(out, array):
            raise ValueError(f"{name} overlaps {other} in memory; pass a buffer of its own")


def finite(name: str, array: Array) -> None:
    """Refuse an array that holds nan or inf, naming the first place."""
    good = np.isfinite(array)
    if not good.all():
        place = tuple(int(i) for i in np.argwhere(~good)[0])
        raise ValueError(
            f"{name} must be finite, got {array[place]} at {list(place)}; "
            "replace it (np.nan_to_num) or mend what made it"
        )


def _check_type(name: str, array: Array, dtypes: tuple[DTypeLike, ...]) -> None:
    if isinstance(array, np.ndarray) and array.dtype in dtypes:
        return
    wanted = " or ".join(np.dtype(dtype).name for dtype in dtypes)
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be a numpy array of {wanted}, got {type(array).__name__}")
    raise TypeError(f"{name} must be {wanted}, got {array.dtype}; convert it with .astype")


def _pattern(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
