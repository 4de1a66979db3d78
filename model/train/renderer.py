"""Stage 5, independent of the others: feature pyramid and synthesis, through the splat.

`python -m stillwave.model.train.renderer CLIPS --pool POOL --pairs PAIRS -o RUN`
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from ..mobilenet import MobileNetV2
from ..presets import PRESETS
from ..renderer import Renderer
from ..samples import load_clips
from .autoencoder import gradient_loss
from .pairs import batch
from .run import Run


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--pool", type=Path, required=True, help="where the clips' flow is kept")
    parser.add_argument("--pairs", type=Path, help="rendered scenes (stillwave.model.train.pairs)")
    parser.add_argument("-o", "--run", type=Path, required=True)
    parser.add_argument("--preset", choices=PRESETS, default="edge")
    parser.add_argument("--perceptual-weights", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(3)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)

    clips = load_clips(args.clips, args.pool / "flow")
    perceptual = PerceptualLoss(args.perceptual_weights)
    renderer = Renderer(PRESETS[args.preset]).to(memory_format=torch.channels_last)
    run = Run(args.run, "renderer", renderer, [{"params": list(renderer.parameters()), "lr": 1e-3}], args.steps)
    rng = np.random.default_rng((3, run.step))
    for step in run:
        if step % 50 == 0:
            scenes = sorted(args.pairs.glob("[0-9]*.npz")) if args.pairs else []
            scenes = [path for path in scenes if ".partial" not in path.name]
        photo, frame, motion, importance, activity = batch(clips, scenes, args.batch, rng)
        predicted = renderer(photo, motion, importance, activity)
        pixel = functional.l1_loss(predicted, frame) + functional.mse_loss(predicted, frame).sqrt()
        gradient, feature = gradient_loss(predicted, frame), perceptual(predicted, frame)
        psnr = -10 * functional.mse_loss(predicted, frame).detach().log10()
        still = -10 * functional.mse_loss(photo, frame).log10()
        run.update(
            pixel + 0.3 * gradient + 0.02 * feature, psnr=psnr.item(), still=still.item(), feature=feature.item()
        )


if __name__ == "__main__":
    main()
