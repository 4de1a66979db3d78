import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwave.kernels import reference, resize_map, resize_motion

examples = settings(max_examples=25, deadline=None)

# 16 taps of order 1 in float32, scaled by the ratio of the sizes.
ATOL = 3e-6

sizes = st.tuples(st.integers(1, 60), st.integers(1, 90))


def field(size, channels=2, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (*size, channels)).astype(np.float32)


@examples
@given(sizes, sizes)
def test_motion_agrees_with_the_reference(isa, size, size_out):
    motion = field(size)
    got, want = np.empty((2, *size_out, 2), np.float32)
    scale = size_out[1] / size[1], size_out[0] / size[0]
    reference.resize(motion, want, scale)
    np.testing.assert_allclose(resize_motion(motion, got), want, rtol=0, atol=ATOL * max(scale))


@pytest.mark.parametrize(("size", "size_out"), [((3, 5000), (4, 7)), ((2, 700), (5, 1500))])
def test_wide_maps_agree_with_the_reference(isa, size, size_out):
    weight, want = field(size, 1), np.empty((*size_out, 1), np.float32)
    got = np.empty(size_out, np.float32)
    reference.resize(weight, want, (1.0,))
    resize_map(weight[..., 0], got)
    np.testing.assert_allclose(got, want[..., 0], rtol=0, atol=ATOL)


@examples
@given(sizes)
def test_equal_sizes_are_the_identity(isa, size):
    motion = field(size)
    np.testing.assert_array_equal(resize_motion(motion, np.empty_like(motion)), motion)


@examples
@given(sizes, sizes, st.floats(-9, 9, width=32))
def test_constants_stay_and_motion_scales_with_the_grid(isa, size, size_out, value):
    motion = np.full((*size, 2), value, np.float32)
    got = resize_motion(motion, np.empty((*size_out, 2), np.float32))
    want = np.broadcast_to([value * size_out[1] / size[1], value * size_out[0] / size[0]], got.shape)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
    kept = resize_map(motion[..., 0].copy(), np.empty(size_out, np.float32))
    np.testing.assert_allclose(kept, value, rtol=1e-6, atol=1e-6)


def test_straight_slopes_stay_straight(isa):
    x = np.arange(24, dtype=np.float32)[None].repeat(5, 0)
    got = resize_map(x, np.empty((10, 48), np.float32))
    want = (np.arange(48) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(got[:, 4:-4], want[None, 4:-4].repeat(10, 0), rtol=0, atol=1e-5)


def test_same_bits_at_any_thread_count(isa):
    motion = field((90, 160))
    once = resize_motion(motion, np.empty((300, 333, 2), np.float32), threads=1)
    for threads in (1, 2, 4):
        out = resize_motion(motion, np.empty((300, 333, 2), np.float32), threads=threads)
        np.testing.assert_array_equal(out, once)


def test_refusals(isa):
    motion = field((4, 5))
    with pytest.raises(ValueError, match=r"out must be a float32 array whose shape says"):
        resize_motion(motion, None)
    with pytest.raises(ValueError, match=r"motion must have shape \(any, any, 2\)"):
        resize_motion(motion[..., :1], np.empty((4, 5, 2), np.float32))
    with pytest.raises(TypeError, match=r"out must be float32, got float64"):
        resize_map(motion[..., 0], np.empty((4, 5)))
    with pytest.raises(ValueError, match=r"out overlaps motion"):
        resize_motion(motion, motion)
    with pytest.raises(ValueError, match=r"weight is empty \(0, 5\)"):
        resize_map(np.empty((0, 5), np.float32), np.empty((4, 5), np.float32))
    assert resize_map(motion[..., 0], np.empty((0, 5), np.float32)).size == 0
