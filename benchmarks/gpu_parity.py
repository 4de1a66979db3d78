"""Every CUDA kernel on fresh random inputs: against float64 references, and against the host's bits."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from gpu_bench import Array, Bench

from stillwave import kernels
from stillwave.kernels import cuda, reference
from stillwave.runtime import motion as specification
from stillwave.runtime import spectrum
from stillwave.runtime.device.volume import VolumePath
from stillwave.runtime.motion import COVER, DOUBT
from stillwave.runtime.spectrum import REFERENCE_SIDE
from stillwave.runtime.splat import PASSED, behind

Case = tuple[str, Array, Array, float, Array | None]  # name, got, float64, largest error allowed, the host's


def parity(bench: Bench, seed: int) -> dict[str, Any]:
    """Largest error of each kernel, whether it is allowed, and whether the bits are the host's."""
    rng, found = np.random.default_rng(seed), {}
    for cases in (_motion, _maps, _splat, _sampling, _pictures, _volume):
        for name, got, want, allowed, host in cases(bench, rng):
            error = float(np.abs(got.astype(np.float64) - want).max())
            is_same = None if host is None else bool(np.array_equal(got, host))
            found[name] = {"error": error, "allowed": allowed, "is_good": error <= allowed, "is_hosts_bits": is_same}
    bad = [name for name, case in found.items() if not case["is_good"]]
    if bad:
        raise AssertionError(f"wrong: {', '.join(f'{name} by {found[name]}' for name in bad)}")
    return {"seed": seed, "kernels": found}


