"""One procedural scene: a photo, any later frame of it, and exactly how its surface moved."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .camera import Camera
from .kinds import build
from .motion import NUM_FRAMES, rotating
from .sprite import draw
from .stage import Stage
from .texture import Float, Size

BACKDROP = -1
# RMS amplitude of the livelier surfaces, px at 256 wide: median over scenes, log deviation.
TYPICAL_PX, SPREAD = 0.9, 0.65
TYPICAL_LENGTH = 0.35  # of the picture's height: of a sprite whose amplitude is typical


class Scene:
    """Motion is in px of the photo inside; every public figure is in px of the asked size."""

    def __init__(self, stage: Stage, seed: int, kind: str):
        self.kind, self.seed, self.size = kind, seed, stage.size
        self.sprites = stage.sprites
        self.coefs = np.stack([s.coefs for s in stage.sprites] or [np.zeros((6, 2, 15))])
        self.coefs = self.coefs.astype(np.complex64)
        opaque = np.ones((*stage.backdrop.shape[:2], 1), np.float32)
        self.plate = np.dstack([stage.backdrop, opaque]).astype(np.float32)
        self.first_moving = self._bake()
        self.surface, self._rest = self._photograph()
        self.camera = Camera.random(stage.rng, self._rest)
        self._set_amplitude(stage)

    @staticmethod
    def random(seed: int, size: Size = (512, 320), kind: str | None = None) -> Scene:
        """The scene of a seed: the same for the same seed, size (width, height) px and kind."""
        stage, kind = build(seed, size, kind)
        return Scene(stage, seed, kind)

    def _bake(self) -> int:
        """Paint the still sprites at the back once; return the index of the first moving one."""
        self.plate_surface = np.full(self.plate.shape[:2], BACKDROP, np.int32)
        rest = np.zeros((6, 2), np.float32)
        for i, sprite in enumerate(self.sprites):
            if np.any(self.coefs[i]):
                return i
            draw(self.plate, sprite, rest, self.plate_surface, i)
        return len(self.sprites)

    def _photograph(self) -> tuple[NDArray[np.int32], Float]:
        surface = self.plate_surface.copy()
        return surface, self._compose(0.0, surface)

    def _set_amplitude(self, stage: Stage) -> None:
        """Scale all motion so that what moves most moves as far as in the development clips.

        Things that are large in the picture are near, and move more pixels in the same wind.
        """
        volume = self.spectral_volume((64, 40))
        amplitude = np.sqrt(2 * np.square(volume[1:]).sum((0, 1))) * 4  # px at 256 wide
        moving = amplitude[amplitude > 0]
        wanted = stage.strength * np.exp(stage.rng.normal(np.log(TYPICAL_PX), SPREAD))
        if moving.size:
            seen = [(self.sprites[i].length, len(cells)) for i, cells in self._moving(self.surface.ravel())]
            lengths, areas = np.array(seen).T
            nearness = np.average(lengths, weights=areas) / (TYPICAL_LENGTH * self.size[1])
            wanted *= float(np.clip(nearness, 0.2, 4)) ** 0.4
            self.coefs *= np.float32(wanted / np.percentile(moving, 85))

    def _compose(self, t: float, surface: NDArray[np.int32] | None = None) -> Float:
        canvas = self.plate.copy()
        moved = rotating(self.coefs, t)
        for i in range(self.first_moving, len(self.sprites)):
            draw(canvas, self.sprites[i], moved[i], surface, i)
        return canvas[..., :3]

    def photo(self) -> NDArray[np.uint8]:
        """Frame 0, (H, W, 3)."""
        return self.camera.expose(self._rest, np.random.default_rng([self.seed, 0]))

    def frame(self, t: float) -> NDArray[np.uint8]:
        """The frame at time t in [0, 150), (H, W, 3), with fresh noise."""
        noise = np.random.default_rng([self.seed, 1, round(t * 1024)])
        return self.camera.expose(self._compose(t), noise)

    def motion(self, t: float, size: Size) -> Float:
        """Displacement (h, w, 2) of the photo's visible surface at time t, px of size (w, h)."""
        flat = np.zeros((size[1] * size[0], 2), np.float32)
        moved = rotating(self.coefs, t)
        for index, cells, functions in self._visible(size):
            flat[cells] = functions @ moved[index]
        return flat.reshape(size[1], size[0], 2) * self._rescale(size)

    def spectral_volume(self, size: Size = (256, 160), K: int = 16, num_frames: int = NUM_FRAMES) -> Float:
        """(K, 4, h, w) forward-normalised volume of the photo's surface, px of `size`; F_0 = 0."""
        if num_frames != NUM_FRAMES:
            raise ValueError(f"scenes loop in {NUM_FRAMES} frames, got num_frames={num_frames}")
        out = np.zeros((K, 4, size[1], size[0]), np.float32)
        parts = np.stack([self.coefs.real, self.coefs.imag], 3)  # (N, 6, xy, reim, k)
        parts *= self._rescale(size)[None, None, :, None, None]
        table = parts.transpose(0, 1, 4, 2, 3).reshape(len(parts), 6, 60)
        flat = np.zeros((size[1] * size[0], 60), np.float32)
        for index, cells, functions in self._visible(size):
            flat[cells] = functions @ table[index]
        kept = min(K, 16)
        out[1:kept] = flat.T.reshape(15, 4, size[1], size[0])[: kept - 1]
        out[0, 0::2] = -2 * out[1:, 0::2].sum(0)
        return out

    def disocclusion(self, t: float) -> NDArray[np.bool_]:
        """Where the frame at time t shows a surface that the photo hides, (H, W)."""
        surface = self.plate_surface.copy()
        self._compose(t, surface)
        hidden = surface != self.surface
        flat = hidden.ravel()
        moved = rotating(self.coefs, t)
        height, width = surface.shape
        for index, cells in self._moving(surface.ravel()):
            rows, columns = np.divmod(cells, width)
            x, y = self.sprites[index].origin(columns, rows, moved[index])
            inside = (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
            column = np.clip(np.rint(x), 0, width - 1).astype(int)
            row = np.clip(np.rint(y), 0, height - 1).astype(int)
            flat[cells] = ~inside | (self.surface[row, column] != index)
        return hidden

    def _rescale(self, size: Size) -> Float:
        return np.array([size[0] / self.size[0], size[1] / self.size[1]], np.float32)

    def _moving(self, seen: NDArray[np.int32]) -> list[tuple[int, NDArray[np.intp]]]:
        """Each moving sprite in sight: its index and the cells of `seen` (n,) that show it."""
        order = np.argsort(seen, kind="stable")
        indices, starts = np.unique(seen[order], return_index=True)
        cells = np.split(order, starts[1:])
        pairs = zip(indices.tolist(), cells, strict=True)
        return [(i, c) for i, c in pairs if i != BACKDROP and np.any(self.coefs[i])]

    def _visible(self, size: Size) -> Iterator[tuple[int, NDArray[np.intp], Float]]:
        """Each moving sprite in the photo: index, cells of `size`, basis functions (n, 6)."""
        x = (np.arange(size[0], dtype=np.float32) + 0.5) * (self.size[0] / size[0]) - 0.5
        y = (np.arange(size[1], dtype=np.float32) + 0.5) * (self.size[1] / size[1]) - 0.5
        nearest_x = np.clip(np.rint(x), 0, self.size[0] - 1).astype(int)
        nearest_y = np.clip(np.rint(y), 0, self.size[1] - 1).astype(int)
        for index, cells in self._moving(self.surface[nearest_y[:, None], nearest_x].ravel()):
            rows, columns = np.divmod(cells, size[0])
            yield index, cells, np.stack(self.sprites[index].basis(x[columns], y[rows]), -1)
