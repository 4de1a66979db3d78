"""Modelled, not measured: what a roofline says each stage takes on GPUs that were not at hand.

`python benchmarks/model.py [--save]`. A stage takes its bytes at the share of the memory's bandwidth that
copies reach, or its products at the share of the peak that small convolutions reach, whichever is longer, and
so much for each launch within a graph. Bytes are those of the planner's buffers and of the kernels
(traffic.py), products those of the bundle's ONNX files. What fits in a cache is taken to come from memory all
the same, so that GPUs with large caches may be faster.
"""

import argparse
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import source_tree  # noqa: F401
import torch
from torch_network import TorchNetwork
from traffic import frame_bytes, motion_bytes, splat_bytes, volume_bytes

from stillwave.runtime.budget import DECODER_BATCH
from stillwave.runtime.bundle import Bundle
from stillwave.runtime.device.layout import PASS, DeviceLayout
from stillwave.runtime.engine import shape_at, sizes_of
from stillwave.runtime.spectrum import network_grid

RESULT = Path(__file__).parent / "results" / "model-gpus.json"
SIZE, STEPS, FRAMES = (512, 288), 4, 150
GRID = network_grid(*SIZE)
OF_BANDWIDTH = 0.7  # share that the kernels reach: the issue's own target
OF_PEAK = 0.3  # share of the tensor cores' peak in convolutions of 16 to 128 channels
PRODUCTS = ("Conv", "Gemm", "MatMul")
# What reads other values than those it writes, so that it is a kernel of its own; all else is fused or a view.
GATHERING = (
    *("AveragePool", "Resize", "ReduceSum", "ReduceMean", "Softmax", "InstanceNormalization", "LayerNormalization"),
    *("Concat", "Transpose"),
)


@dataclass(frozen=True)
class Gpu:
    """The vendor's figures: GB/s, TFLOP/s of dense float16 products, and us for a launch within a graph."""

    name: str
    gb_s: float
    tflop_s: float
    launch_us: float


GPUS = (
    Gpu("Orin Nano 8 GB", 68, 10, 3.0),
    Gpu("AGX Orin 64 GB", 204.8, 42, 3.0),
    Gpu("Thor T5000", 273, 258, 2.5),
    Gpu("RTX 4090", 1008, 165, 1.5),
    Gpu("H200", 4800, 989, 1.5),
)
TARGETS = {
    ("H200", "motion + splat"): 30,
    ("H200", "frame"): 150,
    ("H200", "denoising step"): 600,
    ("H200", "photo to loop"): 40_000,
    ("AGX Orin 64 GB", "frame"): 2000,
    ("Orin Nano 8 GB", "frame"): 5000,
}


@dataclass(frozen=True)
class Stage:
    """What a stage costs on any GPU: (bytes, floating point operations) of each launch."""

    launches: tuple[tuple[float, float], ...]

    def us_on(self, gpu: Gpu, peak: float = 1.0) -> float:
        total = 0.0
        for nbytes, flop in self.launches:
            memory_us = nbytes / (gpu.gb_s * OF_BANDWIDTH * 1e3)
            arithmetic_us = flop / (gpu.tflop_s * OF_PEAK * peak * 1e6)
            total += max(memory_us, arithmetic_us) + gpu.launch_us
        return total

    def summary(self) -> dict[str, float]:
        mbytes, gflop = (sum(part[i] for part in self.launches) for i in (0, 1))
        return {"mbytes": round(mbytes / 1e6, 2), "gflop": round(gflop / 1e9, 3), "launches": len(self.launches)}


def network_stage(bundle: Bundle, name: str, tensor: str, shape: tuple[int, ...], value_bytes: int) -> Stage:
    """One launch for each convolution, product or gathering node, all else fused into it; shapes by running it."""
    record, launches = bundle.manifest.networks[name], []
    sizes = sizes_of(record.inputs[tensor].shape, shape)
    inputs = {n: torch.zeros(shape_at(t.shape, sizes)) for n, t in record.inputs.items()}

    def seen(node: Any, read: list[Any], made: Any) -> None:
        if node.op_type in PRODUCTS:
            values, weight = read[0].numel() + read[1].numel() + made.numel(), read[1]
            depth = math.prod(weight.shape[1:]) if node.op_type == "Conv" else read[0].shape[-1]
            launches.append((float(value_bytes * values), 2.0 * made.numel() * depth))
        elif node.op_type in GATHERING and made.is_floating_point():  # not of shapes
            values = sum(t.numel() for t in (*read, made) if isinstance(t, torch.Tensor))
            launches.append((float(value_bytes * values), 0.0))

    TorchNetwork(bundle.network_bytes(name), "cpu")(inputs, seen)
    return Stage(tuple(launches))


