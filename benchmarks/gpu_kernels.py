"""Times of the CUDA kernels, L2 flushed, beside a copy of as many bytes, torch, and a splat by atomics."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
from gpu_bench import FLUSH_BYTES, Bench, summary
from gpu_parity import blocked, splat_on, volume_on
from traffic import frame_bytes, motion_bytes, splat_bytes, volume_bytes

from stillwave import kernels
from stillwave.kernels import cuda, reference

GRID, K = (144, 256), 16

CHANNELS = (16, 32, 64)
ATOMICS = Path(__file__).with_name("lab") / "atomics.cu"


def levels_of(height: int, width: int) -> tuple[tuple[int, int, int], ...]:
    return tuple((height >> j, width >> j, c) for j, c in enumerate(CHANNELS))


def smooth_motion(rng: Any, amplitude_px: float = 3.0) -> Any:
    """A few waves over the grid, as what moves in photos: sources land nearly in order."""
    y, x = np.mgrid[: GRID[0], : GRID[1]] / GRID[1]
    waves = [np.sin(x * a + y * b + c) for a, b, c in rng.uniform(-9, 9, (2, 3))]
    return (amplitude_px * np.stack(waves, -1)[None]).astype(np.float32)


def kernel_times(bench: Bench, sizes: Any) -> dict[str, Any]:
    """Of motion and what makes its volume; of the splat whole and by kernel, and of the frame's bytes, by size."""
    copy = bench.copy_gb_s()
    result: dict[str, Any] = {"copy_gb_s": round(copy, 1), "motion": _motion(bench, copy)}
    result["volume"] = _volume(bench, copy)
    for height, width in sizes:
        result[f"{width}x{height}"] = _at_size(bench, height, width, copy)
    return result


def _of_copy(times: dict[str, float], nbytes: int, copy_gb_s: float) -> dict[str, float]:
    gb_s = nbytes / (times["median_us"] * 1e3)
    share = {"gb_s": round(gb_s, 1), "percent_of_copy": round(100 * gb_s / copy_gb_s, 1)}
    return times | {"mbytes": round(nbytes / 1e6, 2)} | share


def _motion(bench: Bench, copy: float) -> dict[str, Any]:
    rng, found = np.random.default_rng(0), {}
    spectrum = rng.standard_normal((K, 4, *GRID)).astype(np.float32)
    for frames in (1, 8):
        basis = reference.coefficients(np.arange(1.0, frames + 1), 150, K, anchor=True)
        argument = blocked(bench, spectrum, basis)
        argument.out = bench.space(8 * frames * GRID[0] * GRID[1])
        times = bench.graph_us(lambda argument=argument: bench.run(cuda.motion(argument)))
        found[f"{frames} frames"] = _of_copy(times, motion_bytes(GRID, K, frames), copy)
    return found


