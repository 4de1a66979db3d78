"""Every stage in order, as the shipped bundle was trained: `stillwave train all CLIPS -o RUN`.

Each stage resumes from its checkpoint, so an interrupted run goes on where it was. `stillwave export
RUN -o BUNDLE` makes a bundle of it.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from .. import samples
from ..options import parse
from . import amplitude, autoencoder, cells, denoiser, distil, encoder, gates, latents, pairs, renderer

# what ablations.py trains a share of
SAMPLES, ENCODER_STEPS, AUTOENCODER_STEPS = 4500, 240, 2300
SLICES_STEPS, COORDINATION_STEPS = 3400, 450


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave train all", description=__doc__)
    parser.add_argument("clips", help="folder of static-camera loops")
    parser.add_argument("-o", "--run", type=Path, required=True)
    parser.add_argument("--encoder-weights", required=True, help="MobileNetV2: TFLite or a torchvision state dict")
    parser.add_argument("--segmenter-weights", required=True, help="DeepLab v3 on MobileNetV2: TFLite")
    parser.add_argument("--still", help="folder of photos in which nothing moves")
    parser.add_argument("--scale", type=float, default=1.0, help="of every count and number of steps")
    args = parse(parser, arguments)

    def times(count: int) -> str:
        return str(max(1, round(count * args.scale)))

    pool, rendered, run = str(args.run / "pool"), str(args.run / "pairs"), str(args.run)
    seed = ["--seed", str(args.seed)]
    shared = ["-o", run, "--preset", args.preset, "--threads", str(args.threads), *seed]
    image_networks = ["--encoder-weights", args.encoder_weights, "--segmenter-weights", args.segmenter_weights]
    samples.main([args.clips, "-o", pool, "--count", times(SAMPLES), *seed])
    shutil.copy(args.run / "pool" / "scales.npy", args.run)
    encoder.main([pool, *shared, *image_networks, "--steps", times(ENCODER_STEPS)])
    cells.main([args.clips, *shared, "--count", times(2000), *(["--still", args.still] if args.still else [])])
    amplitude.main([args.clips, *shared, "--steps", times(800)])
    autoencoder.main([pool, *shared, "--steps", times(AUTOENCODER_STEPS)])
    latents.main([pool, *shared])
    denoiser.main([*shared[1:], "--steps", times(SLICES_STEPS), "--coordination-steps", times(COORDINATION_STEPS)])
    distil.main([*shared[1:], "--trajectories", times(160), "--steps", times(600)])
    pairs.main(["-o", rendered, "--count", times(64), *seed])
    data = ["--pool", pool, "--pairs", rendered]
    gates.main([args.clips, *shared, *data, "--steps", times(1200)])
    renderer.main([args.clips, *shared, *data, "--perceptual-weights", args.encoder_weights, "--steps", times(150)])


if __name__ == "__main__":
    main()
