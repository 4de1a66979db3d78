"""Reading the folder of samples that `stillwave.model.samples` fills, and the targets made of them."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from stillwave.runtime.errors import StillwaveError

from ..amplitude import AMPLITUDE_STEPS
from ..normalisation import coefficients_from_volume
from ..presets import EDGE, Preset


class PoolError(StillwaveError):
    """Samples that a preset can't be trained on."""

    exit_code = 2


class Pool:
    """Photos and volumes by random draw; keeps photos and targets in memory, re-reads volumes."""

    def __init__(self, folder: Path, seed: int | np.random.Generator = 0, preset: Preset = EDGE):
        self.folder, self.rng, self.preset = folder, np.random.default_rng(seed), preset
        scales = np.load(folder / "scales.npy")
        if len(scales) < preset.num_frequencies:
            raise PoolError(
                f"{folder} holds {len(scales)} frequencies, preset {preset.name} wants {preset.num_frequencies}; "
                f"fill another with `stillwave train samples --frequencies {preset.num_frequencies}`"
            )
        self.scales = scales[: preset.num_frequencies]
        self.paths: list[Path] = []
        self.kept: dict[Path, tuple[Tensor, Tensor, Tensor]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Find samples written since."""
        self.paths = sorted(self.folder.glob("[0-9]*.npz"))

    def draw(self) -> Path:
        return self.paths[int(self.rng.integers(len(self.paths)))]

    def supervision(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Photos (B, 3, 2Hg, 2Wg) 0..1, step targets (B, steps, Hg, Wg), band targets (B, K-1, h, w)."""
        rows = [self._targets(self.draw()) for _ in range(count)]
        rows = [tuple(x.flip(-1) for x in row) if self.rng.random() < 0.5 else row for row in rows]
        photos, amplitude, bands = (torch.stack(column) for column in zip(*rows, strict=True))
        steps = amplitude.float()[:, None] > torch.tensor(AMPLITUDE_STEPS)[None, :, None, None]
        return self._recolour(photos.float() / 255), steps.float(), bands.float()

    def slices(self, count: int, per_photo: int) -> tuple[Tensor, Tensor]:
        """Photos (B, 3, 2Hg, 2Wg) and random normalised slices (B, per_photo, 4, Hg, Wg)."""
        photos, slices = [], []
        for path in (self.draw() for _ in range(count)):
            photo, coefficients = self.read(path)
            photos.append(photo)
            slices.append(coefficients[torch.from_numpy(self.rng.choice(len(coefficients), per_photo, replace=False))])
        return torch.stack(photos).float() / 255, torch.stack(slices)

    def read(self, path: Path) -> tuple[Tensor, Tensor]:
        """Photo uint8 (3, 2Hg, 2Wg) and all normalised slices (K-1, 4, Hg, Wg)."""
        with np.load(path) as sample:
            volume = sample["volume"][: len(self.scales)].astype(np.float32)
            photo = sample["photo"]
        coefficients = coefficients_from_volume(volume, self.scales, self.preset)
        return torch.from_numpy(photo).permute(2, 0, 1).contiguous(), torch.from_numpy(coefficients)

    def _recolour(self, photos: Tensor) -> Tensor:
        """Another gamma and white balance for each photo, every time it is drawn."""
        gamma = np.exp(self.rng.normal(0, 0.12, (len(photos), 1, 1, 1)))
        gain = np.exp(
            self.rng.normal(0, 0.1, (len(photos), 1, 1, 1)) + self.rng.normal(0, 0.05, (len(photos), 3, 1, 1))
        )
        return (photos ** torch.from_numpy(gamma).float() * torch.from_numpy(gain).float()).clamp(0, 1)

    def _targets(self, path: Path) -> tuple[Tensor, Tensor, Tensor]:
        if path not in self.kept:
            with np.load(path) as sample:
                photo, volume = sample["photo"], sample["volume"][: len(self.scales)].astype(np.float32)
            power = torch.from_numpy((volume[1:] ** 2).sum(1))  # (K-1, Hg, Wg)
            bands = functional.avg_pool2d(power, 8).sqrt() / torch.from_numpy(self.scales[1:, None, None])
            amplitude = (2 * power.sum(0)).sqrt()
            self.kept[path] = (
                torch.from_numpy(photo).permute(2, 0, 1).contiguous(),
                amplitude.half(),
                (bands + 0.1).log().half(),
            )
        return self.kept[path]
