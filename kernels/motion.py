"""Motion synthesis: displacements of every pixel from a spectral volume, by inverse DFT."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stillwave.kernels import _library, reference
from stillwave.kernels.checks import PIXEL_LIMIT, Array, Float, finite, readable, separate, writable
from stillwave.kernels.reference import LANES

Times = Array | list[float]
ROW_BYTES = 96  # 16 pixels of one frequency: 64 numbers of 12 bits


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
    _check_times([t], num_frames)
    basis = reference.coefficients(t, num_frames, num_frequencies, anchor=False)
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
    """A 12-bit copy of a spectral volume, laid out so that a frame reads memory once, in order.

    Pixels are taken 16 at a time, each block in units of its largest value / 2047. S_0 is not kept: time 0
    is the photo itself. The copy lies in `buffer` (uint8, at least `bytes_for(K, H, W)`), which the caller
    keeps alive and owns, or in memory of its own.
    """

    def __init__(self, spectrum: Array, buffer: Array | None = None, *, threads: int = 0) -> None:
        spectrum = readable("spectrum", spectrum, (None, 4, None, None), np.float32, np.float16)
        self.num_frequencies, _, self.height, self.width = spectrum.shape
        self.nbytes = self.bytes_for(self.num_frequencies, self.height, self.width)
        memory = np.empty(self.nbytes, np.uint8) if buffer is None else buffer
        if memory.dtype != np.uint8 or memory.ndim != 1 or memory.size < self.nbytes:
            raise ValueError(
                f"buffer must be flat uint8 of at least {self.nbytes} bytes, got {memory.dtype} "
                f"{memory.shape}; size it with BlockedSpectrum.bytes_for"
            )
        blocks, moving = -(-self.height * self.width // LANES), max(self.num_frequencies - 1, 0)
        rows_bytes = blocks * moving * ROW_BYTES
        self.rows = memory[:rows_bytes].view(np.int8).reshape(blocks, moving, 3, ROW_BYTES // 3)
        self.units = memory[rows_bytes : self.nbytes].view(np.float32)
        self._fill(spectrum.astype(np.float32, copy=False), _library.thread_count(threads))
        if not np.isfinite(self.units).all():
            finite("spectrum", spectrum)

    def _fill(self, spectrum: Float, threads: int) -> None:
        kernels = _library.kernels()
        if kernels is None:
            self.rows[...], self.units[...] = reference.block(spectrum)
            return
        status = kernels.block(
            *(spectrum.ctypes.data, self.rows.ctypes.data, self.units.ctypes.data),
            *(self.height * self.width, self.rows.shape[1], 2.0 ** reference.term_bits(self.num_frequencies), threads),
        )
        _library.check(status)

    @staticmethod
    def bytes_for(num_frequencies: int, height: int, width: int) -> int:
        """Bytes of the blocked copy of a (K, 4, H, W) volume."""
        if height * width > PIXEL_LIMIT:
            raise ValueError(f"a spectrum takes at most 2^31 pixels, got {height} x {width}")
        return -(-height * width // LANES) * (ROW_BYTES * max(num_frequencies - 1, 0) + 4)

    def motion(self, times: Times, num_frames: int, out: Float | None = None, *, threads: int = 0) -> Float:
        """Displacements since time 0, at n times in one pass over the volume: 8 cost little more than 1.

        times  (n,) frames, any finite float; the loop has `num_frames`
        out    (n, H, W, 2) float32, px; x right, then y down
        """
        _check_times(times, num_frames)
        basis = reference.coefficients(np.asarray(times), num_frames, self.num_frequencies, anchor=True)
        basis[:, :2] = 0
        return self.combine(basis, out, threads=threads)

    def combine(self, basis: Float, out: Float | None = None, *, threads: int = 0) -> Float:
        """Any n weighted sums of the frequencies in one pass over the volume.

        basis  (n, 2K) float32; row n times (Re S_0, Im S_0, Re S_1, ...) is displacement n. S_0 is not
               kept: its weights must be 0
        out    (n, H, W, 2) float32, px; x right, then y down
        """
        basis = readable("basis", basis, (None, 2 * self.num_frequencies), np.float32)
        finite("basis", basis)
        if basis[:, :2].any():
            raise ValueError("basis must be 0 for S_0, which a blocked spectrum does not keep; anchor it first")
        terms, scales = reference.terms(basis, self.num_frequencies)
        out = writable("out", out, (len(basis), self.height, self.width, 2), np.float32)
        separate("out", out, rows=self.rows, units=self.units)
        threads = _library.thread_count(threads)
        kernels = _library.kernels()
        if kernels is None:
            frames = reference.motion_from_blocks(self.rows, self.units, terms)
            out[...] = frames[:, : self.height * self.width].reshape(out.shape)
        else:
            self._launch(kernels.motion, terms, out, threads)
        for motion, scale in zip(out, scales, strict=True):
            if scale != 1:
                motion *= scale
        return out

    def weight(self, num_frames: int, out: Float | None = None, *, threads: int = 0) -> Float:
        """Mean over the loop of the length of the displacement: (H, W) float32, px."""
        _check_times([], num_frames)
        basis = reference.coefficients(np.arange(num_frames), num_frames, self.num_frequencies, anchor=True)
        terms, _ = reference.terms(basis, self.num_frequencies)
        out = writable("out", out, (self.height, self.width), np.float32)
        separate("out", out, rows=self.rows, units=self.units)
        threads = _library.thread_count(threads)
        kernels = _library.kernels()
        if kernels is None:
            mean = reference.mean_magnitude(self.rows, self.units, terms)
            out[...] = mean[: self.height * self.width].reshape(out.shape)
            return out
        self._launch(kernels.mean_magnitude, terms, out, threads)
        return out

    def _launch(self, launcher: Any, terms: Array, out: Float, threads: int) -> None:
        status = launcher(
            *(self.rows.ctypes.data, self.units.ctypes.data, terms.ctypes.data, out.ctypes.data),
            *(self.height * self.width, self.rows.shape[1], len(terms), threads),
        )
        _library.check(status)


def _check_times(times: Times, num_frames: int) -> None:
    if num_frames < 1:
        raise ValueError(f"num_frames must be at least 1, got {num_frames}")
    if not all(math.isfinite(t) for t in times):
        raise ValueError(f"times must be finite frame numbers, got {list(times)}")
