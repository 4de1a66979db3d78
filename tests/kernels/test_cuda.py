"""The CUDA kernels, run on the emulated device. None has run on a GPU here."""

from types import SimpleNamespace

import numpy as np
import pytest
from emulator.device import array_at

from stillwave import kernels
from stillwave.kernels import cuda, reference
from stillwave.runtime import spectrum
from stillwave.runtime.device.volume import VolumePath
from stillwave.runtime.motion import COVER, DOUBT
from stillwave.runtime.splat import behind


class Bench:
    """Arrays on the emulated device, each in a block of its own, whose edges are guarded."""

    def __init__(self, device):
        self.device, self.stream, self.kernels = device, device.stream(), device.kernels(b"")
        self._blocks = []

    def array(self, values, dtype=None):
        """An array on the device, a copy of `values` or, of a shape, not yet written."""
        values = np.full(values, 99, dtype) if isinstance(values, tuple) else np.asarray(values, dtype)
        block = self.device.block(max(values.nbytes, 1))
        self._blocks.append(block)
        out = array_at(block.address, values.shape, values.dtype)
        out[...] = values
        return out

    def run(self, *launches):
        for launch in launches:
            self.kernels.launch(launch, self.stream)

    def close(self):
        for block in self._blocks:
            block.close()


@pytest.fixture
def bench(emulated):
    opened = Bench(emulated)
    yield opened
    opened.close()


def at(array):
    return array.ctypes.data


