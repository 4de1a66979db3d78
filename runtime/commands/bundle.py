"""`stillwave bundle`: look at a bundle, or verify it. Either way every byte is hashed first."""

import argparse
import dataclasses

from ..bundle import Bundle
from ..memory import format_bytes
from .outcome import Outcome


def run(args: argparse.Namespace) -> Outcome:
    bundle = Bundle.open(args.folder)
    total = sum(file.bytes for file in bundle.manifest.files.values())
    if args.action == "verify":
        num_files = len(bundle.manifest.files)
        return Outcome(
            {"folder": str(bundle.folder), "is_valid": True, "files": num_files, "bytes": total},
            f"{bundle.folder}: {num_files} files, {format_bytes(total)}, each as its manifest says",
        )
    result = {"folder": str(bundle.folder)} | dataclasses.asdict(bundle.manifest)
    return Outcome(result, "\n".join(_lines(bundle, total)))


def _lines(bundle: Bundle, total: int) -> list[str]:
    m = bundle.manifest
    lines = [
        f"{m.name} ({m.preset}), {m.licence}",
        f"folder      {bundle.folder}",
        f"motion      {m.num_frequencies} frequencies, {m.num_frames} frames at {m.fps:g} fps,"
        f" grid {m.grid[0]} x {m.grid[1]}",
        f"sampling    {m.schedule.steps} steps of {m.schedule.train_steps}",
        f"size        {format_bytes(total)} in {len(m.files)} files",
        f"{'network':<16}{'precision':<11}{'file':>12}{'weights':>12}{'workspace':>12}",
    ]
    for name, network in m.networks.items():
        size = format_bytes(m.files[network.file].bytes)
        weights, workspace = format_bytes(network.weights_bytes), format_bytes(network.workspace_bytes)
        lines.append(f"{name:<16}{network.precision:<11}{size:>12}{weights:>12}{workspace:>12}")
    return lines + [f"provenance  {key}: {value}" for key, value in m.provenance.items()]
