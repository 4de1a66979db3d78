import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwave.kernels import reference, splat, splat_workspace_bytes

examples = settings(max_examples=25, deadline=None)

# float32 sums of a handful of terms; features are of order 1.
ATOL_F32 = 4e-6
# One rounding step of float16 below 4.
ATOL_F16 = 2.0**-9

sizes = st.tuples(st.integers(1, 40), st.integers(1, 70), st.integers(1, 37))
dtypes = st.sampled_from([np.float32, np.float16])


def scene(seed, height, width, channels, dtype=np.float32, speed=3.0, spread=5.0):
    """Random features, motion and weight. Many pixels share a cell, and many cells are empty."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((height, width, channels)).astype(dtype)
    motion = (speed * rng.standard_normal((height, width, 2))).astype(np.float32)
    weight = (spread * rng.standard_normal((height, width))).astype(np.float32)
    return features, motion, weight


@examples
@given(sizes, dtypes, dtypes, st.floats(0, 50), st.floats(0, 1e4), st.integers(0, 99))
def test_agrees_with_the_reference(isa, size, dtype, out_dtype, speed, spread, seed):
    features, motion, weight = scene(seed, *size, dtype, speed, spread)
    got = splat(features, motion, weight, np.empty(size, out_dtype))
    want = reference.splat(features, motion, weight, (0, size[0]), np.float32)
    atol = ATOL_F32 if out_dtype == np.float32 else ATOL_F16
    np.testing.assert_allclose(got.astype(np.float32), want, rtol=0, atol=atol)


@examples
@given(sizes, st.floats(0, 9), st.sampled_from([5.0, 1e4]), st.floats(0.5, 3), st.integers(0, 99))
def test_cover_fades_what_is_landed_on_little(isa, size, speed, spread, cover, seed):
    features, motion, weight = scene(seed, *size, np.float32, speed, spread)
    got = splat(features, motion, weight, cover=cover)
    want = reference.splat(features, motion, weight, (0, size[0]), np.float32, cover)
    np.testing.assert_allclose(got, want, rtol=0, atol=ATOL_F32)


def test_importance_does_not_count_as_area(isa):
    features, weight = np.array([[[1.0], [0.0]]], np.float32), np.array([[9.0, 0.0]], np.float32)
    motion = np.array([[[0.75, 0], [9, 0]]], np.float32)  # the second leaves the picture
    np.testing.assert_allclose(splat(features, motion, weight, cover=1)[0, :, 0], [0.25, 0.75])
    np.testing.assert_allclose(splat(features, motion, weight, cover=2)[0, :, 0], [0.5, 1])
    np.testing.assert_array_equal(splat(features, motion, weight)[0, :, 0], [1, 1])


@examples
@given(sizes, dtypes, st.floats(-1e4, 1e4), st.integers(0, 99))
def test_zero_motion_is_the_identity(isa, size, dtype, spread, seed):
    features, motion, weight = scene(seed, *size, dtype, speed=0, spread=spread)
    np.testing.assert_array_equal(splat(features, motion, weight), features)
    np.testing.assert_array_equal(splat(features, motion, weight, cover=1), features)


@examples
@given(sizes, dtypes, st.integers(-9, 9), st.integers(-9, 9))
def test_whole_pixels_move_exactly(isa, size, dtype, dx, dy):
    height, width, _ = size
    features, motion, weight = scene(0, *size, dtype, speed=0)
    motion[...] = dx, dy
    want = np.zeros_like(features)
    inside = features[max(0, -dy) : max(0, height - dy), max(0, -dx) : max(0, width - dx)]
    want[max(0, dy) : max(0, dy) + inside.shape[0], max(0, dx) : max(0, dx) + inside.shape[1]] = inside
    np.testing.assert_array_equal(splat(features, motion, weight), want)


@pytest.mark.parametrize("axis", [0, 1])
def test_half_a_pixel_averages_neighbours(isa, axis):
    features, motion, weight = scene(1, 12, 20, 16, speed=0, spread=0)
    motion[..., 1 - axis] = 0.5
    got = splat(features, motion, weight)
    first, second = np.delete(features, -1, axis), np.delete(features, 0, axis)
    inner = np.delete(got, 0, axis)
    np.testing.assert_allclose(inner, (first + second) / 2, rtol=0, atol=1e-6)
    # At the edge one source lands alone: normalised, not faded.
    np.testing.assert_array_equal(got.take(0, axis), features.take(0, axis))


@pytest.mark.parametrize("offset", [0.0, 50.0, 70.0, 1e4, -1e4])
def test_only_differences_of_weights_matter(isa, offset):
    features = np.array([[[1.0], [3.0], [0.0]]], np.float32)
    motion = np.array([[[1, 0], [0, 0], [0, 0]]], np.float32)
    weight = np.array([[0.0, 1.0, 0.0]], np.float32) + np.float32(offset)
    want = (1 * 1 + 3 * np.e) / (1 + np.e)
    np.testing.assert_allclose(splat(features, motion, weight)[0, 1, 0], want, rtol=1e-5)


def test_extreme_weights_decide_and_never_vanish(isa):
    features = np.array([[[1.0], [2.0], [3.0], [4.0]]], np.float32)
    motion = np.array([[[1, 0], [0, 0], [0, 0], [0, 0]]], np.float32)
    weight = np.array([[1e4, -1e4, -1e4, 1e4]], np.float32)
    np.testing.assert_array_equal(splat(features, motion, weight)[0, :, 0], [0, 1, 3, 4])
    weight = np.array([[-1e4, 1e4, 3e38, -3e38]], np.float32)
    np.testing.assert_array_equal(splat(features, motion, weight)[0, :, 0], [0, 2, 3, 4])


def test_all_sources_may_land_on_one_pixel(isa):
    height, width = 24, 40
    features, motion, weight = scene(2, height, width, 5, spread=0)
    y, x = np.mgrid[:height, :width]
    motion[...] = np.stack([7 - x, 5 - y], axis=-1)
    got = splat(features, motion, weight)
    np.testing.assert_allclose(got[5, 7], features.mean((0, 1)), rtol=0, atol=ATOL_F32)
    got[5, 7] = 0
    assert not got.any()


def test_motion_beyond_the_range_of_int_leaves_the_picture(isa):
    features, motion, weight = scene(3, 8, 9, 3, speed=0)
    motion[::2, :, 0], motion[1::2, :, 1] = 3e38, -3e38
    assert not splat(features, motion, weight).any()


@examples
@given(sizes, st.data())
def test_bands_are_parts_of_the_whole(isa, size, data):
    features, motion, weight = scene(4, *size)
    whole = splat(features, motion, weight)
    first = data.draw(st.integers(0, size[0]))
    last = data.draw(st.integers(first, size[0]))
    band = splat(features, motion, weight, rows=(first, last))
    np.testing.assert_array_equal(band, whole[first:last])


@pytest.mark.parametrize("channels", [3, 16, 64, 97])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("spread", [5.0, 1e3])
def test_same_bits_at_any_thread_count(isa, channels, dtype, spread):
    features, motion, weight = scene(5, 130, 90, channels, dtype, spread=spread)
    once = splat(features, motion, weight, threads=1)
    for threads in (1, 2, 4, 0, 1000):
        np.testing.assert_array_equal(splat(features, motion, weight, threads=threads), once)


def test_streamed_output_has_the_same_bits(isa):
    # 4.7 MB, aligned: large enough to bypass the caches. Shifted by 4 bytes it is not aligned.
    shape = (160, 230, 32)
    features, motion, weight = scene(6, *shape)
    memory = np.empty(np.prod(shape) * 4 + 128, np.uint8)
    start = -memory.ctypes.data % 64
    outs = [memory[at : at + memory.size - 128].view(np.float32).reshape(shape) for at in (start, start + 4)]
    first = splat(features, motion, weight, outs[0]).copy()
    np.testing.assert_array_equal(first, splat(features, motion, weight, outs[1]))


def test_workspace_is_used_again(isa):
    workspace = np.full(splat_workspace_bytes(40, 70), 0xAB, np.uint8)
    for seed, size in enumerate([(40, 70, 8), (3, 5, 8), (40, 70, 3), (33, 41, 1)]):
        features, motion, weight = scene(seed, *size)
        out = np.full(size, np.nan, np.float32)
        got = splat(features, motion, weight, out, workspace=workspace)
        assert got is out
        np.testing.assert_array_equal(got, splat(features, motion, weight))


@pytest.mark.parametrize("size", [(0, 5, 3), (5, 0, 3), (5, 5, 0)])
def test_empty_sizes_give_empty_results(isa, size):
    assert splat(*scene(0, *size)).shape == size


def test_inputs_need_not_be_contiguous(isa):
    features, motion, weight = scene(7, 20, 30, 6)
    got = splat(features[::2, ::-1], motion[::2, ::-1], weight[::2, ::-1])
    want = splat(features[::2, ::-1].copy(), motion[::2, ::-1].copy(), weight[::2, ::-1].copy())
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["motion", "weight"])
@pytest.mark.parametrize("threads", [1, 2])
def test_non_finite_input_is_refused(isa, value, name, threads):
    features, motion, weight = scene(8, 40, 60, 2)
    {"motion": motion, "weight": weight}[name][23, 17] = value
    with pytest.raises(ValueError, match=rf"{name} must be finite, got .* at \[23, 17.*nan_to_num"):
        splat(features, motion, weight, threads=threads)


def test_wrong_arguments_are_refused(isa):
    features, motion, weight = scene(9, 6, 7, 4)
    call = functools.partial(splat, features, motion, weight)
    with pytest.raises(TypeError, match=r"features must be float32 or float16, got float64"):
        splat(features.astype(np.float64), motion, weight)
    with pytest.raises(ValueError, match=r"motion must have shape \(6, 7, 2\), got \(7, 6, 2\)"):
        splat(features, motion.reshape(7, 6, 2), weight)
    with pytest.raises(TypeError, match=r"weight must be a numpy array of float32, got list"):
        splat(features, motion, weight.tolist())
    with pytest.raises(ValueError, match=r"out must have shape \(6, 7, 4\), got \(6, 7, 3\)"):
        call(np.empty((6, 7, 3), np.float32))
    with pytest.raises(TypeError, match=r"out must be .* got float64"):
        call(np.empty((6, 7, 4), np.float64))
    with pytest.raises(ValueError, match=r"out must be C-contiguous and writeable"):
        call(np.empty((4, 7, 6), np.float32).T)
    with pytest.raises(ValueError, match=r"out overlaps features"):
        call(features)
    with pytest.raises(ValueError, match=r"rows must satisfy 0 <= r0 <= r1 <= 6, got \(4, 7\)"):
        call(rows=(4, 7))
    with pytest.raises(ValueError, match=r"cover must be above 0, got 0"):
        call(cover=0)
    with pytest.raises(ValueError, match=r"threads must be 0 \(one a core\) or more, got -1"):
        call(threads=-1)


def test_wrong_workspaces_are_refused(isa):
    arguments = scene(10, 6, 7, 4)
    need = splat_workspace_bytes(6, 7)
    with pytest.raises(ValueError, match=rf"must hold {need} bytes, got {need - 1}; size it"):
        splat(*arguments, workspace=np.empty(need - 1, np.uint8))
    with pytest.raises(TypeError, match=r"must be a flat, contiguous uint8 array, got float32"):
        splat(*arguments, workspace=np.empty(need, np.float32))
    with pytest.raises(ValueError, match=r"at most 2\^31 pixels, got 65536 x 65536"):
        splat_workspace_bytes(65536, 65536)
