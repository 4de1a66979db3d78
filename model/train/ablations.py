"""The paper's ablations (table 2) at small scale: `stillwave train ablations CLIPS -o RUN --scale 0.1`.

RUN/edge and RUN/PRESET for each ablation, of the same samples, seeds and numbers of steps; what two presets have in
common is trained once. A quarter of the clips, every fourth by name, is held out: `stillwave evaluate ablations RUN
CLIPS` measures on both. It goes on where it stopped.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from .. import samples
from ..image_encoder import ImageEncoder
from ..presets import ABLATIONS, EDGE, PRESETS, Preset
from . import autoencoder, denoiser, encoder, latents
from .amplitude import FOLDS
from .recipe import AUTOENCODER_STEPS, COORDINATION_STEPS, ENCODER_STEPS, SAMPLES, SLICES_STEPS

# more than a share of `train all`'s: at a tenth of it the attention across frequencies would not leave its warm-up
MORE_COORDINATION = 3


def held_out(clips: Path) -> list[str]:
    """Names of the loops that nothing is trained on."""
    return sorted(path.stem for path in clips.glob("*.mp4"))[::FOLDS]


def inherited(preset: Preset) -> tuple[str, ...]:
    """What an ablation has in common with `edge`, beside its image encoder: entries of the run folder."""
    autoencodes = (preset.num_frequencies, preset.normalisation)
    if preset.name == EDGE.name or autoencodes != (EDGE.num_frequencies, EDGE.normalisation):
        return ()
    return ("autoencoder.pt", "latents", *(("slices.pt",) if preset.slices == "independent" else ()))


def cut_encoder(trained: Path, preset: Preset, target: Path) -> None:
    """An image encoder of more frequencies as one of the preset's first: what tells of the others is left out."""
    average = torch.load(trained, map_location="cpu", weights_only=True)["average"]
    shapes = {name: tensor.shape for name, tensor in ImageEncoder(preset).state_dict().items()}
    cut = {name: tensor[tuple(map(slice, shapes[name]))].clone() for name, tensor in average.items()}
    torch.save({"average": cut}, target)


def train(preset: Preset, run: Path, steps: dict[str, int], threads: str) -> None:
    """The stages of RUN/PRESET, from the image encoder in RUN."""
    pool, folder = str(run / "pool"), run / preset.name
    folder.mkdir(exist_ok=True)
    cut_encoder(run / "encoder.pt", preset, folder / "encoder.pt")
    for name in inherited(preset):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..", EDGE.name, name))
    shared = ["--preset", preset.name, "--threads", threads]
    autoencoder.main([pool, "-o", str(folder), *shared, "--steps", str(steps["autoencoder"])])
    latents.main([pool, "-o", str(folder), *shared])
    counts = ["--steps", str(steps["slices"]), "--coordination-steps", str(steps["coordination"])]
    denoiser.main([str(folder), *shared, *counts])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave train ablations", description=__doc__)
    parser.add_argument("clips", type=Path, help="folder of static-camera loops")
    parser.add_argument("-o", "--run", type=Path, required=True)
    names = [preset.name for preset in ABLATIONS]
    parser.add_argument("--presets", nargs="+", choices=names, default=names, help="default: all, after `edge`")
    parser.add_argument("--encoder-weights", required=True, help="MobileNetV2: TFLite or a torchvision state dict")
    parser.add_argument("--segmenter-weights", required=True, help="DeepLab v3 on MobileNetV2: TFLite")
    parser.add_argument("--scale", type=float, default=0.1, help="of samples and steps (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)

    def times(count: int) -> int:
        return max(1, round(count * args.scale))

    # not by --presets: then the samples and the image encoder serve presets that are added later
    widest = max(ABLATIONS, key=lambda preset: preset.num_frequencies)
    steps = {
        "autoencoder": times(AUTOENCODER_STEPS),
        "slices": times(SLICES_STEPS),
        "coordination": times(MORE_COORDINATION * COORDINATION_STEPS),
    }
    without, count = held_out(args.clips), times(SAMPLES)
    # the image encoder is not what is ablated, and all share one: it is trained in full
    facts = {"scale": args.scale, "samples": count, "steps": {"encoder": ENCODER_STEPS, **steps}, "held_out": without}
    pool, frequencies = str(args.run / "pool"), ["--frequencies", str(widest.num_frequencies)]
    samples.main([str(args.clips), "-o", pool, "--count", str(count), *frequencies, "--without", *without])
    (args.run / "ablations.json").write_text(json.dumps(facts, indent=1))
    shared = ["-o", str(args.run), "--preset", widest.name, "--threads", str(args.threads)]
    weights = ["--encoder-weights", args.encoder_weights, "--segmenter-weights", args.segmenter_weights]
    encoder.main([pool, *shared, *weights, "--steps", str(ENCODER_STEPS)])
    for name in (EDGE.name, *args.presets):
        train(PRESETS[name], args.run, steps, str(args.threads))


if __name__ == "__main__":
    main()
