"""Stage 5, independent of the others: feature pyramid and synthesis, through the splat; starts from RUN/gates.pt.

`stillwave train renderer CLIPS --pool POOL --pairs PAIRS -o RUN`
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from ..mobilenet import MobileNetV2
from ..options import parse
from ..presets import PRESETS
from ..renderer import STILL_PX, Renderer, moves_now
from ..samples import load_clips
from ..splat import softmax_splat
from .autoencoder import gradient_loss
from .gates import QUIET
from .pairs import Starts, batch
from .run import Run, half_precision

SHARPNESS = 0.2  # as in gates.py; half as much, for the features of an image network ask for some of it
FEATURES_EVERY = 4  # steps: the perceptual loss costs as much as the renderer


class PerceptualLoss(nn.Module):
    """L1 between an image network's first features (strides 2 and 4) of two pictures."""

    def __init__(self, weights: Path):
        super().__init__()
        trunk = MobileNetV2()
        trunk.load(weights)
        self.stages = (
            nn.Sequential(nn.Sequential(trunk.stem, trunk.stages[0]), trunk.stages[1]).eval().requires_grad_(False)
        )

    def forward(self, predicted: Tensor, target: Tensor) -> Tensor:
        x, loss = torch.cat([predicted, target]) * 2 - 1, predicted.new_zeros(())
        for stage in self.stages:
            x = stage(x)
            a, b = x.chunk(2)
            loss = loss + functional.l1_loss(a, b)
        return loss


def log_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean over the batch of the logarithm of each picture's squared error: PSNR but for a factor, so that
    calm pictures count as much as lively ones; below 45 dB, where codec noise is all there is to learn, less.
    """
    return (predicted - target).square().mean((1, 2, 3)).add(3e-5).log().mean()


def sharpness_error(predicted: Tensor, target: Tensor, presence: Tensor) -> Tensor:
    """Squared e-folds between the powers of two pictures' Laplacians (B, 3, H, W) where anything moves; gates.py."""
    powers = []
    for x in (predicted, target):
        around = x[..., :-2, 1:-1] + x[..., 2:, 1:-1] + x[..., 1:-1, :-2] + x[..., 1:-1, 2:]
        detail = (0.25 * around - x[..., 1:-1, 1:-1]) * presence[..., 1:-1, 1:-1]
        powers.append(detail.square().mean((1, 2, 3)) + QUIET)
    return torch.div(*powers).log().square().mean()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--pool", type=Path, required=True, help="where the clips' flow is kept")
    parser.add_argument("--pairs", type=Path, help="rendered scenes (stillwave.model.train.pairs)")
    parser.add_argument("-o", "--run", type=Path, required=True)
    parser.add_argument("--perceptual-weights", type=Path, required=True)
    parser.add_argument("--without", nargs="*", default=[], help="clips to hold out")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=3e-4)
    args = parse(parser, arguments)

    starts = Starts(load_clips(args.clips, args.pool / "flow", tuple(args.without)))
    perceptual = PerceptualLoss(args.perceptual_weights)
    renderer = Renderer(PRESETS[args.preset]).to(memory_format=torch.channels_last)
    if (args.run / "gates.pt").exists():
        renderer.load_state_dict(torch.load(args.run / "gates.pt", weights_only=True)["average"])
    learned = [{"params": list(renderer.parameters()), "lr": args.rate}]
    run = Run(args.run, "renderer", renderer, learned, args.steps, seed=args.seed)
    perceptual.to(run.device)
    measured = {"feature": float("nan"), "gain_db": float("nan")}
    for step in run:
        if step % 50 == 0:
            scenes = sorted(args.pairs.glob("[0-9]*.npz")) if args.pairs else []
        photo, frame, motion, importance, activity = run.place(*batch(starts, scenes, run.share(args.batch), run.rng))
        with half_precision():
            predicted = renderer(photo, motion, importance, activity).float()
        error, gradient = log_error(predicted, frame), gradient_loss(predicted, frame)
        presence = activity / (activity + STILL_PX) * moves_now(motion)
        sharpness = sharpness_error(predicted, frame, presence)
        loss = error + gradient + SHARPNESS * sharpness
        if step % FEATURES_EVERY == 0:
            with half_precision():
                feature = perceptual(predicted, frame)
            loss = loss + FEATURES_EVERY * 0.02 * feature
            average = log_error(softmax_splat(photo, motion, torch.zeros_like(importance)), frame)
            measured = {"feature": feature.item(), "gain_db": (average - error).item() * 10 / np.log(10)}
        run.update(loss, error=error.item(), gradient=gradient.item(), sharpness=sharpness.item(), **measured)


if __name__ == "__main__":
    main()
