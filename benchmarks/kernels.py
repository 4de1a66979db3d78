"""The kernels against PyTorch and against a copy of the same bytes: `python benchmarks/kernels.py`.

Every contender is verified first. Then all take turns, on one thread, measured in processor time,
which a busy machine changes least: cold, after the others have had the caches, and warm, at the
third call in a row. Figures compare warm medians. Results go to results/ with --save.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import process_time_ns
from typing import Any

import numpy as np
import torch
from machine import machine, result_path, write_result
from stream_copy import stream_copy
from torch_kernels import SPLATS, motion_planes, torch_splat

from stillwave.kernels import (
    BlockedSpectrum,
    frame_from_planes,
    resize_map,
    resize_motion,
    splat,
    splat_workspace_bytes,
)

Array = np.ndarray[Any, Any]
Call = Callable[[], Any]

HEIGHT, WIDTH, FREQUENCIES, FRAMES = 288, 512, 16, 150
PYRAMID = ((1, 16), (2, 32), (4, 64))  # (stride, channels)
ATOL = 1e-4  # between formulations, on values of order 1 to 7


@dataclass(frozen=True)
class Figure:
    """A published figure: `value` must be at least (or at most) `target`, if it has one."""

    name: str
    value: float
    target: float | None = None
    is_at_least: bool = True

    @property
    def is_met(self) -> bool:
        return self.target is None or (self.value >= self.target) == self.is_at_least


def aligned(shape: tuple[int, ...], dtype: Any) -> Array:
    """Zeros at a multiple of 64 bytes, as in the runtime's arena; touched, so no page is missing."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 64, np.uint8)
    memory.fill(0)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def placed(values: Array) -> Array:
    out = aligned(values.shape, values.dtype)
    out[...] = values
    return out


