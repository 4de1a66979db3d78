"""The whole path: photo -> latents -> spectral volume -> displacement -> splat -> frame."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from . import spectrum
from .budget import (
    DECODER_BATCH,
    GRADIENT_BATCH,
    Parts,
    analysis_parts,
    check_analysis,
    engine_bytes,
    layout_for,
    scene_parts,
)
from .bundle import Bundle
from .edit import Edit, edited
from .engine import DEVICE_BACKENDS, Engine, engine_for, shape_at, sizes_of, usable_cores
from .errors import BackendError, BundleError
from .guidance import LoopGuide
from .interpolation import sharpening_of
from .memory import Plan, parse_bytes
from .photo import LONGEST_SIDE, Photo, PhotoSource, Size, resize
from .renderer import Layout, Renderer
from .sampler import Schedule, initial_noise, sample
from .scene import Scene, check_volume
from .spectrum import Float

if TYPE_CHECKING:
    from .device.layout import DeviceLayout
    from .device.stages import DeviceStages
    from .device.volume import DeviceVolume

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
        self._device = self._on_device() if backend in DEVICE_BACKENDS else None

    def analyze(
        self,
        photo: PhotoSource,
        seed: int = 0,
        steps: int | None = None,
        size: Size | None = None,
        edit: Edit | None = None,
        loop_seconds: float | None = None,
    ) -> Scene:
        """Predict how the photo moves. Another seed gives another, equally plausible motion.

        loop_seconds  guides the sampler to a motion that closes after so many seconds of its own; for
                      `Scene.frames(loop="guided")`
        """
        is_guided = self._is_guided(loop_seconds)
        with Photo(photo, size, LONGEST_SIDE) as opened:
            grid = spectrum.motion_grid(*opened.size)
            layout = self._layout(opened.size, grid, None, opened.reading_bytes, is_guided)
            pixels = opened.pixels()
        edit, period = edit or Edit(), (self.manifest.num_frames, self.manifest.fps)
        if self._device and edit.is_none:  # an edit is the host's
            stays = self._predicted_on(self._device, pixels, seed, steps, loop_seconds)
            return self._device.scene(pixels, stays, *period, is_predicted=True)
        volume = edited(self.predict(pixels, seed, steps, loop_seconds), edit, opened.size, opened.source_size)
        return self._scene(pixels, volume, layout, *period, is_predicted=True)

    def scene(
        self,
        photo: PhotoSource,
        spectral_volume: Float,
        size: Size | None = None,
        num_frames: int = 150,
        fps: float = 30.0,
        edit: Edit | None = None,
        is_predicted: bool = False,
    ) -> Scene:
        """Render a motion that came from elsewhere, (K, 4, h, w) px on any grid over the whole photo.

        is_predicted  by `predict`: loops may begin with any moment, and it is not sharpened as what is measured
        """
        with Photo(photo, size, LONGEST_SIDE) as opened:
            volume = check_volume(spectral_volume, opened.size)
            volume = edited(volume, edit or Edit(), opened.size, opened.source_size)
            layout = self._layout(opened.size, volume.shape[:1:-1], len(volume), opened.reading_bytes)
            pixels = opened.pixels()
        return self._scene(pixels, volume, layout, num_frames, fps, is_predicted)

    def predict(
        self, pixels: Pixels, seed: int = 0, steps: int | None = None, loop_seconds: float | None = None
    ) -> Float:
        """The photo's spectral volume (K, 4, h, w), px of a grid of its own shape, long side 256; see `analyze`."""
        if self._device:
            return self._predicted_on(self._device, pixels, seed, steps, loop_seconds).read()
        steps = steps or self.manifest.schedule.steps
        coefficients, amplitude = self._coefficients(pixels, seed, steps, loop_seconds)
        scales = np.asarray(self.manifest.scales, np.float32)
        volume = spectrum.cohere(spectrum.volume_from_coefficients(coefficients, scales))
        volume = spectrum.calibrate(volume, amplitude[0])
        start = spectrum.starting_frame(volume, self.manifest.num_frames, self._clip_frames(loop_seconds))
        spectrum.advance(volume, start / self.manifest.num_frames)
        grid_width, grid_height = spectrum.motion_grid(pixels.shape[1], pixels.shape[0])
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
        if not isinstance(layout, Layout):
            return {"on the device": {"block": layout.plan().nbytes}}
        return analysis_parts(self.manifest, size) | scene_parts(self.manifest, layout)

    def _clip_frames(self, loop_seconds: float | None) -> float | None:
        return loop_seconds * self.manifest.fps if loop_seconds else None

    def _predicted_on(
        self, device: "DeviceStages", pixels: Pixels, seed: int, steps: int | None, loop_seconds: float | None
    ) -> "DeviceVolume":
        """As `predict`, not copied to the host."""
        grid_out, steps = spectrum.motion_grid(pixels.shape[1], pixels.shape[0]), steps or self.manifest.schedule.steps
        return device.predict(*self._inputs(pixels, seed), grid_out, steps, self._clip_frames(loop_seconds))

    def _inputs(self, pixels: Pixels, seed: int) -> tuple[Float, Float, Size]:
        """What the networks start from: photo (1, 3, 2 Hg, 2 Wg), noise (K-1, C, h, w), and their grid."""
        grid = spectrum.network_grid(pixels.shape[1], pixels.shape[0], self.manifest.grid_multiple)
        photo = resize(pixels, (2 * grid[0], 2 * grid[1]))
        planes = np.ascontiguousarray(photo.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        cells = (side // self.manifest.latent_stride for side in reversed(grid))
        shape = self.manifest.num_frequencies - 1, self.manifest.latent_channels, *cells
        return planes, initial_noise(seed, shape), grid

    def _coefficients(self, pixels: Pixels, seed: int, steps: int, loop_seconds: float | None) -> tuple[Float, Float]:
        """What the networks predict: coefficients (K-1, 4, Hg, Wg) and expected amplitude (1, K-1, h, w)."""
        planes, noise, _ = self._inputs(pixels, seed)
        condition, guide, amplitude = self._encode(planes)
        with self._loop_guide(guide, amplitude[0], loop_seconds) as loop_guide:
            latents = self._sample(condition, noise, steps, loop_guide)
        return self._decode(latents, guide), amplitude

    def _encode(self, planes: Float) -> list[Float]:
        """Condition (1, Cc, h, w), guide (1, Cg, Hg, Wg) and expected amplitude (1, K-1, h, w)."""
        with self._engine("image_encoder", "photo", planes.shape) as encoder:
            outputs = {spec.name: np.empty(shape_at(spec.shape, {}), np.float32) for spec in encoder.outputs}
            encoder.bind(photo=planes, **outputs)
            encoder.run()
        return [outputs[name] for name in ("condition", "guide", "amplitude")]

    def _is_guided(self, loop_seconds: float | None) -> bool:
        """Whether the sampler has something to guide it: a motion closes by itself after its own periods."""
        if loop_seconds is None:
            return False
        periods = abs(loop_seconds) * self.manifest.fps / self.manifest.num_frames
        if periods.is_integer():
            return False
        if self._device:
            raise BackendError(
                f"backend {self.backend!r} does not guide its sampler to a loop; choose --loop exact, or --backend cpu"
            )
        if "decoder_gradient" not in self.manifest.networks:
            raise BundleError(
                f"{self.bundle.folder}: has no network 'decoder_gradient', which guides a sampler to a loop;"
                " export the bundle again, or choose --loop exact"
            )
        return True

    @contextmanager
    def _loop_guide(self, guide: Float, amplitude: Float, loop_seconds: float | None) -> Iterator[LoopGuide | None]:
        if loop_seconds is None or not self._is_guided(loop_seconds):
            yield None
            return
        m, latents = self.manifest, (self.manifest.latent_channels, *amplitude.shape[1:])
        with (
            self._engine("decoder", "latents", (DECODER_BATCH, *latents)) as decoder,
            self._engine("decoder_gradient", "latents", (GRADIENT_BATCH, *latents)) as gradient,
        ):
            scales = np.asarray(m.scales, np.float32)
            yield LoopGuide(decoder, gradient, guide, amplitude, scales, m.num_frames, loop_seconds * m.fps)

    def _sample(self, condition: Float, latents: Float, steps: int, guide: LoopGuide | None) -> Float:
        """Latents (K-1, 4, h, w) of noise, in place."""
        manifest = self.manifest
        velocity, timestep = np.empty_like(latents), np.empty(1, np.float32)
        with self._engine("denoiser", "latents", latents.shape) as denoiser:
            denoiser.bind(latents=latents, timestep=timestep, condition=condition, prediction=velocity)

            def predict(_: Float, t: int) -> Float:
                timestep[0] = t
                denoiser.run()
                return velocity

            schedule = Schedule(manifest.schedule.train_steps, manifest.schedule.beta_start, manifest.schedule.beta_end)
            return sample(predict, latents, schedule, steps, guide)

    def _decode(self, latents: Float, guide: Float) -> Float:
        """Normalised slices (K-1, 4, Hg, Wg) on the networks' grid."""
        coefficients = np.empty((len(latents), 4, *guide.shape[2:]), np.float32)
        with self._engine("decoder", "latents", (DECODER_BATCH, *latents.shape[1:])) as decoder:
            for i in range(0, len(latents), DECODER_BATCH):
                part = slice(i, i + DECODER_BATCH)
                decoder.bind(latents=latents[part], guide=guide, coefficients=coefficients[part])
                decoder.run()
        return coefficients

    def _layout(
        self,
        size: Size,
        grid: Size,
        num_frequencies: int | None = None,
        reading_bytes: int = 0,
        is_guided: bool = False,
    ) -> "Layout | DeviceLayout":
        count, is_predicted = num_frequencies or self.manifest.num_frequencies, num_frequencies is None
        if self._device:
            frames = self.manifest.num_frames
            return self._device.layout(size, (count, 4, *grid[::-1]), frames, is_predicted, not is_predicted)
        return layout_for(self.manifest, size, grid, count, self.budget, reading_bytes, is_guided)

    def _scene(
        self,
        pixels: Pixels,
        volume: Float,
        layout: "Layout | DeviceLayout",
        num_frames: int,
        fps: float,
        is_predicted: bool = False,
    ) -> Scene:
        if self._device:
            return self._device.scene(pixels, volume, num_frames, fps, is_predicted)
        assert isinstance(layout, Layout)
        extent = layout.padded[0] / layout.height, layout.padded[1] / layout.width
        sharpening = (0.0, 0.0) if is_predicted else sharpening_of(volume, pixels.shape[:2])
        padded = spectrum.resize_volume(volume, *layout.grid, extent, sharpening)
        padded = spectrum.start_from_photo(padded.copy() if padded is volume else padded)
        tile = (1, 3, layout.tile_rows, layout.padded[1])
        synthesis = self._engine("synthesis", "still", tile)
        with self._engine("pyramid", "photo", tile) as pyramid:
            renderer = Renderer(layout, pyramid, synthesis, pixels, padded, num_frames, self.threads)
        return Scene(renderer, volume, num_frames, fps, is_predicted)

    def _engine(self, name: str, input_name: str, shape: tuple[int, ...]) -> Engine:
        """A network, made for an input (N, C, rows, columns) of this shape."""
        sizes = sizes_of(self.manifest.networks[name].inputs[input_name].shape, shape)
        # not the whole budget: ONNX Runtime's tables take a 64th of what its arena may hold
        arena_bytes = min(self.budget, 2 * engine_bytes(self.manifest, name, shape[2] * shape[3]))
        network = self.bundle.network_bytes(name)
        return engine_for(self.backend, network, name, sizes=sizes, threads=self.threads, arena_bytes=arena_bytes)

    def _on_device(self) -> "DeviceStages":
        """Imported only where a device is asked for, and refused at once where there is none."""
        from .device.contract import open_device
        from .device.stages import DeviceStages

        return DeviceStages(self.bundle, self.backend, open_device(), self.budget)

    def close(self) -> None:
        """Release the device, with the scenes made on it; on the processor nothing outlives a call but scenes."""
        if self._device:
            self._device.close()

    def __enter__(self) -> "Animator":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
