"""Photo and noise -> spectral volume, on a device: encoder, denoiser, decoder and all after in one block of memory.

The few steps are one graph: the denoiser and the sampler's update, steps times.
"""

import math
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np

from stillwave.kernels import cuda

from ..budget import DECODER_BATCH
from ..engine import shape_at
from ..manifest import Manifest
from ..memory import Buffer, Plan, place
from ..photo import Size
from ..sampler import Schedule, Step, sampler_steps
from ..spectrum import Float
from .contract import Device, DeviceEngine, Graph, Kernels, Replay, Stream
from .layout import aligned_bytes
from .volume import DeviceVolume, VolumePath

STEPS = ("encode", "denoise", "decode", "smooth", "begin")
ENCODE, DENOISE, DECODE, SMOOTH, BEGIN = range(len(STEPS))

Open = Callable[[str, str, tuple[int, ...]], DeviceEngine]  # a network, for an input of this name and shape


class DeviceAnalysis:
    """Predicts motion on one grid in a fixed number of steps, for any number of photos of one shape.

    grid_out     (width, height) of the volume
    open_engine  the engines are this object's own
    check        told the plan and the engines' weights before anything is allocated; may refuse
    """

    def __init__(
        self,
        manifest: Manifest,
        device: Device,
        stream: Stream,
        kernels: Kernels,
        open_engine: Open,
        grid: Size,
        grid_out: Size,
        steps: int,
        check: Callable[[Plan], None] = lambda plan: None,
    ) -> None:
        self.grid, self.grid_out, self.steps, self.stream, self.kernels = grid, grid_out, steps, stream, kernels
        self.path = VolumePath(manifest, grid, grid_out)
        schedule = manifest.schedule
        self._steps = sampler_steps(Schedule(schedule.train_steps, schedule.beta_start, schedule.beta_end), steps)
        with ExitStack() as opened:
            self._open_engines(manifest, open_engine, opened)
            plan = self._plan()
            check(plan)
            self.block = opened.enter_context(device.block(plan.nbytes))
            self.at = {name: self.block.address + offset for name, offset in plan.offsets.items()}
            self.path.tables.put(self.at["tables"], stream)
            self.encoder.bind(self.at["encoder_workspace"], **self._where(self.encoder))
            inputs = {"prediction": self.at["velocity"], **self._where(self.denoiser, "prediction")}
            self.denoiser.bind(self.at["denoiser_workspace"], **inputs)
            self.graph: Graph = opened.enter_context(self._captured())
            self._opened = opened.pop_all()

    def _open_engines(self, manifest: Manifest, open_engine: Open, opened: ExitStack) -> None:
        (width, height), K = self.grid, manifest.num_frequencies
        photo, latents = (1, 3, 2 * height, 2 * width), (K - 1, manifest.latent_channels, *self._cells(manifest))

        def opened_engine(*wanted: Any) -> DeviceEngine:
            engine = open_engine(*wanted)
            opened.callback(engine.close)
            return engine

        self.encoder = opened_engine("image_encoder", "photo", photo)
        self.denoiser = opened_engine("denoiser", "latents", latents)
        self._batch = min(DECODER_BATCH, K - 1)
        self.decoder = opened_engine("decoder", "latents", (self._batch, *latents[1:]))
        self.shapes = {s.name: shape_at(s.shape, {}) for s in (*self.encoder.inputs, *self.encoder.outputs)}
        self.shapes |= {"latents": latents, "velocity": latents, "last": latents, "timestep": (1,)}
        self.shapes["coefficients"] = (K - 1, 4, height, width)

    def _cells(self, manifest: Manifest) -> tuple[int, int]:
        return self.grid[1] // manifest.latent_stride, self.grid[0] // manifest.latent_stride

    def _plan(self) -> Plan:
        """Every array and workspace."""
        lives = {
            "photo": (ENCODE, ENCODE),
            "condition": (ENCODE, DENOISE),
            "guide": (ENCODE, DECODE),
            "amplitude": (ENCODE, SMOOTH),
            "latents": (ENCODE, DECODE),
            "velocity": (DENOISE, DENOISE),
            "last": (DENOISE, DENOISE),
            "timestep": (ENCODE, DENOISE),
            "coefficients": (DECODE, SMOOTH),
        }
        path = self.path
        sizes = {name: (4 * math.prod(self.shapes[name]), *steps) for name, steps in lives.items()}
        sizes |= {"tables": (path.tables.nbytes, ENCODE, BEGIN), "sampled": (path.sampled_bytes(), SMOOTH, BEGIN)}
        sizes |= {name: (nbytes, SMOOTH, SMOOTH) for name, nbytes in path.smoothing_bytes().items()}
        sizes |= {name: (nbytes, BEGIN, BEGIN) for name, nbytes in path.beginning_bytes().items()}
        buffers = [Buffer(name, aligned_bytes(nbytes), a, b) for name, (nbytes, a, b) in sizes.items()]
        for step, name in enumerate(("encoder", "denoiser", "decoder")):
            workspace = getattr(self, name).workspace_bytes
            buffers.append(Buffer(f"{name}_workspace", aligned_bytes(workspace), step, step))
        return place(buffers, STEPS)

    def _where(self, engine: DeviceEngine, *without: str) -> dict[str, int]:
        names = (spec.name for spec in engine.inputs + engine.outputs)
        return {name: self.at[name] for name in names if name not in without}

    def _enqueue_steps(self) -> None:
        following = [*(step.timestep for step in self._steps[1:]), self._steps[0].timestep]
        for step, timestep in zip(self._steps, following, strict=True):
            self.denoiser.enqueue(self.stream)
            self.kernels.launch(self._update(step, timestep), self.stream)

    def _update(self, step: Step, next_timestep: int) -> cuda.Launch:
        where = (self.at[name] for name in ("latents", "last", "timestep"))
        numbers = cuda.Step(step.cos, step.sin, step.reach, step.keep, step.pull, 1.0)
        count = math.prod(self.shapes["latents"])
        return cuda.ddim(cuda.Sampling(self.at["velocity"], None, *where, count, numbers, next_timestep))

    def _captured(self) -> Graph:
        """A graph of what was run once before, since engines may allocate at their first run."""
        for name in ("latents", "condition"):
            self.stream.clear(self.at[name], 4 * math.prod(self.shapes[name]))
        self.stream.copy_in(self.at["timestep"], np.array([self._steps[0].timestep], np.float32))
        self._enqueue_steps()
        self.stream.wait()
        is_capturable = self.denoiser.is_capturable
        return self.stream.capture(self._enqueue_steps) if is_capturable else Replay(self._enqueue_steps)

    def predict(self, photo: Float, noise: Float, clip_frames: float | None = None) -> DeviceVolume:
        """The volume, on the device until the next prediction.

        photo  (1, 3, 2 H, 2 W) 0..1;  noise (K-1, C, h, w), unit normal
        clip_frames  that it is begun for; see `spectrum.calmest`
        """
        self.stream.copy_in(self.at["photo"], photo)
        self.stream.copy_in(self.at["latents"], noise)
        self.stream.copy_in(self.at["timestep"], np.array([self._steps[0].timestep], np.float32))
        self.encoder.enqueue(self.stream)
        self.graph.launch(self.stream)
        self._decode()
        return self.path.make(self.at, self.kernels, self.stream, clip_frames)

    def _decode(self) -> None:
        """A few slices at a time, as the engine was built for; the last ones again where they do not divide."""
        slices, guide = self.shapes["latents"][0], self.at["guide"]
        sizes = [4 * math.prod(self.shapes[name][1:]) for name in ("latents", "coefficients")]
        for i in range(0, slices, self._batch):
            first = min(i, slices - self._batch)
            latents, coefficients = self.at["latents"] + first * sizes[0], self.at["coefficients"] + first * sizes[1]
            self.decoder.bind(self.at["decoder_workspace"], latents=latents, coefficients=coefficients, guide=guide)
            self.decoder.enqueue(self.stream)

    def close(self) -> None:
        """Releases the engines and all memory; a second call does nothing."""
        opened, self._opened = self._opened, ExitStack()
        opened.close()

    def __enter__(self) -> "DeviceAnalysis":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
