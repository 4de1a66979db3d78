"""Stage 1: the image encoder learns what moves, how much and at which frequencies.

`stillwave train encoder POOL -o RUN --encoder-weights mobilenet_v2.tflite
--segmenter-weights deeplabv3.tflite`

The pretrained networks stay as they are: nineteen photos can only make them forget (docs/model-card.md).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as functional

from ..image_encoder import ImageEncoder
from ..options import parse
from ..presets import PRESETS
from .pool import Pool
from .run import Run, half_precision


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("-o", "--run", type=Path, required=True)
    parser.add_argument("--encoder-weights", type=Path, required=True)
    parser.add_argument("--segmenter-weights", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=8)
    args = parse(parser, arguments)

    encoder = ImageEncoder(PRESETS[args.preset]).to(memory_format=torch.channels_last)
    encoder.trunk.load(args.encoder_weights)
    pretrained = [encoder.trunk]
    if encoder.segmenter:
        encoder.segmenter.load(args.segmenter_weights)
        pretrained.append(encoder.segmenter)
    for network in (*pretrained, encoder.amplitude):  # the amplitude is a stage of its own
        network.requires_grad_(False)
    learned = [p for p in encoder.parameters() if p.requires_grad]
    run = Run(args.run, "encoder", encoder, [{"params": learned, "lr": 1e-3}], args.steps, 0.99, args.seed)

    pool = Pool(args.pool, seed=run.rng, preset=PRESETS[args.preset])
    for step in run:
        if step % 20 == 0:
            pool.refresh()
        photos, steps, bands = run.place(*pool.supervision(run.share(args.batch)))
        with half_precision():
            _, _, predicted_bands, logits = encoder.maps(*encoder.see(photos.to(memory_format=torch.channels_last)))
        step_loss = functional.binary_cross_entropy_with_logits(logits.float(), steps)
        band_loss = functional.smooth_l1_loss(predicted_bands.float(), bands, beta=0.3)
        run.update(step_loss + 0.2 * band_loss, steps=step_loss.item(), bands=band_loss.item())


if __name__ == "__main__":
    main()
