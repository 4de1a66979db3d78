"""Stage 4: the denoiser: single slices first, then, all else frozen, attention across frequencies.

`stillwave train denoiser RUN --steps 4000 --coordination-steps 1500`
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from stillwave.runtime.sampler import Schedule

from ..denoiser import Denoiser
from ..image_encoder import ImageEncoder
from ..options import parse
from ..presets import PRESETS
from .run import Run, half_precision, load_average

NO_CONDITION = 0.1  # share of photos whose condition is dropped, for classifier-free guidance


class Latents:
    """The folder of latents in memory, whitened per channel; grows as the folder does."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.rng = folder, np.random.default_rng(seed)
        self.rows: dict[Path, tuple[Tensor, Tensor]] = {}
        self.refresh()
        statistics = folder.parent / "whitening.npz"
        if not statistics.exists():
            sample = torch.stack([z for z, _ in self.rows.values()]).float()
            np.savez(statistics, mean=sample.mean((0, 1, 3, 4)).numpy(), std=sample.std((0, 1, 3, 4)).numpy())
        saved = np.load(statistics)
        self.mean, self.std = (torch.from_numpy(saved[n])[None, :, None, None] for n in ("mean", "std"))

    def refresh(self) -> None:
        for path in self.folder.glob("*.npz"):
            if path not in self.rows:
                with np.load(path) as row:
                    self.rows[path] = (torch.from_numpy(row["latents"]), torch.from_numpy(row["condition"]))
        self.keys = sorted(self.rows)

    def batch(self, photos: int, slices: int | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Whitened latents (B * K', 4, h, w), conditions (B, Cc, h, w), frequencies (B * K',); None: all slices."""
        latents, conditions, frequencies = [], [], []
        for key in (self.keys[i] for i in self.rng.integers(len(self.keys), size=photos)):
            z, condition = self.rows[key]
            chosen = self.rng.choice(len(z), slices, replace=False) if slices else np.arange(len(z))
            latents.append(z[torch.from_numpy(chosen)].float())
            conditions.append(condition.float())
            frequencies.append(torch.from_numpy(chosen + 1))
        whitened = (torch.cat(latents) - self.mean) / self.std
        return whitened, torch.stack(conditions), torch.cat(frequencies) if slices else None


def velocity_loss(
    denoiser: Denoiser, signal: Tensor, latents: Tensor, condition: Tensor, frequency: Tensor | None
) -> Tensor:
    """Mean squared error of the predicted velocity at random timesteps (paper eq. 3, as velocity)."""
    photos = len(condition)
    # stratified: a batch covers the whole schedule
    timestep = ((torch.arange(photos) + torch.rand(photos)) / photos * len(signal)).long()[torch.randperm(photos)]
    timestep = timestep.to(signal.device)
    a = signal[timestep].repeat_interleave(len(latents) // photos)[:, None, None, None]
    noise = torch.randn_like(latents)
    noisy, velocity = a.sqrt() * latents + (1 - a).sqrt() * noise, a.sqrt() * noise - (1 - a).sqrt() * latents
    kept = (torch.rand(photos) >= NO_CONDITION).float()[:, None, None, None].to(signal.device)
    with half_precision():
        predicted = denoiser(noisy, timestep, condition * kept, frequency)
    return functional.mse_loss(predicted.float(), velocity)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--coordination-steps", type=int, default=1500)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--slices", type=int, default=2)
    args = parse(parser, arguments)

    preset = PRESETS[args.preset]
    latents = Latents(args.run / "latents", args.seed)
    signal = torch.from_numpy(Schedule().signal()).float()
    whole = preset.slices == "one volume"
    sizes, slices = (preset.as_one_volume, None) if whole else (preset, args.slices)
    denoiser = Denoiser(sizes, ImageEncoder(preset).condition_channels).to(memory_format=torch.channels_last)
    learned = [{"params": list(denoiser.parameters()), "lr": 6e-4}]
    run = Run(args.run, "slices", denoiser, learned, args.steps, seed=args.seed)
    latents.rng, signal = run.rng, signal.to(run.device)
    for step in run:
        if step % 50 == 0:
            latents.refresh()
        z, condition, frequency = run.place(*latents.batch(run.share(args.photos), slices))
        z = z.view(len(condition), -1, *z.shape[2:]) if whole else z
        run.update(velocity_loss(denoiser, signal, z, condition, frequency))
    if preset.slices != "coordinated":  # an ablation of the paper: nothing to coordinate
        if run.is_main:
            shutil.copy(args.run / "slices.pt", args.run / "denoiser.pt")
        return

    load_average(args.run, "slices", denoiser).train()
    mixing = denoiser.frequency_attention()
    for parameter in mixing:
        parameter.requires_grad_(True)
    learned = [{"params": mixing, "lr": 5e-4}]
    run = Run(args.run, "denoiser", denoiser, learned, args.coordination_steps, seed=args.seed)
    latents.rng = run.rng
    photos = max(1, args.photos * args.slices // preset.num_slices)
    for step in run:
        if step % 50 == 0:
            latents.refresh()
        run.update(velocity_loss(denoiser, signal, *run.place(*latents.batch(run.share(photos), None))))


if __name__ == "__main__":
    main()