def _volume(bench: Bench, copy: float) -> dict[str, Any]:
    """Each launch between the networks and the motion's grid, on what the one before it left."""
    rng = np.random.default_rng(5)
    H, W = (160, 288) if not bench.is_emulated else (96, 96)
    coefficients = rng.standard_normal((K - 1, 4, H, W)).astype(np.float32)
    amplitude = rng.random((K - 1, H // 8, W // 8)).astype(np.float32)
    path, at = volume_on(bench, coefficients, amplitude, 150, np.ones(K, np.float32), GRID[::-1])
    path.make(at, bench.kernels, bench.stream)
    launches = [*path.smoothing(at), path.pacing(at), *path.beginning(at)]
    nbytes = list(volume_bytes(K, (H, W), GRID).items())[: len(launches)]
    return {
        name: _of_copy(bench.graph_us(lambda launch=launch: bench.run(launch), 15), n, copy)
        for launch, (name, n) in zip(launches, nbytes, strict=True)
    }


def _at_size(bench: Bench, height: int, width: int, copy: float) -> dict[str, Any]:
    rng, levels, found = np.random.default_rng(1), levels_of(height, width), {}
    made = splat_on(bench, levels, smooth_motion(rng), rng, is_half=False)
    nbytes = splat_bytes(levels, GRID, 4)
    found["splat"] = _of_copy(bench.graph_us(made["run"]), sum(nbytes.values()), copy)
    for launch in made["launches"]:
        # each on what the one before it left: filling moves the starts, so it is timed after a whole splat only
        if launch.kernel in ("splat_fill", "splat_scan"):
            continue
        times = bench.graph_us(lambda launch=launch: bench.run(launch), 15)
        if launch.kernel == "splat_move":
            made["run"]()
        found[launch.kernel] = _of_copy(times, nbytes[launch.kernel], copy)
    planes, picture = bench.space(12 * height * width), bench.space(3 * height * width)
    convert = cuda.rgb(cuda.Picture(planes, picture, None, height, width, height, width))
    nbytes_of_frame = frame_bytes(height, width, height * width)
    found["rgb"] = _of_copy(bench.graph_us(lambda: bench.run(convert)), nbytes_of_frame, copy)
    return found


def motion_and_splat(bench: Bench, height: int = 288, width: int = 512) -> dict[str, float]:
    """The issue's figure: motion of one frame and the pyramid's splat as one graph, warm as in use."""
    rng = np.random.default_rng(2)
    made = splat_on(bench, levels_of(height, width), smooth_motion(rng), rng, is_half=False)
    basis = reference.coefficients(np.array([7.0]), 150, K, anchor=True)
    argument = blocked(bench, rng.standard_normal((K, 4, *GRID)).astype(np.float32), basis)
    argument.out = bench.space(8 * GRID[0] * GRID[1])

    def both() -> None:
        bench.run(cuda.motion(argument))
        made["run"]()

    return bench.graph_us(both, 200, is_cold=False)


def against_torch(
    bench: Bench, is_graph: bool = False, height: int = 288, width: int = 512, channels: int = 64
) -> dict[str, Any]:
    """One level of 64 channels: torch's formulations in float32, node by node or each as a graph of its own, and the
    lighter backward warp for scale. Ours reads float16, writes float32, and brings the motion to the level's size.
    """
    import torch
    from torch_kernels import torch_splat

    rng = np.random.default_rng(3)
    grids = smooth_motion(rng)
    motion = torch.from_numpy(kernels.resize_motion(grids[0], np.empty((height, width, 2), np.float32))).cuda()
    weight, features = torch.rand(height, width).cuda(), torch.randn(height * width, channels).cuda()
    made = splat_on(bench, ((height, width, channels),), grids, rng, is_half=False)
    columns = features.T.contiguous()
    torch.set_default_device("cuda")
    try:
        calls = {
            "index_add_ rows": lambda: torch_splat("index_add_ rows", features, motion, weight),
            "scatter_add_ columns": lambda: torch_splat("scatter_add_ columns", columns, motion, weight),
        }
        picture = columns.reshape(1, channels, height, width)
        place = torch.rand(1, height, width, 2) * 2 - 1
        sample = functools.partial(torch.nn.functional.grid_sample, picture, place, align_corners=False)
        calls["grid_sample, a lighter operation"] = sample
        if is_graph:
            calls = {name: _torch_graph(torch, call).replay for name, call in calls.items()}
        found: dict[str, Any] = {name: _torch_us(torch, call) for name, call in calls.items()}
    finally:
        torch.set_default_device("cpu")
    found["stillwave"] = bench.graph_us(made["run"], 50, is_cold=True)
    least = min(found[name]["median_us"] for name in found if "add" in name)
    return found | {"times_faster_than_torch": round(least / found["stillwave"]["median_us"], 2)}


def _torch_graph(torch: Any, call: Any) -> Any:
    """What was run before on the stream that it is captured in."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        call(), call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=side):
        call()
    return graph


def _torch_us(torch: Any, call: Any, repeats: int = 30) -> dict[str, float]:
    first, second = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    flush, taken = torch.empty(FLUSH_BYTES, dtype=torch.uint8, device="cuda"), []
    for _ in range(repeats + 3):
        flush.zero_()
        first.record()
        call()
        second.record()
        second.synchronize()
        taken.append(1e3 * first.elapsed_time(second))
    return summary(taken[3:])


def against_atomics(bench: Bench, height: int = 288, width: int = 512, channels: int = 64) -> dict[str, Any]:
    """The plain splat of lab/atomics.cu by cupy, whose compiler it needs."""
    import cupy

    module = cupy.RawModule(code=ATOMICS.read_text(), options=("--std=c++17",))
    scatter, divide = module.get_function("scatter"), module.get_function("divide")
    rng, pixels = np.random.default_rng(4), height * width
    features, weight = (cupy.random.rand(*shape, dtype=cupy.float32) for shape in ((pixels, channels), (pixels,)))
    grids, sizes = smooth_motion(rng), tuple(map(np.int32, (height, width, channels)))
    motion = cupy.asarray(kernels.resize_motion(grids[0], np.empty((height, width, 2), np.float32)))
    sums, totals = cupy.empty((pixels, channels), cupy.float32), cupy.empty(pixels, cupy.float32)
    flush = cupy.empty(FLUSH_BYTES, cupy.uint8)
    blocks, first, second, taken = (-(-pixels * channels // 256),), cupy.cuda.Event(), cupy.cuda.Event(), []
    for _ in range(33):
        flush.fill(0)
        first.record()
        sums.fill(0), totals.fill(0)
        scatter(blocks, (256,), (features, motion, weight, sums, totals, *sizes))
        divide(blocks, (256,), (sums, totals, np.int64(pixels * channels), sizes[2]))
        second.record()
        second.synchronize()
        taken.append(1e3 * cupy.cuda.get_elapsed_time(first, second))
    made = splat_on(bench, ((height, width, channels),), grids, rng, is_half=False)
    ours, theirs = bench.graph_us(made["run"], 30), summary(taken[3:])
    return {"atomics": theirs, "stillwave": ours, "times_faster": round(theirs["median_us"] / ours["median_us"], 2)}