def blocked_on(bench, spectrum, basis):
    """The blocked volume as packed by the device, and the argument that multiplies it by the basis."""
    K, _, h, w = spectrum.shape
    blocks = -(-h * w // 16)
    planes = bench.array(spectrum)
    rows, units = bench.array((blocks, K - 1, 3, 32), np.int8), bench.array((blocks,), np.float32)
    packing = cuda.Packing(at(planes), at(rows), at(units), h * w, K - 1, 2.0 ** reference.term_bits(K))
    bench.run(cuda.block(packing))
    terms, scales = (bench.array(a) for a in reference.terms(basis, K))
    return cuda.Blocks(at(rows), at(units), at(terms), at(scales), 0, h * w, K - 1, len(basis)), (rows, units)


@pytest.mark.parametrize("shape", [(5, 7), (16, 24), (9, 9)])
@pytest.mark.parametrize("frames", [1, 4, 7])
def test_motion_equals_the_host(bench, shape, frames):
    rng = np.random.default_rng(0)
    spectrum = rng.standard_normal((6, 4, *shape)).astype(np.float32)
    basis = 40 * rng.standard_normal((frames, 12)).astype(np.float32)
    basis[:, :2] = 0
    host = kernels.BlockedSpectrum(spectrum)
    argument, (rows, units) = blocked_on(bench, spectrum, basis)
    np.testing.assert_array_equal(rows, host.rows)
    np.testing.assert_array_equal(units, host.units)
    out = bench.array((frames, *shape, 2), np.float32)
    argument.out = at(out)
    bench.run(cuda.motion(argument))
    np.testing.assert_array_equal(out, host.combine(basis))


def test_weight_importance_and_activity_equal_the_host(bench):
    from stillwave.runtime.motion import REACH, WEIGHT_EXPONENT, activity_from_weight, importance_from_weight
    from stillwave.runtime.spectrum import REFERENCE_SIDE

    spectrum = np.random.default_rng(1).standard_normal((4, 4, 13, 21)).astype(np.float32)
    host = kernels.BlockedSpectrum(spectrum).weight(10)
    basis = reference.coefficients(np.arange(10), 10, 4, anchor=True)
    argument, _ = blocked_on(bench, spectrum, basis)
    weight, importance, activity = (bench.array((13, 21), np.float32) for _ in range(3))
    largest = bench.array(np.zeros(1, np.uint32))
    argument.out = at(weight)
    scale = REFERENCE_SIDE / 21
    weights = cuda.Weights(*map(at, (weight, largest, importance, activity)), 13, 21, REACH, WEIGHT_EXPONENT, scale)
    bench.run(cuda.weight(argument), cuda.largest(cuda.Largest(at(weight), at(largest), 13 * 21)))
    bench.run(cuda.importance(weights))
    np.testing.assert_array_equal(weight, host)
    np.testing.assert_array_equal(importance, importance_from_weight(host))
    np.testing.assert_array_equal(activity, activity_from_weight(host))


@pytest.mark.parametrize("size", [(40, 60), (7, 9), (3, 30)])
def test_resize_equals_the_host(bench, size):
    field = np.random.default_rng(2).standard_normal((11, 17)).astype(np.float32)
    source, out = bench.array(field), bench.array(size, np.float32)
    bench.run(cuda.resize(cuda.Map(at(source), at(out), 11, 17, *size, 0.0)))
    want = kernels.resize_map(field, np.empty(size, np.float32))
    np.testing.assert_array_equal(out, np.maximum(want, 0))


def splat_on(bench, levels, grids, choice, is_half):
    """Splats all levels; returns what each became, and the buffers of the index."""
    rng = np.random.default_rng(3)
    splat = cuda.Splat(levels)
    features = [bench.array(rng.standard_normal(level), np.float16) for level in levels]
    importance = [bench.array(3 * rng.random(level[:2]), np.float32) for level in levels]
    motion = [bench.array((*level[:2], 2), np.float32) for level in levels]
    out = [bench.array(level, np.float16 if is_half else np.float32) for level in levels]
    activity_map, activity = bench.array(rng.random(levels[0][:2]), np.float32), bench.array(levels[0][:2], np.float32)
    index = {name: bench.array((nbytes,), np.uint8) for name, nbytes in splat.buffers().items()}
    chosen, stored = bench.array(np.frombuffer(choice, np.uint8)), bench.array(grids)
    pyramid = splat.pyramid(
        [tuple(map(at, level)) for level in zip(features, importance, motion, out, strict=True)],
        COVER,
        **{name: at(array) for name, array in index.items()},
        **{"choice": at(chosen), "grids": at(stored), "activity_map": at(activity_map), "activity": at(activity)},
        **{"grid_height": grids.shape[1], "grid_width": grids.shape[2], "is_out_half": is_half},
    )
    bench.stream.clear(at(index["starts"]), index["starts"].nbytes)
    bench.run(*splat.launches(pyramid))
    np.testing.assert_array_equal(activity, activity_map * np.float32(choice.liveliness))
    return features, importance, motion, out, index


@pytest.mark.parametrize("is_half", [False, True])
@pytest.mark.parametrize("amplitude", [0.0, 3.0, 80.0, 1e30])
def test_splat_of_a_pyramid_equals_the_host(bench, is_half, amplitude):
    levels = ((36, 52, 16), (18, 26, 32), (9, 13, 64))
    grids = (amplitude * np.random.default_rng(4).standard_normal((3, 20, 28, 2))).astype(np.float32)
    found = splat_on(bench, levels, grids, cuda.FrameChoice(None, 2, 0.5), is_half)
    covers = (COVER, np.inf, np.inf)
    for features, importance, motion, out, cover in zip(*found[:4], covers, strict=True):
        want = kernels.resize_motion(grids[2], np.empty(motion.shape, np.float32))
        np.testing.assert_array_equal(motion, want)
        want = kernels.splat(features, want, importance, np.empty(out.shape, out.dtype), cover=cover)
        np.testing.assert_array_equal(out, want)


def test_all_sources_in_one_cell(bench):
    """A hostile motion: the sort of one cell holds the whole picture."""
    grids = np.zeros((1, 40, 56, 2), np.float32)
    y, x = np.mgrid[:40, :56]
    grids[0, :, :, 0], grids[0, :, :, 1] = 20.25 - x, 11.5 - y
    choice = cuda.FrameChoice(None, 0, 1.0)
    features, importance, _, (out,), index = splat_on(bench, ((40, 56, 8),), grids, choice, False)
    assert (index["order"].view(np.int32) == np.arange(40 * 56)).all()
    arrays = features[0], np.ascontiguousarray(grids[0]), importance[0], np.empty(out.shape, np.float32)
    want = kernels.splat(*arrays, cover=COVER)
    np.testing.assert_array_equal(out, want)
    assert np.count_nonzero(out.any(-1)) == 4


def test_index_of_many_tiles(bench):
    """More cells than a few blocks scan: the sums of earlier tiles add up."""
    levels = ((200, 260, 8), (100, 130, 8))
    grids = np.random.default_rng(5).standard_normal((1, 50, 65, 2)).astype(np.float32)
    assert -(-cuda.Splat(levels).num_cells // cuda.SCAN_TILE) > 10
    features, importance, motion, out, _ = splat_on(bench, levels, grids, cuda.FrameChoice(None, 0, 1.0), False)
    for i in range(2):
        want = kernels.splat(
            features[i], motion[i], importance[i], np.empty(out[i].shape, np.float32), cover=np.inf if i else COVER
        )
        np.testing.assert_array_equal(out[i], want)


@pytest.mark.parametrize("count", [8, 37])
@pytest.mark.parametrize("is_guided", [False, True])
def test_sampling_step_equals_the_host(bench, count, is_guided):
    rng = np.random.default_rng(6)
    velocity, unconditional, latents, last = rng.standard_normal((4, count)).astype(np.float32)
    step = {"cosine": 0.3, "sine": 0.9, "reach": 0.4, "keep": 0.8, "pull": 0.25}
    v, u, x, x_0 = (bench.array(a) for a in (velocity, unconditional, latents, last))
    timestep = bench.array(np.zeros(1, np.float32))
    addresses = at(v), at(u) if is_guided else None, at(x), at(x_0), at(timestep)
    bench.run(cuda.ddim(cuda.Sampling(*addresses, count, cuda.Step(*step.values(), 1.75), 420.0)))
    guide = unconditional if is_guided else None
    kernels.ddim_step(velocity, latents, last, **step, unconditional=guide, guidance=1.75)
    np.testing.assert_array_equal(x, latents)
    np.testing.assert_array_equal(x_0, last)
    assert timestep == 420


@pytest.mark.parametrize("size", [(14, 20), (12, 18), (10, 22)])
def test_pictures_equal_the_host(bench, size):
    rng = np.random.default_rng(7)
    photo = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    padded = -(-size[0] // 4) * 4, -(-size[1] // 4) * 4
    bytes_in, planes = bench.array(photo), bench.array((3, *padded), np.float32)
    picture = cuda.Picture(at(planes), at(bytes_in), None, *padded, *size)
    bench.run(cuda.planes(picture))
    pad = [(0, p - s) for p, s in zip(padded, size, strict=True)]
    want = np.pad(photo, (*pad, (0, 0)), mode="edge").transpose(2, 0, 1) * np.float32(1 / 255)
    np.testing.assert_array_equal(planes, want)
    planes[...] = rng.normal(0.5, 0.5, planes.shape)
    visible = np.ascontiguousarray(planes[:, : size[0], : size[1]])
    rgb, nv12 = bench.array((*size, 3), np.uint8), bench.array((size[0] * 3 // 2, size[1]), np.uint8)
    picture.picture = at(rgb)
    bench.run(cuda.rgb(picture))
    np.testing.assert_array_equal(rgb, kernels.frame_from_planes(visible))
    picture.picture = at(nv12)
    bench.run(cuda.nv12(picture))
    np.testing.assert_array_equal(nv12, kernels.nv12_from_planes(visible))


def test_halving_rounds_to_even(bench):
    values = np.array([1 + 2**-11, 1 + 3 * 2**-11, 1e-8, -65520.0, 0, 0, -0.0, 3e-7], np.float32)
    source, out = bench.array(values), bench.array((8,), np.float16)
    bench.run(cuda.halve(cuda.Halving(at(source), at(out), 8)))
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(out, values.astype(np.float16))


def volume_path(num_frequencies=5, grid=(64, 96), grid_out=(57, 87), stride=8):
    """What follows the networks, for a grid of any size; grids are (width, height)."""
    scales = np.linspace(2, 0.3, num_frequencies).tolist()
    manifest = SimpleNamespace(num_frequencies=num_frequencies, num_frames=30, latent_stride=stride, scales=scales)
    return VolumePath(manifest, grid, grid_out)


@pytest.mark.parametrize("stride", [4, 8])
def test_volume_of_coefficients_equals_the_host(bench, stride):
    """Every step of spectrum.py between the decoder and the motion's grid, bit for bit."""
    path, rng = volume_path(stride=stride), np.random.default_rng(8)
    coefficients = rng.standard_normal((4, 4, 96, 64)).astype(np.float32)
    amplitude = rng.random((4, 96 // stride, 64 // stride)).astype(np.float32)
    tables = bench.array((path.tables.nbytes,), np.uint8)
    path.tables.put(at(tables), bench.stream)
    sizes = path.smoothing_bytes() | path.beginning_bytes() | {"sampled": path.sampled_bytes()}
    places = {name: at(bench.array((nbytes,), np.uint8)) for name, nbytes in sizes.items()}
    places |= {"coefficients": at(bench.array(coefficients)), "amplitude": at(bench.array(amplitude))}
    bench.run(*path.smoothing(places))
    want = spectrum.volume_from_coefficients(coefficients, np.linspace(2, 0.3, 5).astype(np.float32))
    want = spectrum.calibrate(spectrum.cohere(want), amplitude)
    np.testing.assert_array_equal(array_at(places["sampled"], want.shape)[1:], want[1:])
    got = path.make(places, bench.kernels, bench.stream)
    spectrum.advance(want, spectrum.starting_frame(want, 30) / 30)
    np.testing.assert_array_equal(array_at(places["sampled"], want.shape), want)
    np.testing.assert_array_equal(got.read(), spectrum.resize_volume(want, 87, 57))


def test_pace_is_that_of_the_definition(bench):
    """Sums over places are in another order than numpy's."""
    rng, T, step = np.random.default_rng(9), 30, 3
    S = spectrum.anchor(rng.standard_normal((5, 4, 50, 61)).astype(np.float32))
    turns = 2 * np.pi * np.arange(T) / T
    circle = bench.array(np.stack([np.cos(turns), np.sin(turns)], 1), np.float32)
    volume, pace, distance = bench.array(S), bench.array((T,), np.float32), bench.array((T,), np.float32)
    bench.run(cuda.pace(cuda.Paces(*map(at, (volume, circle, pace, distance)), 5, T, 50, 61, 1, step)))
    F = spectrum.motion_from_volume(S[:, :, 1::step, 1::step], T)
    want = (np.linalg.norm(moved, axis=1).mean((1, 2)) for moved in (F - np.roll(F, 1, 0), F - F.mean(0)))
    for got, expected in zip((pace, distance), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("mean", [0.0, 0.7])
@pytest.mark.parametrize("num_frequencies", [1, 4])
def test_a_measured_volume_starts_from_the_photo(bench, mean, num_frequencies):
    S = np.random.default_rng(10).standard_normal((num_frequencies, 4, 9, 14)).astype(np.float32)
    S[0] *= np.float32(mean)
    volume, largest = bench.array(S), bench.array(np.zeros(1, np.uint32))
    bench.run(
        cuda.largest(cuda.Largest(at(volume), at(largest), 4 * 9 * 14)),
        cuda.start(cuda.Turning(at(volume), None, at(largest), 9 * 14, num_frequencies)),
    )
    np.testing.assert_array_equal(volume[1:], spectrum.start_from_photo(S)[1:])


@pytest.mark.parametrize("scale", [2, 4])
def test_what_fills_holes_equals_the_host(bench, scale):
    rng = np.random.default_rng(6)
    planes, importance = (
        bench.array(rng.random((3, 16, 24)), np.float32),
        bench.array(4 * rng.random((16, 24)) - 1, np.float32),
    )
    out = bench.array(rng.random((16 // scale, 24 // scale, 8)), np.float16)
    want = out.copy()
    want[..., :4] = behind(planes, importance, scale)
    sizes = *out.shape, scale
    bench.run(cuda.behind(cuda.Behind(at(planes), at(importance), at(out), *sizes, DOUBT)))
    np.testing.assert_allclose(out, want, rtol=2**-10)
