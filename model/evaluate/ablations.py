"""Motions as the paper's ablations sample them, against the clips' own: `stillwave evaluate ablations RUN CLIPS`.

RUN is made by `stillwave train ablations`. Volumes are compared as denoiser and decoder make them: the runtime's
smoothing and the amplitude heads, which would hide most of what an ablation does, have no part in them. With
`--encoder-weights` also videos, by MobileNetV2's features: NOT comparable to the paper's.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from stillwave.runtime import Animator, spectrum
from stillwave.runtime.sampler import Schedule, initial_noise, sample

from ..autoencoder import Autoencoder, SliceDecoder
from ..clips import Clip
from ..denoiser import Denoiser
from ..image_encoder import ImageEncoder, photo_planes
from ..normalisation import volume_from_coefficients
from ..presets import ABLATIONS, EDGE, Preset
from ..samples import load_clips
from ..train.run import load_average
from .generated import Method, generate
from .measures import compare_motion
from .motion import photo_gradient
from .table import Row, mean_row, print_table
from .video import Measure, centre_crop, compare_all, keep_features, measures

STEPS = 16
FRAMES, WIDTH = 48, 256  # of videos, as in benchmarks/results/video-edge.json


@dataclass(frozen=True)
class Sampler:
    """The trained networks of a preset, and how what they know becomes pixels.

    mean, std  (C,) of latents, per channel
    scales     (K,) px, see spectrum.coefficients_from_volume
    """

    preset: Preset
    encoder: ImageEncoder
    denoiser: Denoiser
    decoder: SliceDecoder
    mean: np.ndarray
    std: np.ndarray
    scales: np.ndarray

    @classmethod
    def load(cls, run: Path, preset: Preset) -> "Sampler":
        folder = run / preset.name
        encoder = load_average(folder, "encoder", ImageEncoder(preset))
        sizes = preset.as_one_volume if preset.slices == "one volume" else preset
        denoiser = load_average(folder, "denoiser", Denoiser(sizes, encoder.condition_channels))
        decoder = load_average(folder, "autoencoder", Autoencoder(preset)).decoder
        with np.load(folder / "whitening.npz") as saved:
            mean, std = saved["mean"], saved["std"]
        scales = np.load(run / "pool" / "scales.npy")[: preset.num_frequencies]
        return cls(preset, encoder, denoiser, decoder, mean, std, scales)

    def volume(self, photo: np.ndarray, seed: int, steps: int) -> np.ndarray:
        """A motion of a photo uint8 (H, W, 3), without guidance: (K, 4, Hg, Wg) px, on the networks' grid."""
        with torch.no_grad():
            condition, guide, _ = self.encoder(photo_planes(photo))
            latents = torch.from_numpy(self.latents(condition, seed, steps))
            coefficients = self.decoder(latents, guide).numpy()
        return volume_from_coefficients(coefficients, self.scales, self.preset)

    def latents(self, condition: torch.Tensor, seed: int, steps: int) -> np.ndarray:
        """What the decoder wants, by the runtime's sampler: condition (1, Cc, h, w) -> (K-1, 4, h, w)."""

        def predict(latents: np.ndarray, timestep: int) -> np.ndarray:
            velocity = self.denoiser(torch.from_numpy(latents), torch.tensor([float(timestep)]), condition)
            return np.ascontiguousarray(velocity.numpy())

        # one volume is one slice of many channels
        shape = (self.denoiser.num_slices, self.denoiser.latents_in.in_channels, *condition.shape[2:])
        whitened = sample(predict, initial_noise(seed, shape), Schedule(), steps)
        per_slice = whitened.reshape(-1, len(self.mean), *condition.shape[2:])
        return per_slice * self.std[:, None, None] + self.mean[:, None, None]


def with_frequencies(volume: np.ndarray, count: int) -> np.ndarray:
    """The first `count` frequencies, anchored; those that a volume has not are zero."""
    out = np.zeros((count, *volume.shape[1:]), np.float32)
    out[: len(volume)] = volume[:count]
    return spectrum.anchor(out)


