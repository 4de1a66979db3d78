"""`stillwave export RUN -o bundles/edge`: a training run to a bundle runtimes open."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from stillwave.model.presets import PRESETS
from stillwave.model.renderer import Renderer
from stillwave.model.train.run import load_average
from stillwave.runtime.bundle import Manifest

from .networks import random_weights, trained_weights
from .writer import replace_rendering, write_bundle


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave export", description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", help="folder of a training run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--preset", choices=PRESETS, default="edge")
    parser.add_argument("--precision", choices=("fp32", "fp16"), default="fp32", help="fp16: strongly typed, for GPUs")
    parser.add_argument("--name", help="of the model; default: the folder's")
    parser.add_argument("--random-weights", action="store_true", help="no training run: to measure time and memory")
    parser.add_argument(
        "--only-rendering", action="store_true", help="pyramid and synthesis, into a bundle that is there"
    )
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    if (args.run is None) != args.random_weights:
        parser.error("give a training run, or --random-weights and none")
    if args.only_rendering and (args.random_weights or args.precision != "fp32"):
        parser.error("--only-rendering takes a training run, and writes fp32")
    torch.set_num_threads(args.threads)

    preset = PRESETS[args.preset]
    if args.only_rendering:
        renderer = load_average(args.run, "renderer", Renderer(preset))
        report(replace_rendering(args.output, preset, renderer))
        return
    weights = random_weights(preset) if args.random_weights else trained_weights(preset, args.run)
    report(write_bundle(args.output, preset, weights, provenance_of(args.run), args.name, args.precision))


def report(manifest: Manifest) -> None:
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
