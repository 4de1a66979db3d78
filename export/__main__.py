"""`stillwave export RUN -o bundles/edge`: a training run, or a bundle in another precision, to a bundle."""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from stillwave.model.presets import PRESETS
from stillwave.model.renderer import Renderer
from stillwave.model.train.run import load_average
from stillwave.runtime.bundle import Bundle, Manifest

from .conversion import convert_bundle
from .networks import random_weights, trained_image_encoder, trained_weights
from .writer import replace_image_encoder, replace_rendering, write_bundle


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave export", description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", help="folder of a training run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--preset", choices=PRESETS, default="edge")
    parser.add_argument(
        "--from", dest="source", metavar="BUNDLE", help="instead of a run: a bundle, to make another precision of it"
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "fp16", "int8"),
        default="fp32",
        help="fp32: for CPUs; fp16 and int8 (fp16 where int8 would show): strongly typed, for GPUs",
    )
    parser.add_argument(
        "--photos", nargs="+", metavar="PHOTO", help="to calibrate int8 on (default: procedural scenes)"
    )
    parser.add_argument("--name", help="of the model; default: the folder's")
    parser.add_argument("--random-weights", action="store_true", help="no training run: to measure time and memory")
    parser.add_argument("--only", choices=("image-encoder", "rendering"), help="renew these networks of a bundle")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    if (args.run is not None) + args.random_weights + (args.source is not None) != 1:
        parser.error("give a training run, or --random-weights, or --from BUNDLE")
    if args.source is not None and args.precision == "fp32":
        parser.error("--from BUNDLE makes fp16 or int8 of it")
    if args.only and (args.run is None or args.precision != "fp32"):
        parser.error("--only takes a training run, and writes fp32")
    if not PRESETS[args.preset].runs:
        parser.error(f"the runtime can't sample {args.preset}: it is an ablation, to be trained and measured only")
    torch.set_num_threads(args.threads)
    print_report(exported(args))


def exported(args: argparse.Namespace) -> Manifest:
    """The bundle that the options ask for, written."""
    if args.source is not None:
        return convert_bundle(Bundle.open(args.source), args.output, args.precision, args.photos, args.name)
    preset = PRESETS[args.preset]
    provenance = provenance_of(args.run)
    if args.only == "image-encoder":
        return replace_image_encoder(args.output, preset, trained_image_encoder(preset, args.run), provenance)
    if args.only == "rendering":
        renderer = load_average(args.run, "renderer", Renderer(preset))
        return replace_rendering(args.output, preset, renderer, provenance)
    weights = random_weights(preset) if args.random_weights else trained_weights(preset, args.run)
    if args.precision != "int8":
        return write_bundle(args.output, preset, weights, provenance, args.name, args.precision)
    with tempfile.TemporaryDirectory() as folder:  # int8 is calibrated on what float32 networks see
        exact = Path(folder) / "exact"
        write_bundle(exact, preset, weights, provenance, args.name, "exact")
        return convert_bundle(Bundle.open(exact), args.output, "int8", args.photos, args.name)


def print_report(manifest: Manifest) -> None:
    for name, network in manifest.networks.items():
        size, memory = manifest.files[network.file].bytes, network.weights_bytes + network.workspace_bytes
        parity = manifest.provenance["parity_db"][name]
        print(f"{name:<14} {size / 2**20:6.1f} MiB   runs in {memory / 2**20:6.1f} MiB   parity {parity:5.1f} dB")


def provenance_of(run: Path | None) -> dict[str, object]:
    """What a bundle says of its weights: the run's own provenance.json, or that they are random."""
    if run is None:
        return {"weights": "random"}
    note = run / "provenance.json"
    return {"weights": "trained", **(json.loads(note.read_text()) if note.exists() else {})}


if __name__ == "__main__":
    main()