def levelled(volume: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """A motion with the measured one's power as a whole; how it is spread over places and frequencies stays."""
    return volume * np.sqrt((measured[1:] ** 2).sum() / max((volume[1:] ** 2).sum(), 1e-9))


def compare(volumes: list[np.ndarray], clip: Clip) -> Row:
    """Mean of the measures over several motions of a clip's first frame, on the clip's grid."""
    gradient = photo_gradient(clip.frames[0], *clip.volume.shape[:1:-1])
    full = (with_frequencies(volume, len(clip.volume)) for volume in volumes)
    return mean_row([compare_motion(volume, clip.volume, gradient) for volume in full])


def filmed(animator: Animator, clip: Clip, volume: np.ndarray) -> np.ndarray:
    """The clip's first frame moving so, as the shipped renderer paints it: uint8 (T, 128, 256, 3)."""
    size = (WIDTH, round(WIDTH * clip.frames.shape[1] / clip.frames.shape[2]))
    method, count = Method("measured", len(volume)), min(FRAMES, len(clip.frames))
    return centre_crop(generate(animator, replace(clip, volume=volume), method, count, size))


def evaluate(args: argparse.Namespace, animator: Animator, clips: list[Clip], chosen: list[Measure]) -> dict[str, dict]:
    """Of each preset that was trained: the measures of `evaluate motion`, and distances of its videos to the clips."""
    real: dict[str, list] = {m.name: [] for m in chosen}
    for clip in clips if chosen else ():
        keep_features(chosen, centre_crop(clip.frames[:FRAMES]), real)
    results = {}
    trained = [p for p in (EDGE, *ABLATIONS) if (args.run / p.name / "denoiser.pt").exists()]
    for preset in trained:
        made: dict[str, list] = {m.name: [] for m in chosen}
        sampler, rows = Sampler.load(args.run, preset), {}
        for clip in clips:
            volumes = [sampler.volume(clip.frames[0], seed, args.steps) for seed in range(args.seeds)]
            volumes = [spectrum.resize_volume(volume, *clip.volume.shape[2:]) for volume in volumes]
            volumes = [levelled(volume, clip.volume) for volume in volumes] if args.level else volumes
            rows[clip.name] = compare(volumes, clip)
            for volume in volumes if chosen else ():
                keep_features(chosen, filmed(animator, clip, volume), made)
        distances = compare_all(chosen, real, made) if chosen else {"distances": {}}
        results[preset.name] = {"mean": mean_row(list(rows.values())), **distances, "clips": rows}
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave evaluate ablations", description=__doc__)
    parser.add_argument("run", type=Path, help="of `stillwave train ablations`")
    parser.add_argument("clips", type=Path, help="the folder of loops it was trained on")
    parser.add_argument("--cache", type=Path, default=Path("flow"), help="where the clips' flow is kept")
    parser.add_argument("--bundle", help="whose renderer paints the videos; default: the embedded one")
    parser.add_argument("--encoder-weights", type=Path, help="MobileNetV2: distances not comparable to the paper's")
    parser.add_argument("--steps", type=int, default=STEPS, help="of the sampler (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--level", action="store_true", help="every motion as strong as the clip's own")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, help="JSON")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    facts = json.loads((args.run / "ablations.json").read_text())
    clips = load_clips(args.clips, args.cache)
    chosen = [m for m in measures(None, None, None, args.encoder_weights) if "FVD" in m.name]
    record: dict[str, object] = {**facts, "sampler_steps": args.steps, "seeds": args.seeds, "level": args.level}
    with Animator(args.bundle) as animator:
        for name, is_held_out in (("held out", True), ("trained on", False)):
            part = [clip for clip in clips if (clip.name in facts["held_out"]) == is_held_out]
            record[name] = results = evaluate(args, animator, part, chosen)
            print(f"\n{len(part)} clips {name}, motions {'as strong as theirs' if args.level else 'as sampled'}")
            print_table({name: row["mean"] | row["distances"] for name, row in results.items()}, with_mean=False)
    if args.output:
        args.output.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
