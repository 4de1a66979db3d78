"""What fp16 and int8 cost in accuracy, network by network and in whole frames, and what int8 gains on a CPU.

    python benchmarks/precision.py --json

The bundle is converted as `stillwave export --from` does; its networks run on the CPU, in ONNX Runtime, in the
arithmetic their graphs state. Frames are compared with those of the bundle itself: PSNR in dB over all pixels.
Which frame a motion begins at is a choice, and may be another where two are about as calm: so they are compared as
they come, and begun at the same one. The photos are others than int8 is calibrated on.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from machine import machine, result_path, write_result

from stillwave.export.calibration import SIZE, Sample, procedural_photos, recorded_samples
from stillwave.export.conversion import INT8_FLOOR_DB, convert_bundle
from stillwave.export.fp16 import float_weights
from stillwave.export.int8 import convolutions_in_int8, quantised_alone
from stillwave.runtime import Animator
from stillwave.runtime.bundle import Bundle
from stillwave.runtime.engine import engine_for, shape_at, sizes_of
from stillwave.runtime.photo import PhotoSource
from stillwave.runtime.spectrum import advance, sparse_cells

EXAMPLE = Path(__file__).parent.parent / "examples" / "dandelion.jpg"
GOALS_DB = {"fp16": 45.0, "int8": 38.0}
FIRST_SEED = 2000
TIMES = (10.0, 40.0, 75.0, 120.0)
REPEATS = 7


def main() -> None:
    args = parser().parse_args()
    bundle = Bundle.open(args.bundle)
    with tempfile.TemporaryDirectory() as folder:
        keep = args.keep or Path(folder)
        converted = {precision: conversion(bundle, keep / precision, precision) for precision in GOALS_DB}
        result: dict[str, Any] = {"machine": machine(), "bundle": bundle.manifest.name, "goals_db": GOALS_DB}
        result["networks"] = networks_of(converted)
        result["frames"] = frames_of(bundle, converted, args.scenes)
        result["cpu"] = list(cpu_speed(bundle, converted["int8"])) if args.speed else []
    print_tables(result)
    if args.json:
        write_result(args.json, result)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bundle", type=Path, help="default: the one installed")
    options.add_argument("--keep", type=Path, help="folder for the converted bundles; those that are there are used")
    options.add_argument("--speed", action="store_true", help="also int8 against float32 on this CPU, with OpenVINO")
    options.add_argument("--scenes", type=int, default=3, help="procedural, beside the photo (default: %(default)s)")
    kept = result_path("precision")
    options.add_argument("--json", type=Path, nargs="?", const=kept, help=f"without FILE: results/{kept.name}")
    return options


def conversion(bundle: Bundle, folder: Path, precision: str) -> Bundle:
    if not folder.exists():
        convert_bundle(bundle, folder, precision)
    return Bundle.open(folder)


def networks_of(converted: dict[str, Bundle]) -> dict[str, Any]:
    """Network -> how closely each precision follows float32, and how many of its convolutions are int8."""
    table: dict[str, Any] = {}
    for precision, bundle in converted.items():
        for name, record in bundle.manifest.networks.items():
            row = table.setdefault(name, {"int8_floor_db": INT8_FLOOR_DB.get(name)})
            row[f"{precision}_db"] = bundle.manifest.provenance["parity_db"][name]
            row[f"{precision}_bytes"] = bundle.manifest.files[record.file].bytes
            if precision == "int8":
                model = onnx.load_from_string(bundle.network_bytes(name))
                convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
                row["convolutions"] = len(convolutions)
                row["convolutions_in_int8"] = len(convolutions_in_int8(model))
    return table


def photos(scenes: int) -> Iterator[tuple[str, PhotoSource]]:
    yield EXAMPLE.name, EXAMPLE
    for i, photo in enumerate(procedural_photos(scenes, FIRST_SEED)):
        yield f"scene {FIRST_SEED + i}", photo


def frames_of(bundle: Bundle, converted: dict[str, Bundle], scenes: int) -> dict[str, Any]:
    """Photo -> precision -> PSNR of frames, dB, of all of them together and of the worst; as they come, too."""
    table: dict[str, Any] = {}
    for name, photo in photos(scenes):
        expected, volume = frames(bundle, photo)
        for precision, other in converted.items():
            as_it_comes, own = frames(other, photo)
            apart = frames_apart(own, volume)
            begun_alike = frames(other, photo, apart)[0] if apart else as_it_comes
            figures = {"frames_apart": apart, "as_it_comes_db": psnr(expected, as_it_comes)["all_db"]}
            table.setdefault(name, {})[precision] = psnr(expected, begun_alike) | figures
    return table


def frames(bundle: Bundle, photo: PhotoSource, later: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Frames (n, H, W, 3) uint8 of a motion begun so many frames later than it comes, and that motion's volume."""
    with Animator(bundle.folder, "cpu", "2GiB", threads=1) as animator:
        with animator.analyze(photo, size=SIZE) as scene:
            volume = np.array(scene.spectral_volume)
        advance(volume, later / bundle.manifest.num_frames)
        with animator.scene(photo, volume, SIZE, is_predicted=True) as scene:
            return np.stack([scene.frame(time).copy() for time in TIMES]), volume