def spectral_volume(height: int, width: int) -> Array:
    """Smooth motion of a few px that jumps at the edge of an object, as at an occlusion."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width] / height
    volume = np.zeros((FREQUENCIES, 4, height, width), np.float32)
    inside = (x - 0.9) ** 2 + (y - 0.5) ** 2 < 0.1
    for k in range(1, FREQUENCIES):
        for c in range(4):
            fx, fy, phase = rng.uniform(-6, 6, 3)
            volume[k, c] = np.sin(fx * x + fy * y + phase) / (1 + k) * np.where(inside, 1.0, 0.3)
    return volume


def motion_and_weight() -> tuple[Array, Array]:
    """One frame of motion, at most 7 px, and its importance."""
    blocked = BlockedSpectrum(spectral_volume(HEIGHT, WIDTH))
    motion = blocked.motion([41.0], FRAMES)[0]
    motion *= 7 / np.abs(motion).max()
    return placed(motion), placed(3 * blocked.weight(FRAMES))


def splat_contenders(copy: Any) -> dict[str, Call]:
    """64 channels in float32, index building included."""
    motion, weight = motion_and_weight()
    shape = (HEIGHT, WIDTH, 64)
    features = placed(np.random.default_rng(1).standard_normal(shape).astype(np.float32))
    out, workspace = aligned(shape, np.float32), aligned((splat_workspace_bytes(*shape[:2]),), np.uint8)
    rows = torch.from_numpy(features).reshape(-1, 64)
    columns = rows.T.contiguous()
    contenders: dict[str, Call] = {
        "stillwave": lambda: splat(features, motion, weight, out, threads=1, workspace=workspace)
    }
    tensors = torch.from_numpy(motion), torch.from_numpy(weight)
    want = contenders["stillwave"]().reshape(-1, 64).copy()
    for add in SPLATS:
        source = rows if add.endswith("rows") else columns
        got = torch_splat(add, source, *tensors)
        np.testing.assert_allclose(got if source is rows else got.T, want, rtol=0, atol=ATOL)
        contenders[f"torch {add}"] = lambda a=add, s=source: torch_splat(a, s, *tensors)
    contenders["non-temporal copy"] = lambda: copy(features, out)
    contenders["non-temporal copy"]()
    np.testing.assert_array_equal(out, features)
    return contenders


def pyramid_contenders(copy: Any) -> dict[str, Call]:
    """16 channels at full size, 32 at half, 64 at a quarter, float16."""
    motion, weight = motion_and_weight()
    rng = np.random.default_rng(2)
    workspace = aligned((splat_workspace_bytes(HEIGHT, WIDTH),), np.uint8)
    levels = []
    for stride, channels in PYRAMID:
        shape = (HEIGHT // stride, WIDTH // stride, channels)
        features = placed(rng.standard_normal(shape).astype(np.float16))
        scaled = resize_motion(motion, aligned((*shape[:2], 2), np.float32))
        importance = resize_map(weight, aligned(shape[:2], np.float32))
        levels.append((features, scaled, importance, aligned(shape, np.float16), aligned(shape, np.float32)))

    def run(which: int) -> None:
        for level in levels:
            splat(*level[:3], level[which], threads=1, workspace=workspace)

    run(3), run(4)
    for level in levels:
        np.testing.assert_allclose(level[3].astype(np.float32), level[4], rtol=2**-10, atol=2**-20)
    return {
        "stillwave, float16 out": lambda: run(3),
        "stillwave, float32 out": lambda: run(4),
        "non-temporal copy": lambda: [copy(level[0], level[3]) for level in levels],
    }


def motion_contenders() -> dict[str, Call]:
    """K = 16, 288 x 512."""
    spectrum = spectral_volume(HEIGHT, WIDTH)
    need = BlockedSpectrum.bytes_for(FREQUENCIES, HEIGHT, WIDTH)
    blocked = BlockedSpectrum(spectrum, aligned((need,), np.uint8))
    out = aligned((8, HEIGHT, WIDTH, 2), np.float32)
    times = np.arange(1.0, 9.0)
    moving = FREQUENCIES - 1  # anchored, S_0 cancels for torch as well
    basis, planes = motion_planes(spectrum, times, FRAMES)
    wide = torch.zeros(2, moving, 2, 2)
    wide[0, :, 0] = wide[1, :, 1] = basis[0].reshape(-1, 2)
    wide, rows = wide.reshape(2, -1), torch.from_numpy(spectrum[1:]).reshape(4 * moving, -1)
    # the volume as it is stored, S_0 too, whose terms are then 0
    whole, all_rows = torch.cat([torch.zeros(2, 4), wide], 1), torch.from_numpy(spectrum).reshape(4 * FREQUENCIES, -1)
    contenders: dict[str, Call] = {
        "stillwave, 1 frame": lambda: blocked.motion(times[:1], FRAMES, out[:1], threads=1),
        "stillwave, 8 frames": lambda: blocked.motion(times, FRAMES, out, threads=1),
        "torch vector, planes sorted, 1 frame": lambda: torch.matmul(basis[0], planes),
        "torch 2 x 64, as stored, 1 frame": lambda: whole @ all_rows,
        "torch 2 x 60, without S_0, 1 frame": lambda: wide @ rows,
        "torch matrix, planes sorted, 8 frames": lambda: torch.matmul(basis, planes),
    }
    want = contenders["torch matrix, planes sorted, 8 frames"]().permute(1, 2, 0).reshape(out.shape)
    got = contenders["stillwave, 8 frames"]()
    np.testing.assert_allclose(got, want, rtol=0, atol=0.01)  # px; the copy has 12 bits
    for name in (n for n in contenders if n.startswith("torch") and n.endswith("1 frame")):
        np.testing.assert_allclose(contenders[name]().T.reshape(out.shape[1:]), want[0], rtol=0, atol=ATOL)
    return contenders


def frame_contenders() -> dict[str, Call]:
    """The parts of one frame of the renderer around its splats, from the 256 x 160 motion grid."""
    blocked = BlockedSpectrum(spectral_volume(160, 256))
    grid = aligned((1, 160, 256, 2), np.float32)
    outs = [aligned((HEIGHT // stride, WIDTH // stride, 2), np.float32) for stride, _ in PYRAMID]
    planes = placed(np.random.default_rng(3).random((3, HEIGHT, WIDTH), np.float32))
    frame = aligned((HEIGHT, WIDTH, 3), np.uint8)
    return {
        "motion on the grid": lambda: blocked.motion([7.0], FRAMES, grid, threads=1),
        "3 resizes": lambda: [resize_motion(grid[0], out, threads=1) for out in outs],
        "planes to frame": lambda: frame_from_planes(planes, frame, threads=1),
    }


def timed(contenders: dict[str, Call], repeats: int) -> dict[str, dict[str, float]]:
    """Processor time of each, taken in turns: at first, after the others, and at the third call in a row."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for repeat in range(repeats + 2):
        for name, call in contenders.items():
            start = process_time_ns()
            call()
            cold = process_time_ns() - start
            call()
            start = process_time_ns()
            call()
            if repeat >= 2:
                taken[name].append((cold / 1e6, (process_time_ns() - start) / 1e6))
    return {name: summary(np.array(times)) for name, times in taken.items()}


