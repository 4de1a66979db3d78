"""Stage 2: the autoencoder of slices: L1, multi-scale gradient consistency and KL, weights 1, 0.2, 1e-6,
and the local energy of motion, without which what the latents can't hold comes out too calm.

`stillwave train autoencoder POOL -o RUN`
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as functional
from torch import Tensor

from ..autoencoder import Autoencoder
from ..image_encoder import ImageEncoder
from ..options import parse
from ..presets import PRESETS
from .pool import Pool
from .run import Run, half_precision, load_average

CROP = 128  # grid cells; a multiple of 32


def gradient_loss(predicted: Tensor, target: Tensor, scales: int = 3) -> Tensor:
    """Mean L1 of the horizontal and vertical differences at several scales."""
    loss = predicted.new_zeros(())
    for _ in range(scales):
        error = predicted - target
        loss = loss + error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
        predicted, target = functional.avg_pool2d(predicted, 2), functional.avg_pool2d(target, 2)
    return loss / scales


def energy_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """L1 between the root mean square of 4 x 4 and 16 x 16 neighbourhoods."""
    loss = predicted.new_zeros(())
    for size in (4, 16):
        a, b = (
            functional.avg_pool2d(x.square().mean(1, keepdim=True), size).add(1e-4).sqrt() for x in (predicted, target)
        )
        loss = loss + functional.l1_loss(a, b)
    return loss / 2


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("-o", "--run", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--decoder-only", action="store_true", help="go on once latents were made: they stay valid")
    args = parse(parser, arguments)

    preset = PRESETS[args.preset]
    image_encoder = load_average(args.run, "encoder", ImageEncoder(preset))
    autoencoder = Autoencoder(preset).to(memory_format=torch.channels_last)
    run = Run(
        args.run,
        "autoencoder",
        autoencoder,
        [{"params": list(autoencoder.parameters()), "lr": 1e-3}],
        args.steps,
        ema=0.995,
        seed=args.seed,
    )
    image_encoder.to(run.device)
    if args.decoder_only:
        autoencoder.encoder.load_state_dict(run.average.encoder.state_dict())
        autoencoder.encoder.requires_grad_(False)

    pool = Pool(args.pool, seed=run.rng, preset=preset)
    for step in run:
        if step % 20 == 0:
            pool.refresh()
        photos, slices = run.place(*pool.slices(run.share(args.batch), per_photo=2))
        x, y = (int(torch.randint(0, (n - CROP) // 32 + 1, ())) * 32 for n in (slices.shape[4], slices.shape[3]))
        with torch.no_grad(), half_precision():
            _, guide, _ = image_encoder(photos[:, :, 2 * y : 2 * (y + CROP), 2 * x : 2 * (x + CROP)])
        target = slices[:, :, :, y : y + CROP, x : x + CROP].flatten(0, 1).to(memory_format=torch.channels_last)
        with half_precision():
            outputs = autoencoder(target, guide.repeat_interleave(2, 0))
        predicted, mean, log_variance = (x.float() for x in outputs)
        reconstruction = functional.l1_loss(predicted, target)
        gradient, energy = gradient_loss(predicted, target), energy_loss(predicted, target)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum((1, 2, 3)).mean()
        loss = reconstruction + 0.2 * gradient + 0.7 * energy + 1e-6 * divergence
        run.update(loss, l1=reconstruction.item(), gradient=gradient.item(), energy=energy.item(), kl=divergence.item())


if __name__ == "__main__":
    main()
