"""Motion synthesis: displacements of every pixel from a spectral volume, by inverse DFT."""

from __future__ import annotations

import math

import numpy as np

from stillwave.kernels import _library, reference
from stillwave.kernels.checks import PIXEL_LIMIT, Array, Float, finite, readable, separate, writable
from stillwave.kernels.reference import LANES

HALF_MAX = 65504.0


def motion_at(spectrum: Array, t: float, num_frames: int, out: Float | None = None, *, threads: int = 0) -> Float:
    """Displacement of every pixel at time `t`, not anchored.

    spectrum  (K, 4, H, W) float32 or float16, px; forward-normalised; row k is k cycles per loop
    out       (2, H, W)    float32, px; x right, then y down
    """
    spectrum = readable("spectrum", spectrum, (None, 4, None, None), np.float32, np.float16)
    finite("spectrum", spectrum)
    num_frequencies, _, height, width = spectrum.shape
    out = writable("out", out, (2, height, width), np.float32)
    separate("out", out, spectrum=spectrum)
    basis = _basis([t], num_frames, num_frequencies, anchor=False)
    threads = _library.thread_count(threads)
    kernels = _library.kernels()
    if kernels is None:
        out[...] = reference.motion_at(spectrum, basis)[0]
        return out
    planes = spectrum.astype(np.float32, copy=False)
    status = kernels.motion_planar(
        *(planes.ctypes.data, basis.ctypes.data, out.ctypes.data),
        *(height * width, num_frequencies, threads),
    )
    _library.check(status)
    return out


class BlockedSpectrum:
    """A float16 copy of a spectral volume, laid out so that a frame reads memory once, in order.

    Pixels are taken 16 at a time: (ceil(H W / 16), 4K, 16). The copy lies in `buffer` (uint8, at
    least `bytes_for(K, H, W)`), which the caller keeps alive and owns, or in memory of its own.
    """

    def __init__(self, spectrum: Array, buffer: Array | None = None) -> None:
        spectrum = readable("spectrum", spectrum, (None, 4, None, None), np.float32, np.float16)
        finite("spectrum", spectrum)
        largest = float(max(spectrum.max(initial=0), -spectrum.min(initial=0)))
        if largest > HALF_MAX:
            raise ValueError(f"spectrum must lie within +-{HALF_MAX:.0f} px, got {largest:g}; scale it down")
        self.num_frequencies, _, self.height, self.width = spectrum.shape
        self.nbytes = self.bytes_for(self.num_frequencies, self.height, self.width)
        memory = np.empty(self.nbytes, np.uint8) if buffer is None else buffer
        if memory.dtype != np.uint8 or memory.ndim != 1 or memory.size < self.nbytes:
            raise ValueError(
                f"buffer must be flat uint8 of at least {self.nbytes} bytes, got {memory.dtype} "
                f"{memory.shape}; size it with BlockedSpectrum.bytes_for"
            )
        shape = -(-self.height * self.width // LANES), 4 * self.num_frequencies, LANES
        self.blocks = memory[: self.nbytes].view(np.float16).reshape(shape)
        reference.block(spectrum, self.blocks)

    @staticmethod
    def bytes_for(num_frequencies: int, height: int, width: int) -> int:
        """Bytes of the blocked copy of a (K, 4, H, W) volume."""
        if height * width > PIXEL_LIMIT:
            raise ValueError(f"a spectrum takes at most 2^31 pixels, got {height} x {width}")
        return -(-height * width // LANES) * 4 * num_frequencies * LANES * 2

    def motion(
        self,
        times: Array | list[float],
        num_frames: int,
        out: Float | None = None,
        *,
        anchor: bool = True,
        threads: int = 0,
    ) -> Float:
        """Displacements at n times in one pass over the volume: 8 cost little more than 1.

        times  (n,) frames, any finite float; the loop has `num_frames`
        out    (n, H, W, 2) float32, px; x right, then y down
        With `anchor`, time 0 is the photo itself: the displacement at 0 is subtracted.
        """
        return self.combine(_basis(times, num_frames, self.num_frequencies, anchor), out, threads=threads)

    def combine(self, basis: Float, out: Float | None = None, *, threads: int = 0) -> Float:
        """Any n weighted sums of the frequencies in one pass over the volume.

        basis  (n, 2K) float32; row n times (Re S_0, Im S_0, Re S_1, ...) is displacement n
        out    (n, H, W, 2) float32, px; x right, then y down
        """
        basis = readable("basis", basis, (None, 2 * self.num_frequencies), np.float32)
        finite("basis", basis)
        out = writable("out", out, (len(basis), self.height, self.width, 2), np.float32)
        separate("out", out, spectrum=self.blocks)
        threads = _library.thread_count(threads)
        kernels = _library.kernels()
        if kernels is None:
            frames = reference.motion_at(self._volume(), basis)
            out[...] = frames.transpose(0, 2, 3, 1)
            return out
        status = kernels.motion(
            *(self.blocks.ctypes.data, basis.ctypes.data, out.ctypes.data),
            *(self.height * self.width, self.num_frequencies, len(basis), threads),
        )
        _library.check(status)
        return out

    def weight(self, num_frames: int, out: Float | None = None, *, threads: int = 0) -> Float:
        """Mean over the loop of the length of the anchored displacement: (H, W) float32, px."""
        basis = _basis(range(num_frames), num_frames, self.num_frequencies, anchor=True)
        out = writable("out", out, (self.height, self.width), np.float32)
        separate("out", out, spectrum=self.blocks)
        threads = _library.thread_count(threads)
        kernels = _library.kernels()
        if kernels is None:
            out[...] = reference.mean_magnitude(self._volume(), basis)
            return out
        status = kernels.mean_magnitude(
            *(self.blocks.ctypes.data, basis.ctypes.data, out.ctypes.data),
            *(self.height * self.width, self.num_frequencies, len(basis), threads),
        )
        _library.check(status)
        return out

    def _volume(self) -> Array:
        return reference.unblock(self.blocks, self.height, self.width)


def _basis(times: Array | list[float] | range, num_frames: int, num_frequencies: int, anchor: bool) -> Float:
    if num_frames < 1:
        raise ValueError(f"num_frames must be at least 1, got {num_frames}")
    if not all(math.isfinite(t) for t in times):
        raise ValueError(f"times must be finite frame numbers, got {list(times)}")
    return reference.coefficients(np.asarray(times), num_frames, num_frequencies, anchor)
