"""The whole path: photo -> latents -> spectral volume -> displacement -> splat -> frame."""

import os
from types import TracebackType

import numpy as np
import numpy.typing as npt

from . import spectrum
from .budget import (
    DECODER_BATCH,
    Parts,
    analysis_parts,
    check_analysis,
    engine_bytes,
    layout_for,
    scene_parts,
)
from .bundle import Bundle
from .edit import Edit, edited
from .engine import Engine, engine_for, factor_and_symbol, shape_at, usable_cores
from .memory import Plan, parse_bytes
from .photo import LONGEST_SIDE, Photo, PhotoSource, Size, resize
from .renderer import Layout, Renderer
from .sampler import Schedule, initial_noise, sample
from .scene import Scene, check_volume
from .spectrum import Float

Pixels = npt.NDArray[np.uint8]


class Animator:
    """Makes scenes of photos, within a memory budget.

    bundle         a bundle's folder; None is the embedded one
    backend        "auto", "cpu", "openvino", ...; one that can't run here raises `BackendError`
    memory_budget  bytes, or a text such as "512MiB", for one photo's analysis or one scene
    threads        0: every core this process may use
    """

    def __init__(
        self,
        bundle: str | os.PathLike[str] | None = None,
        backend: str = "auto",
        memory_budget: str | int = "512MiB",
        threads: int = 0,
    ):
        self.budget = parse_bytes(memory_budget)
        self.threads = threads or usable_cores()
        self.backend = backend
        self.bundle = Bundle.open(bundle)
        self.manifest = self.bundle.manifest

    def analyze(
        self,
        photo: PhotoSource,
        seed: int = 0,
        steps: int | None = None,
        size: Size | None = None,
        edit: Edit | None = None,
    ) -> Scene:
        """Predict how the photo moves. Another seed gives another, equally plausible motion."""
        with Photo(photo, size, LONGEST_SIDE) as opened:
            layout = self._layout(opened.size, spectrum.motion_grid(*opened.size), reading_bytes=opened.reading_bytes)
            pixels = opened.pixels()
        volume = self.predict(pixels, seed, steps)
        volume = edited(volume, edit or Edit(), opened.size, opened.source_size)
        return self._scene(pixels, volume, layout, self.manifest.num_frames, self.manifest.fps)

    def scene(
        self,
        photo: PhotoSource,
        spectral_volume: Float,
        size: Size | None = None,
        num_frames: int = 150,
        fps: float = 30.0,
        edit: Edit | None = None,
    ) -> Scene:
        """Render a motion that came from elsewhere, (K, 4, h, w) px on any grid over the whole photo."""
        with Photo(photo, size, LONGEST_SIDE) as opened:
            volume = check_volume(spectral_volume, opened.size)
            volume = edited(volume, edit or Edit(), opened.size, opened.source_size)
            layout = self._layout(opened.size, volume.shape[:1:-1], len(volume), opened.reading_bytes)
            pixels = opened.pixels()
        return self._scene(pixels, volume, layout, num_frames, fps)

    def predict(self, pixels: Pixels, seed: int = 0, steps: int | None = None) -> Float:
        """The photo's spectral volume (K, 4, h, w), px of a grid of its own shape, long side 256."""
        height, width = pixels.shape[:2]
        grid = spectrum.network_grid(width, height, self.manifest.grid_multiple)
        condition, guide, amplitude = self._encode(pixels, grid)
        latents = self._sample(condition, seed, steps or self.manifest.schedule.steps)
        volume = spectrum.calibrate(self._decode(latents, guide), amplitude[0])
        grid_width, grid_height = spectrum.motion_grid(width, height)
        return spectrum.resize_volume(volume, grid_height, grid_width)

    def read(self, photo: PhotoSource) -> Pixels:
        """The photo as `predict` wants it; `BudgetError`, before it is decoded, if either would not fit."""
        with Photo(photo, longest=LONGEST_SIDE) as opened:
            check_analysis(self.manifest, opened.size, opened.reading_bytes, self.budget)
            return opened.pixels()

    def plan(self, size: Size) -> Plan:
        """The memory of a scene of this size: every array, its place and when it lives."""
        return self._layout(size, spectrum.motion_grid(*size)).plan()

    def stages(self, size: Size) -> dict[str, Parts]:
        """What lives at the peak of each stage of a scene of this size, bytes by name: the arena and all else."""
        layout = self._layout(size, spectrum.motion_grid(*size))
        return analysis_parts(self.manifest, size) | scene_parts(self.manifest, layout)

    def _encode(self, pixels: Pixels, grid: Size) -> list[Float]:
        """Condition (1, Cc, h, w), guide (1, Cg, Hg, Wg) and expected amplitude (1, K-1, h, w)."""
        photo = resize(pixels, (2 * grid[0], 2 * grid[1]))
        planes = np.ascontiguousarray(photo.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        with self._engine("image_encoder", "photo", planes.shape) as encoder:
            outputs = {spec.name: np.empty(shape_at(spec.shape, {}), np.float32) for spec in encoder.outputs}
            encoder.bind(photo=planes, **outputs)
            encoder.run()
        return [outputs[name] for name in ("condition", "guide", "amplitude")]

    def _sample(self, condition: Float, seed: int, steps: int) -> Float:
        """Latents (K-1, 4, h, w)."""
        manifest = self.manifest
        shape = (manifest.num_frequencies - 1, manifest.latent_channels, *condition.shape[2:])
        latents = initial_noise(seed, shape)
        velocity, timestep = np.empty_like(latents), np.empty(1, np.float32)
        with self._engine("denoiser", "latents", shape) as denoiser:
            denoiser.bind(latents=latents, timestep=timestep, condition=condition, prediction=velocity)

            def predict(_: Float, t: int) -> Float:
                timestep[0] = t
                denoiser.run()
                return velocity

            schedule = Schedule(manifest.schedule.train_steps, manifest.schedule.beta_start, manifest.schedule.beta_end)
            return sample(predict, latents, schedule, steps)

    def _decode(self, latents: Float, guide: Float) -> Float:
        """Spectral volume (K, 4, Hg, Wg), px of the networks' grid."""
        coefficients = np.empty((len(latents), 4, *guide.shape[2:]), np.float32)
        with self._engine("decoder", "latents", (DECODER_BATCH, *latents.shape[1:])) as decoder:
            for i in range(0, len(latents), DECODER_BATCH):
                part = slice(i, i + DECODER_BATCH)
                decoder.bind(latents=latents[part], guide=guide, coefficients=coefficients[part])
                decoder.run()
        scales = np.asarray(self.manifest.scales, np.float32)
        return spectrum.cohere(spectrum.volume_from_coefficients(coefficients, scales))

    def _layout(self, size: Size, grid: Size, num_frequencies: int | None = None, reading_bytes: int = 0) -> Layout:
        count = num_frequencies or self.manifest.num_frequencies
        return layout_for(self.manifest, size, grid, count, self.budget, reading_bytes)

    def _scene(self, pixels: Pixels, volume: Float, layout: Layout, num_frames: int, fps: float) -> Scene:
        height, width = layout.padded
        extent = height / layout.height, width / layout.width
        padded = spectrum.resize_volume(volume, *layout.grid, extent)
        padded = spectrum.start_from_photo(padded.copy() if padded is volume else padded)
        tile = (1, 3, layout.tile_rows, width)
        synthesis = self._engine("synthesis", "still", tile)
        with self._engine("pyramid", "photo", tile) as pyramid:
            renderer = Renderer(layout, pyramid, synthesis, pixels, padded, num_frames, self.threads)
        return Scene(renderer, volume, num_frames, fps)

    def _engine(self, name: str, input_name: str, shape: tuple[int, ...]) -> Engine:
        """A network, made for an input (N, C, rows, columns) of this shape."""
        sizes = {}
        for dimension, size in zip(self.manifest.networks[name].inputs[input_name].shape, shape, strict=True):
            if isinstance(dimension, str):
                factor, symbol = factor_and_symbol(dimension)
                sizes[symbol] = size // factor
        # not the whole budget: ONNX Runtime's tables take a 64th of what its arena may hold
        arena_bytes = min(self.budget, 2 * engine_bytes(self.manifest, name, shape[2] * shape[3]))
        network = self.bundle.network_bytes(name)
        return engine_for(self.backend, network, name, sizes=sizes, threads=self.threads, arena_bytes=arena_bytes)

    def close(self) -> None:
        """Nothing outlives a call but the scenes handed out; here so that `with` reads naturally."""

    def __enter__(self) -> "Animator":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
