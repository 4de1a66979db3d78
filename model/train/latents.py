"""Stage 3: fresh samples through the trained encoders: what the denoiser learns from.

`python -m stillwave.model.train.latents CLIPS -o RUN --count 6000` writes RUN/latents/NNNNNN.npz; it can be
stopped, started and run beside the denoiser's training.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from stillwave.runtime import spectrum

from ..autoencoder import Autoencoder
from ..image_encoder import ImageEncoder
from ..presets import PRESETS
from ..samples import CLIP_SHARE, load_clips, samples
from .run import load_average


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--pool", type=Path, required=True, help="where the clips' flow and scales are kept")
    parser.add_argument("-o", "--run", type=Path, required=True)
    parser.add_argument("--preset", choices=PRESETS, default="edge")
    parser.add_argument("--start", type=int, default=1_000_000)
    parser.add_argument("--count", type=int, default=6000)
    parser.add_argument("--clip-share", type=float, default=CLIP_SHARE)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)

    preset = PRESETS[args.preset]
    image_encoder = load_average(args.run, "encoder", ImageEncoder(preset))
    slice_encoder = load_average(args.run, "autoencoder", Autoencoder(preset)).encoder.to(
        memory_format=torch.channels_last
    )
    clips, scales = load_clips(args.clips, args.pool / "flow"), np.load(args.pool / "scales.npy")
    folder = args.run / "latents"
    folder.mkdir(parents=True, exist_ok=True)
    for index in tqdm(range(args.start, args.start + args.count), mininterval=10):
        path = folder / f"{index:07d}.npz"
        if path.exists():
            continue
        photo, volume = next(samples(clips, index, 1, args.clip_share))
        with torch.no_grad():
            condition, _, _ = image_encoder(torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255)
            mean, _ = slice_encoder(torch.from_numpy(spectrum.coefficients_from_volume(volume, scales)))
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, latents=mean.numpy().astype(np.float16), condition=condition[0].numpy().astype(np.float16))
        partial.rename(path)


if __name__ == "__main__":
    main()
