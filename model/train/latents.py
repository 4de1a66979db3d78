"""Stage 3: the pool's samples through the trained encoders: what the denoiser learns from.

`stillwave train latents POOL -o RUN` writes RUN/latents/NNNNNN.npz; it can be stopped,
started and run beside the denoiser's training.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ..arrays import write_arrays
from ..autoencoder import Autoencoder
from ..image_encoder import ImageEncoder
from ..options import parse
from ..presets import PRESETS
from .pool import Pool
from .run import half_precision, load_average


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("-o", "--run", type=Path, required=True)
    args = parse(parser, arguments)

    preset = PRESETS[args.preset]
    image_encoder = load_average(args.run, "encoder", ImageEncoder(preset)).to(memory_format=torch.channels_last)
    slice_encoder = load_average(args.run, "autoencoder", Autoencoder(preset)).encoder.to(
        memory_format=torch.channels_last
    )
    pool = Pool(args.pool, preset=preset)
    folder = args.run / "latents"
    folder.mkdir(parents=True, exist_ok=True)
    for source in tqdm(pool.paths, mininterval=10):
        path = folder / source.name
        if path.exists():
            continue
        photo, slices = pool.read(source)
        with torch.no_grad(), half_precision():
            condition, _, _, _ = image_encoder.maps(*image_encoder.see(photo[None].float() / 255))
            mean, _ = slice_encoder(slices)
        write_arrays(
            path,
            latents=mean.float().numpy().astype(np.float16),
            condition=condition[0].float().numpy().astype(np.float16),
        )


if __name__ == "__main__":
    main()