def summary(times: Array) -> dict[str, float]:
    """Of (n, 2) ms, cold and warm."""
    kinds = ("cold", "warm")
    medians = {f"{kind}_median_ms": np.median(times[:, i]) for i, kind in enumerate(kinds)}
    least = {f"{kind}_min_ms": times[:, i].min() for i, kind in enumerate(kinds)}
    rounded = {name: round(float(ms), 3) for name, ms in (medians | least).items()}
    return rounded | {"p95_ms": round(float(np.percentile(times, 95)), 3), "repeats": len(times)}


def figures(results: dict[str, dict[str, dict[str, float]]]) -> list[Figure]:
    """What the results say about the figures to reach."""

    def median(group: str, prefix: str, kind: str = "warm") -> float:
        return min(r[f"{kind}_median_ms"] for name, r in results[group].items() if name.startswith(prefix))

    ours, torch_one = median("splat", "stillwave"), median("motion", "torch 2 x 64")
    one, eight = median("motion", "stillwave, 1"), median("motion", "stillwave, 8") / 8
    cold_one = median("motion", "torch 2 x 64", "cold") / median("motion", "stillwave, 1", "cold")
    return [
        Figure("splat: times faster than the best of torch", median("splat", "torch") / ours, 25),
        Figure("splat: times a non-temporal copy", ours / median("splat", "non-temporal"), 3, False),
        Figure("float16 pyramid, ms", median("pyramid", "stillwave, float16"), 5, False),
        Figure("motion, 1 frame: times faster than torch", torch_one / one, 4.5),
        Figure("motion, 8 a pass: times faster a frame", torch_one / eight, 15),
        Figure("motion, 1 frame: the same, cold", cold_one),
        Figure("motion, 1 frame: than torch without S_0", median("motion", "torch 2 x 60") / one),
        Figure("motion, 1 frame: than torch on sorted planes", median("motion", "torch vector") / one),
        Figure("motion, 8: than torch, sorted planes, 8", median("motion", "torch matrix") / 8 / eight),
    ]


def show(results: dict[str, dict[str, dict[str, float]]], reached: list[Figure]) -> None:
    columns = ("cold_median_ms", "warm_median_ms", "warm_min_ms", "p95_ms")
    print(f"{'processor time, 1 thread, ms':<50}" + "".join(f"{c.removesuffix('_ms'):>13}" for c in columns))
    for group, contenders in results.items():
        for name, r in contenders.items():
            print(f"{group + ': ' + name:<50}" + "".join(f"{r[c]:>13.2f}" for c in columns))
    for figure in reached:
        bound = f"{'at least' if figure.is_at_least else 'at most'} {figure.target:g}" if figure.target else ""
        print(f"{figure.name:<48}{figure.value:>7.2f}  {bound}{'' if figure.is_met else '  MISSED'}")


def plot(path: Path, results: dict[str, dict[str, dict[str, float]]]) -> None:
    """Bars of the warm medians, each group on an axis of its own."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("no plot; pip install matplotlib")
        return
    heights = [len(contenders) + 2 for contenders in results.values()]
    figure, axes = plt.subplots(
        len(results), figsize=(8, 0.3 * sum(heights)), height_ratios=heights, layout="constrained"
    )
    for ax, (group, contenders) in zip(axes, results.items(), strict=True):
        medians = [r["warm_median_ms"] for r in contenders.values()]
        drawn = ax.barh(list(contenders), medians, color="#4878a8")
        ax.bar_label(drawn, fmt="%.3g", padding=3)
        ax.margins(x=0.12)
        ax.invert_yaxis()
        ax.set_title(f"{group}, ms of processor time", loc="left", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    print(f"written: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the results here")
    parser.add_argument("--save", action="store_true", help="write both to results/, named after the processor")
    options = parser.parse_args()
    torch.set_num_threads(1)
    copy = stream_copy()
    groups = {
        "splat": splat_contenders(copy),
        "pyramid": pyramid_contenders(copy),
        "motion": motion_contenders(),
        "frame": frame_contenders(),
    }
    results = {group: timed(contenders, options.repeats) for group, contenders in groups.items()}
    reached = figures(results)
    show(results, reached)
    path = options.json or (result_path("kernels") if options.save else None)
    if path:
        stated = {f.name: {"value": round(f.value, 2), "target": f.target, "is_met": f.is_met} for f in reached}
        write_result(path, {"machine": machine(), "results": results, "figures": stated})
    if options.plot or options.save:
        plot(options.plot or result_path("kernels").with_suffix(".png"), results)


if __name__ == "__main__":
    main()
