"""After stage 1: how much stronger motion is, where things move, than the image encoder expects.

`python -m stillwave.model.train.loudness POOL RUN` writes RUN/loudness.npy. The expectation of a skewed
amplitude over "may move" and "may not" lies below what is seen of things that do.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional

from ..image_encoder import ImageEncoder
from ..presets import PRESETS
from .pool import Pool
from .run import load_average

MOVING_PX = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--preset", choices=PRESETS, default="edge")
    parser.add_argument("--samples", type=int, default=300)
    args = parser.parse_args()

    encoder = load_average(args.run, "encoder", ImageEncoder(PRESETS[args.preset]))
    pool, rng = Pool(args.pool), np.random.default_rng(0)
    encoder.set_amplitude(pool.scales, 1.0)
    seen = expected = 0.0
    for index in rng.choice(len(pool.paths), min(args.samples, len(pool.paths)), replace=False):
        photo, coefficients = pool.read(pool.paths[index])
        volume = coefficients * coefficients.abs() * torch.from_numpy(pool.scales[1:, None, None, None])
        amplitude = (2 * functional.avg_pool2d(volume.square().sum((0, 1))[None], 8)).sqrt()[0]
        with torch.no_grad():
            predicted = (2 * encoder(photo[None].float() / 255)[2].square().sum(1)).sqrt()[0]
        moving = amplitude > MOVING_PX
        seen, expected = seen + amplitude[moving].sum().item(), expected + predicted[moving].sum().item()
    loudness = seen / expected
    np.save(args.run / "loudness.npy", loudness)
    print(f"loudness {loudness:.2f}")


if __name__ == "__main__":
    main()