def stages(bundle: Bundle, value_bytes: int) -> tuple[dict[str, Stage], DeviceLayout]:
    """Of a frame and of an analysis at the usual sizes."""
    manifest, (width, height) = bundle.manifest, SIZE
    channels = tuple(int(manifest.networks["pyramid"].outputs[f"level{j}"].shape[3]) for j in range(3))
    K, grid = manifest.num_frequencies, (round(256 * height / width), 256)
    layout = DeviceLayout(height, width, grid, grid, K, FRAMES, channels, 4, value_bytes == 2, keeps_volume=True)
    splat = splat_bytes(layout.levels, grid, value_bytes)
    of_grid = (manifest.latent_channels, GRID[1] // manifest.latent_stride, GRID[0] // manifest.latent_stride)
    found = {
        "motion": Stage(((motion_bytes(grid, K, PASS) / PASS, 0.0),)),
        "splat": Stage(tuple((float(n), 0.0) for n in splat.values())),
        "volume": Stage(tuple((float(n), 0.0) for n in volume_bytes(K, GRID[::-1], grid).values())),
        "bytes": Stage(((float(frame_bytes(height, width, height * width)), 0.0),)),
    }
    for name, tensor, shape in (
        ("synthesis", "still", (1, 3, height, width)),
        ("pyramid", "photo", (1, 3, height, width)),
        ("image_encoder", "photo", (1, 3, 2 * GRID[1], 2 * GRID[0])),
        ("denoiser", "latents", (K - 1, *of_grid)),
        ("decoder", "latents", (DECODER_BATCH, *of_grid)),
    ):
        found[name] = network_stage(bundle, name, tensor, shape, value_bytes)
    found["decoder"] = Stage(found["decoder"].launches * math.ceil((K - 1) / DECODER_BATCH))
    return found, layout


def modelled(found: dict[str, Stage], gpu: Gpu, peak: float) -> dict[str, float]:
    """us of each stage, and of what the targets are about."""
    us = {name: stage.us_on(gpu, peak) for name, stage in found.items()}
    us["motion + splat"] = us["motion"] + us["splat"]
    us["frame"] = us["motion + splat"] + us["synthesis"] + us["bytes"]
    us["denoising step"] = us["denoiser"]
    once = us["image_encoder"] + STEPS * us["denoiser"] + us["decoder"] + us["volume"] + us["pyramid"]
    us["photo to loop"] = once + FRAMES * us["frame"]  # without NOT_IN_IT
    return {name: round(value, 1) for name, value in us.items()}


NOT_IN_IT = (
    "engines opened and graphs captured, once for a size; what the host does for a photo (resizing it, noise, tables, "
    "memory planned) and for a frame (launching, copying it out of the ring). gpu.py measures all that"
)


def table(result: dict[str, Any], precision: str) -> str:
    """Markdown: a row for each GPU."""
    columns = ("motion + splat", "synthesis", "frame", "denoising step", "volume", "photo to loop")
    lines = ["| modelled, ms | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for name, us in result["modelled_us"][precision].items():
        cells = []
        for column in columns:
            target = TARGETS.get((name, column))
            cells.append(f"{us[column] / 1e3:.3g}" + (f" (target {target / 1e3:g})" if target else ""))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--save", action="store_true", help=f"write {RESULT.name} to results/")
    options = parser.parse_args()
    bundle = Bundle.open()
    result: dict[str, Any] = {
        "status": "modelled, not measured",
        "not_in_it": NOT_IN_IT,
        "bundle": bundle.manifest.name,
        "assumptions": {"of_bandwidth": OF_BANDWIDTH, "of_peak": OF_PEAK, "gpus": [asdict(g) for g in GPUS]},
        "stages": {},
        "modelled_us": {},
    }
    for precision, value_bytes, peak in (("fp16", 2, 1.0), ("fp32", 4, 0.5)):  # fp32 as TF32: half the rate
        found, layout = stages(bundle, value_bytes)
        result["stages"][precision] = {name: stage.summary() for name, stage in found.items()}
        result["stages"][precision]["block_mbytes"] = round(layout.plan().nbytes / 1e6, 2)
        result["modelled_us"][precision] = {gpu.name: modelled(found, gpu, peak) for gpu in GPUS}
        print(f"{precision}\n{table(result, precision)}\n")
    print(f"Not in it: {NOT_IN_IT}.")
    if options.save:
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
        print(f"written: {RESULT}")


if __name__ == "__main__":
    main()
