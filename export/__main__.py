"""`python -m stillwave.export RUN -o bundles/edge`: trained networks to a bundle a runtime opens."""

import argparse
import json
from pathlib import Path

import torch

from stillwave.model.presets import PRESETS

from .networks import random_weights, trained_weights
from .writer import write_bundle


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stillwave.export", description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", help="folder of a training run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the bundle's folder")
    parser.add_argument("--preset", choices=PRESETS, default="edge")
    parser.add_argument("--name", help="name in the manifest; default: the folder's")
    parser.add_argument(
        "--random-weights", action="store_true", help="no training run: to measure time and memory"
    )
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    if (args.run is None) != args.random_weights:
        parser.error("give either a training run or --random-weights")
    torch.set_num_threads(args.threads)

    preset = PRESETS[args.preset]
    weights = random_weights(preset) if args.random_weights else trained_weights(preset, args.run)
    manifest = write_bundle(
        args.output, args.name or args.output.name, preset, weights, provenance_of(args.run)
    )
    size = sum(file.bytes for file in manifest.files.values())
    print(
        f"{args.output}: {len(manifest.networks)} networks, {size / 2**20:.1f} MiB, parity {manifest.provenance['parity_db']} dB"
    )


def provenance_of(run: Path | None) -> dict[str, object]:
    """What a bundle says of its training: the run's own provenance.json, or that there was none."""
    if run is None:
        return {"weights": "random"}
    note = run / "provenance.json"
    told = json.loads(note.read_text()) if note.exists() else {}
    return {"weights": "trained", **told}


if __name__ == "__main__":
    main()