def blocked(bench: Bench, spectrum: Array, basis: Array) -> cuda.Blocks:
    """A volume packed on the device, and the argument that multiplies it by the basis."""
    K, _, h, w = spectrum.shape
    blocks = -(-h * w // 16)
    rows, units, planes = bench.space(blocks * (K - 1) * 96), bench.space(4 * blocks), bench.put(spectrum)
    bench.run(cuda.block(cuda.Packing(planes, rows, units, h * w, K - 1, 2.0 ** reference.term_bits(K))))
    terms, scales = (bench.put(values) for values in reference.terms(basis, K))
    return cuda.Blocks(rows, units, terms, scales, 0, h * w, K - 1, len(basis))


def _motion(bench: Bench, rng: Any) -> Iterator[Case]:
    K, h, w, n = 16, 93, 131, 11
    spectrum = (rng.standard_normal((K, 4, h, w)) / (1 + np.arange(K)[:, None, None, None])).astype(np.float32)
    times = rng.uniform(0, 150, n)
    basis = reference.coefficients(times, 150, K, anchor=True)
    basis[:, :2] = 0
    host = kernels.BlockedSpectrum(spectrum)
    argument = blocked(bench, spectrum, basis)
    argument.out = out = bench.space(8 * n * h * w)
    bench.run(cuda.motion(argument))
    exact = reference.motion_at(spectrum, basis).transpose(0, 2, 3, 1).astype(np.float64)
    unit = float(np.abs(spectrum[1:]).max()) / 2047
    yield "motion", bench.get(out, (n, h, w, 2)), exact, 4 * K * unit, host.combine(basis)
    loop = reference.coefficients(np.arange(150), 150, K, anchor=True)
    argument = blocked(bench, spectrum, loop)
    argument.out = out = bench.space(4 * h * w)
    bench.run(cuda.weight(argument))
    exact = reference.mean_magnitude(host.rows, host.units, reference.terms(loop, K)[0])[: h * w].reshape(h, w)
    yield "weight", bench.get(out, (h, w)), exact, 1e-4, host.weight(150)


def _maps(bench: Bench, rng: Any) -> Iterator[Case]:
    h, w, H, W = 77, 120, 201, 323
    weight = rng.random((h, w)).astype(np.float32)
    source, largest = bench.put(weight), bench.put(np.zeros(1, np.uint32))
    importance, activity, big = (bench.space(4 * count) for count in (h * w, h * w, H * W))
    bench.run(cuda.largest(cuda.Largest(source, largest, h * w)))
    numbers = specification.REACH, specification.WEIGHT_EXPONENT, REFERENCE_SIDE / w
    bench.run(cuda.importance(cuda.Weights(source, largest, importance, activity, h, w, *numbers)))
    bench.run(cuda.resize(cuda.Map(source, big, h, w, H, W, -1e30)))
    made_on_host = specification.importance_from_weight(weight), specification.activity_from_weight(weight)
    for name, address, made in zip(("importance", "activity"), (importance, activity), made_on_host, strict=True):
        yield name, bench.get(address, (h, w)), made.astype(np.float64), 1e-6 * float(made.max()), made
    exact = np.empty((H, W, 1), np.float64)
    reference.resize(weight[..., None], exact, (1.0,))
    host = kernels.resize_map(weight, np.empty((H, W), np.float32))
    yield "resize", bench.get(big, (H, W)), exact[..., 0], 1e-5, host


def splat_on(bench: Bench, levels: Any, grids: Array, rng: Any, is_half: bool) -> dict[str, Any]:
    """A pyramid splatted: its launches, and addresses and values of what went in."""
    splat = cuda.Splat(tuple(levels))
    features = [rng.standard_normal(level).astype(np.float16) for level in levels]
    importance = [(3 * rng.random(level[:2])).astype(np.float32) for level in levels]
    motion = [bench.space(8 * h * w) for h, w, _ in levels]
    out = [bench.space((2 if is_half else 4) * h * w * c) for h, w, c in levels]
    index = {name: bench.space(nbytes) for name, nbytes in splat.buffers().items()}
    H, W = levels[0][:2]
    where = list(zip(map(bench.put, features), map(bench.put, importance), motion, out, strict=True))
    choice = bench.put(np.frombuffer(bytes(cuda.FrameChoice(None, 0, 1.0)), np.uint8))
    maps = {"activity_map": bench.put(np.ones((H, W), np.float32)), "activity": bench.space(4 * H * W)}
    shape = {"grid_height": grids.shape[1], "grid_width": grids.shape[2], "is_out_half": is_half}
    pyramid = splat.pyramid(where, COVER, choice=choice, grids=bench.put(grids), **maps, **index, **shape)

    def run() -> None:
        bench.stream.clear(index["starts"], splat.buffers()["starts"])
        bench.run(*splat.launches(pyramid))

    run()
    values = {"features": features, "importance": importance, "motion": motion, "out": out}
    return values | {"run": run, "launches": splat.launches(pyramid), "splat": splat, "clear": index["starts"]}


def _splat(bench: Bench, rng: Any) -> Iterator[Case]:
    levels = ((120, 172, 16), (60, 86, 32), (30, 43, 64))
    for amplitude in (0.5, 4.0, 60.0):
        grids = (amplitude * rng.standard_normal((1, 41, 57, 2))).astype(np.float32)
        made = splat_on(bench, levels, grids, rng, is_half=False)
        for j, (h, w, c) in enumerate(levels):
            motion, exact = bench.get(made["motion"][j], (h, w, 2)), np.empty((h, w, 2), np.float64)
            reference.resize(grids[0], exact, (w / grids.shape[2], h / grids.shape[1]))
            host = kernels.resize_motion(grids[0], np.empty((h, w, 2), np.float32))
            yield f"motion of level {j} at {amplitude} px", motion, exact, 1e-5 * amplitude, host
            # from the device's motion: where sources land is not a continuous function of it
            inputs = made["features"][j], motion, made["importance"][j]
            cover = np.inf if j else COVER
            exact = reference.splat(*inputs, (0, h), np.float64, cover)
            host = kernels.splat(*inputs, np.empty((h, w, c), np.float32), cover=cover)
            yield f"splat of level {j} at {amplitude} px", bench.get(made["out"][j], (h, w, c)), exact, 2e-5, host


def _sampling(bench: Bench, rng: Any) -> Iterator[Case]:
    v, u, x, last = rng.standard_normal((4, 38407)).astype(np.float32)
    numbers = (0.3, 0.95, 0.4, 0.8, 0.25, 1.75)
    address = [bench.put(values) for values in (v, u, x, last)]
    timestep = bench.space(4)
    sampling = cuda.Sampling(*address, timestep, v.size, cuda.Step(*numbers), 7.0)
    bench.run(cuda.ddim(sampling))
    exact = [values.astype(np.float64) for values in (x, last)]
    reference.ddim_step(v.astype(np.float64), *exact, u.astype(np.float64), np.array(numbers))
    kernels.ddim_step(v, x, last, *numbers[:5], unconditional=u, guidance=1.75)
    yield "ddim", bench.get(address[2], v.shape), exact[0], 1e-5, x


def _pictures(bench: Bench, rng: Any) -> Iterator[Case]:
    """Photo and frames as bytes, NV12, float16, and what fills holes."""
    H, W, height, width = 100, 132, 98, 130
    photo = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    planes, source = bench.space(12 * H * W), bench.put(photo)
    bench.run(cuda.planes(cuda.Picture(planes, source, None, H, W, height, width)))
    padded = np.pad(photo, ((0, H - height), (0, W - width), (0, 0)), mode="edge").transpose(2, 0, 1)
    yield "planes", bench.get(planes, (3, H, W)), padded / 255.0, 1e-6, padded * np.float32(1 / 255)
    drawn = rng.normal(0.5, 0.5, (3, H, W)).astype(np.float32)
    visible = np.ascontiguousarray(drawn[:, :height, :width])
    planes, rgb, nv12 = bench.put(drawn), bench.space(3 * height * width), bench.space(height * width * 3 // 2)
    bench.run(cuda.rgb(cuda.Picture(planes, rgb, None, H, W, height, width)))
    bench.run(cuda.nv12(cuda.Picture(planes, nv12, None, H, W, height, width)))
    exact, luma = np.empty((height, width, 3), np.uint8), np.empty((height * 3 // 2, width), np.uint8)
    reference.frame_from_planes(visible, exact)
    reference.nv12_from_planes(visible, luma)
    yield "rgb", bench.get(rgb, exact.shape, np.uint8), exact, 0, kernels.frame_from_planes(visible)
    yield "nv12", bench.get(nv12, luma.shape, np.uint8), luma, 1, kernels.nv12_from_planes(visible)
    importance, scale, kept = (4 * rng.random((H, W)) - 1).astype(np.float32), 2, 8
    features = rng.random((H // scale, W // scale, kept)).astype(np.float16)
    pyramid = bench.put(features)
    sizes = *features.shape, scale, DOUBT
    bench.run(cuda.behind(cuda.Behind(bench.put(drawn), bench.put(importance), pyramid, *sizes)))
    features[..., :PASSED] = behind(drawn, importance, scale)
    yield "behind", bench.get(pyramid, features.shape, np.float16), features.astype(np.float64), 2e-3, features
    values = rng.standard_normal(4096).astype(np.float32)
    halves = bench.space(2 * values.size)
    bench.run(cuda.halve(cuda.Halving(bench.put(values), halves, values.size)))
    yield "halve", bench.get(halves, values.shape, np.float16), values, 2e-3, values.astype(np.float16)


def volume_on(
    bench: Bench, coefficients: Array, amplitude: Array, num_frames: int, scales: Array, grid_out: Any
) -> Any:
    """The path from coefficients to a volume on another grid (width, height), and the addresses of its buffers."""
    _, _, H, W = coefficients.shape
    stride = H // amplitude.shape[1]
    numbers = {"num_frequencies": len(scales), "num_frames": num_frames, "latent_stride": stride, "scales": scales}
    path = VolumePath(SimpleNamespace(**numbers), (W, H), grid_out)
    sizes = path.smoothing_bytes() | path.beginning_bytes() | {"sampled": path.sampled_bytes()}
    at = {name: bench.space(nbytes) for name, nbytes in sizes.items()}
    path.tables.put(bench.space(path.tables.nbytes), bench.stream)
    return path, at | {"coefficients": bench.put(coefficients), "amplitude": bench.put(amplitude)}


def _volume(bench: Bench, rng: Any) -> Iterator[Case]:
    """The host's own functions are the reference: of a dozen steps, each of which rounds."""
    K, T, H, W, h, w = 6, 50, 96, 128, 85, 110
    coefficients = rng.standard_normal((K - 1, 4, H, W)).astype(np.float32)
    amplitude, scales = rng.random((K - 1, H // 8, W // 8)).astype(np.float32), np.linspace(2, 0.3, K, dtype=np.float32)
    path, at = volume_on(bench, coefficients, amplitude, T, scales, (w, h))
    made = path.make(at, bench.kernels, bench.stream)
    want = spectrum.cohere(spectrum.volume_from_coefficients(coefficients, scales))
    want = spectrum.calibrate(want, amplitude)
    F = spectrum.motion_from_volume(spectrum.sparse_cells(want), T)
    pace, paces = bench.get(at["paces"], (2, T)), np.stack(spectrum.paces(F, F - np.roll(F, 1, 0)))
    yield "pace", pace, paces.astype(np.float64), 1e-5 * float(paces.max()), None
    # begun where the device found it calmest: of two frames alike to the last bits it may take the other
    want = spectrum.resize_volume(spectrum.advance(want, spectrum.calmest(*pace) / T), h, w)
    yield "volume", made.read(), want.astype(np.float64), 1e-5 * float(np.abs(want).max()), want
    measured = want + rng.random((1, 4, h, w)).astype(np.float32)
    source, largest = bench.put(measured), bench.put(np.zeros(1, np.uint32))
    bench.run(cuda.largest(cuda.Largest(source, largest, 4 * h * w)))
    bench.run(cuda.start(cuda.Turning(source, None, largest, h * w, K)))
    started = spectrum.start_from_photo(measured.copy())
    yield "start", bench.get(source, started.shape), started.astype(np.float64), 1e-5 * float(started.max()), started
