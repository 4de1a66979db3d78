"""Stage 1: the image encoder learns what moves, how much and at which frequencies.

`python -m stillwave.model.train.encoder POOL -o RUN --encoder-weights mobilenet_v2.tflite`
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as functional

from ..image_encoder import ImageEncoder
from ..presets import PRESETS
from .pool import Pool
from .run import Run

FROZEN_STAGES = 2  # edges and textures; the pretrained ones are as good as any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("-o", "--run", type=Path, required=True)
    parser.add_argument("--preset", choices=PRESETS, default="edge")
    parser.add_argument("--encoder-weights", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)

    encoder = ImageEncoder(PRESETS[args.preset])
    encoder.trunk.load(args.encoder_weights)
    frozen = [encoder.trunk.stem, *encoder.trunk.stages[:FROZEN_STAGES]]
    for module in frozen:
        module.requires_grad_(False)
    trunk = [p for p in encoder.trunk.parameters() if p.requires_grad]
    head = [p for name, p in encoder.named_parameters() if not name.startswith("trunk")]
    run = Run(
        args.run,
        "encoder",
        encoder,
        [{"params": trunk, "lr": 1e-4}, {"params": head, "lr": 1e-3}],
        args.steps,
        ema=0.99,
    )

    pool = Pool(args.pool)
    for step in run:
        if step % 20 == 0:
            pool.refresh()
        photos, steps, bands = pool.supervision(args.batch)
        _, _, predicted_bands, logits = encoder.maps(photos)
        step_loss = functional.binary_cross_entropy_with_logits(logits, steps)
        band_loss = functional.smooth_l1_loss(predicted_bands, bands, beta=0.3)
        run.update(step_loss + 0.2 * band_loss, steps=step_loss.item(), bands=band_loss.item())


if __name__ == "__main__":
    main()