def frames_apart(volume: np.ndarray, other: np.ndarray, num_frames: int = 150) -> int:
    """How many frames later a motion must begin to be most like the other."""
    cells, wanted = sparse_cells(volume), sparse_cells(other)
    begun = (advance(cells.copy(), later / num_frames) for later in range(num_frames))
    return int(np.argmin([np.square(cells[1:] - wanted[1:]).sum() for cells in begun]))


def psnr(expected: np.ndarray, found: np.ndarray) -> dict[str, float]:
    errors = np.square(expected.astype(np.float64) - found).mean((1, 2, 3))
    all_db, worst_db = (10 * np.log10(255**2 / max(error, 1e-9)) for error in (errors.mean(), errors.max()))
    return {"all_db": round(float(all_db), 2), "worst_db": round(float(worst_db), 2)}


def cpu_speed(bundle: Bundle, int8: Bundle) -> Iterator[dict[str, Any]]:
    """Processor time of float32 and of the same convolutions in int8, float32 elsewhere; one thread, in turns."""
    samples = recorded_samples(bundle.folder)
    for name in bundle.manifest.networks:
        graph = float_weights(onnx.load_from_string(bundle.network_bytes(name)))
        chosen = convolutions_in_int8(onnx.load_from_string(int8.network_bytes(name)))
        quantised = quantised_alone(graph, samples[name], chosen)
        contenders = {
            f"{backend} {kind}": (backend, model.SerializeToString())
            for backend in ("cpu", "openvino")
            for kind, model in (("fp32", graph), ("int8", quantised))
        }
        yield {"network": name, **processor_ms(name, contenders, samples[name][0])}


def processor_ms(name: str, contenders: dict[str, tuple[str, bytes]], sample: Sample) -> dict[str, float]:
    """Contender -> the least of REPEATS runs on the sample."""
    best = dict.fromkeys(contenders, np.inf)
    engines = {}
    for label, (backend, network) in contenders.items():
        engines[label] = engine = engine_for(backend, network, name, threads=1)
        sizes = {k: n for spec in engine.inputs for k, n in sizes_of(spec.shape, sample[spec.name].shape).items()}
        outputs = {spec.name: np.empty(shape_at(spec.shape, sizes), spec.dtype) for spec in engine.outputs}
        engine.bind(**sample, **outputs)
        engine.run()
    for _ in range(REPEATS):
        for label, engine in engines.items():
            start = time.process_time()
            engine.run()
            best[label] = min(best[label], 1e3 * (time.process_time() - start))
    for engine in engines.values():
        engine.close()
    return {label: round(ms, 2) for label, ms in best.items()}


def print_tables(result: dict[str, Any]) -> None:
    print(f"{'network':<16}{'fp16 dB':>9}{'int8 dB':>9}{'in int8':>12}{'fp16 MiB':>10}{'int8 MiB':>10}")
    for name, r in result["networks"].items():
        share = f"{r['convolutions_in_int8']} of {r['convolutions']}"
        sizes = "".join(f"{r[f'{precision}_bytes'] / 2**20:>10.2f}" for precision in ("fp16", "int8"))
        print(f"{name:<16}{r['fp16_db']:>9}{r['int8_db']:>9}{share:>12}{sizes}")
    print(f"\n{'frames of':<16}" + "".join(f"{f'{p} dB (worst)':>20}{'as it comes':>13}" for p in GOALS_DB))
    for name, r in result["frames"].items():
        columns = (f"{r[p]['all_db']:>11} ({r[p]['worst_db']}){r[p]['as_it_comes_db']:>13}" for p in GOALS_DB)
        print(f"{name:<16}" + "".join(columns))
    for row in result["cpu"]:
        print("  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
