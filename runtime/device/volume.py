"""Coefficients -> spectral volume on a device: smoothed, calibrated, begun at the best frame, on the photo's grid.

The steps, and bits, of spectrum.py. Only how calm each frame is crosses to the host, which chooses one.
"""

import math
from dataclasses import dataclass

import numpy as np

from stillwave.kernels import cuda
from stillwave.kernels.cuda import Launch

from .. import spectrum
from ..manifest import Manifest
from ..photo import Size
from ..spectrum import Float
from .contract import Kernels, Stream
from .tables import Tables


@dataclass(frozen=True)
class DeviceVolume:
    """(K, 4, h, w) float32 px in the memory of an analysis, valid until its next prediction."""

    address: int
    shape: tuple[int, ...]
    stream: Stream

    def read(self) -> Float:
        """A copy on the host."""
        volume = np.empty(self.shape, np.float32)
        self.stream.copy_out(volume, self.address)
        self.stream.wait()
        return volume


class VolumePath:
    """The launches between the decoder and a volume; its buffers lie in the analysis's block.

    grid      (width, height) of the networks
    grid_out  (width, height) of the volume
    """

    def __init__(self, manifest: Manifest, grid: Size, grid_out: Size) -> None:
        (self.W, self.H), (self.w, self.h) = grid, grid_out
        self.K, self.num_frames, stride = manifest.num_frequencies, manifest.num_frames, manifest.latent_stride
        self.cells = self.H // stride, self.W // stride
        self.coarse = self.H // spectrum.COARSE, self.W // spectrum.COARSE
        self.to_px = max(self.H, self.W) / spectrum.REFERENCE_SIDE
        tables = self.tables = Tables()
        tables.add("scales", np.asarray(manifest.scales, np.float32)[1:] * np.float32(self.to_px))
        weights, share = spectrum.blur_weights(*self.coarse, spectrum.COHERENCE / spectrum.COARSE)
        self.reach = len(weights) - 1
        tables.add("blur", weights)
        tables.add("share", share)
        turns = 2 * np.pi * np.arange(self.num_frames) / self.num_frames
        tables.add("circle", np.stack([np.cos(turns), np.sin(turns)], 1).astype(np.float32))
        for i, axis in enumerate(("rows", "columns")):
            tables.add_axis(f"{axis} to coarse", (self.H, self.W)[i], self.coarse[i])
            tables.add_axis(f"{axis} from coarse", self.coarse[i], (self.H, self.W)[i])
            tables.add_axis(f"{axis} from cells", self.cells[i], (self.H, self.W)[i])
            tables.add_axis(f"{axis} to volume", (self.H, self.W)[i], (self.h, self.w)[i])

    @property
    def shape(self) -> tuple[int, ...]:
        return self.K, 4, self.h, self.w

    def smoothing_bytes(self) -> dict[str, int]:
        """Buffers of `smoothing`, which reads `coefficients` and `amplitude` and writes `sampled`."""
        coarse = 16 * (self.K - 1) * math.prod(self.coarse)
        gain = 4 * (self.K - 1) * math.prod(self.cells)
        return {"coarse": coarse, "half_blurred": coarse, "blurred": coarse, "gain": gain}

    def beginning_bytes(self) -> dict[str, int]:
        """Buffers of what reads `sampled`."""
        return {"paces": 8 * self.num_frames, "turns": 8 * self.K, "volume": 4 * math.prod(self.shape)}

    def sampled_bytes(self) -> int:
        return 16 * self.K * self.H * self.W

    def make(
        self, at: dict[str, int], kernels: Kernels, stream: Stream, clip_frames: float | None = None
    ) -> DeviceVolume:
        """The volume of `coefficients` and `amplitude`, begun at the calmest frame for a clip of so many."""

        def run(launches: list[Launch]) -> None:
            for launch in launches:
                kernels.launch(launch, stream)

        run([*self.smoothing(at), self.pacing(at)])
        pace, distance = paces = np.empty((2, self.num_frames), np.float32)
        stream.copy_out(paces, at["paces"])
        stream.wait()
        turns = spectrum.turns_of(self.K, spectrum.calmest(pace, distance, clip_frames) / self.num_frames)
        stream.copy_in(at["turns"], np.ascontiguousarray(np.stack(turns, 1)))
        run(self.beginning(at))
        stream.wait()  # what was copied in is the host's again
        return DeviceVolume(at["volume"], self.shape, stream)

    def smoothing(self, at: dict[str, int]) -> list[Launch]:
        """`volume_from_coefficients`, `cohere` and `calibrate`, but for S_0, which `beginning` makes."""
        table, count = self.tables.at, self.K - 1
        slices = at["sampled"] + 16 * self.H * self.W
        gains = slices, at["amplitude"], at["gain"], count, self.H, self.W, *self.cells
        return [
            self._interpolation(at["coefficients"], at["coarse"], "to coarse", count, table("scales")),
            self._blur(at["coarse"], at["half_blurred"]),
            self._blur(at["half_blurred"], at["blurred"], table("share")),
            self._interpolation(at["blurred"], slices, "from coarse", count),
            cuda.gain(cuda.Gains(*gains, self.to_px, spectrum.QUIET_PX**2)),
            cuda.calibrate(cuda.Calibration(slices, at["gain"], *self._axes("from cells"), count)),
        ]

    def pacing(self, at: dict[str, int]) -> Launch:
        """What `starting_frame` chooses by."""
        step, paces = spectrum.sparse_step(self.H, self.W), at["paces"]
        where = at["sampled"], self.tables.at("circle"), paces, paces + 4 * self.num_frames
        return cuda.pace(cuda.Paces(*where, self.K, self.num_frames, self.H, self.W, step // 2, step))

    def beginning(self, at: dict[str, int]) -> list[Launch]:
        """`advance` by `turns`, and `resize_volume`."""
        turning = cuda.Turning(at["sampled"], at["turns"], None, self.H * self.W, self.K)
        scale = self.w / self.W, self.h / self.H
        resizing = self._interpolation(at["sampled"], at["volume"], "to volume", self.K, None, scale)
        return [cuda.advance(turning), resizing]

    def _axes(self, name: str) -> tuple[cuda.Axis, cuda.Axis]:
        return self.tables.axis(f"rows {name}"), self.tables.axis(f"columns {name}")

    def _interpolation(
        self,
        planes: int,
        out: int,
        name: str,
        slices: int,
        scales: int | None = None,
        to_xy: tuple[float, float] = (1.0, 1.0),
    ) -> cuda.Launch:
        return cuda.interpolate(cuda.Planes(planes, out, scales, *self._axes(name), slices, *to_xy))

    def _blur(self, planes: int, out: int, share: int | None = None) -> cuda.Launch:
        sizes = 4 * (self.K - 1), *self.coarse, self.reach
        return cuda.blur(cuda.Blur(planes, out, self.tables.at("blur"), share, *sizes))
