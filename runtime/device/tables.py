"""Small arrays that kernels look things up in, one after the other in one buffer of a device."""

from typing import Any

import numpy as np
import numpy.typing as npt

from stillwave.kernels import cuda

from ..interpolation import interpolation
from .contract import ALIGNMENT, Stream


class Tables:
    """Filled before the buffer is planned, `put` once it has an address."""

    def __init__(self) -> None:
        self.nbytes, self.address = 0, 0
        self._parts: dict[str, tuple[int, npt.NDArray[Any]]] = {}
        self._axes: dict[str, tuple[int, int, int]] = {}

    def add(self, name: str, values: npt.NDArray[Any]) -> None:
        self._parts[name] = self.nbytes, np.ascontiguousarray(values)
        self.nbytes += -(-values.nbytes // ALIGNMENT) * ALIGNMENT

    def add_axis(self, name: str, size: int, size_out: int, extent: float = 1.0, sharpening: float = 0.0) -> None:
        """Of an interpolation; see `interpolation`."""
        cells, weights = interpolation(size, size_out, extent, sharpening)
        self.add(f"{name} cells", cells.astype(np.int32))
        self.add(f"{name} weights", weights)
        self._axes[name] = size, size_out, len(cells)

    def put(self, address: int, stream: Stream) -> None:
        """The caller waits for the stream."""
        self.address = address
        for offset, values in self._parts.values():
            stream.copy_in(address + offset, values)

    def at(self, name: str) -> int:
        return self.address + self._parts[name][0]

    def axis(self, name: str) -> cuda.Axis:
        return cuda.Axis(self.at(f"{name} cells"), self.at(f"{name} weights"), *self._axes[name])
