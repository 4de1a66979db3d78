import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwave.kernels import frame_from_planes, reference

examples = settings(max_examples=25, deadline=None)


@examples
@given(st.integers(0, 30), st.integers(0, 40), st.integers(0, 9))
def test_agrees_with_the_reference_exactly(isa, height, width, seed):
    planes = np.random.default_rng(seed).normal(0.5, 0.6, (3, height, width)).astype(np.float32)
    want = np.empty((height, width, 3), np.uint8)
    reference.frame_from_planes(planes, want)
    np.testing.assert_array_equal(frame_from_planes(planes), want)


def test_every_byte_comes_back(isa):
    values = np.arange(256, dtype=np.float32) / np.float32(255)
    planes = np.stack([values, values[::-1], values])[:, None]
    got = frame_from_planes(planes)
    np.testing.assert_array_equal(got[0, :, 0], np.arange(256))
    np.testing.assert_array_equal(got[0, :, 1], np.arange(256)[::-1])


def test_out_of_range_is_clamped_and_ties_go_to_even(isa):
    values = [-np.inf, -1.0, np.nan, 0.5 / 255, 1.5 / 255, 2.5 / 255, 1.0, 2.0, np.inf]
    planes = np.tile(np.array(values, np.float32), (3, 1, 1))
    # 2.5 / 255 * 255 is just above 2.5 in float32.
    exact = np.rint(np.clip(np.float32(2.5 / 255), 0, 1) * np.float32(255))
    want = [0, 0, 0, 0, 2, exact, 255, 255, 255]
    np.testing.assert_array_equal(frame_from_planes(planes)[0, :, 1], want)


def test_same_bits_at_any_thread_count_into_out(isa):
    planes = np.random.default_rng(1).random((3, 211, 173), np.float32)
    out = np.empty((211, 173, 3), np.uint8)
    once = frame_from_planes(planes, threads=1)
    for threads in (1, 2, 4):
        assert frame_from_planes(planes, out, threads=threads) is out
        np.testing.assert_array_equal(out, once)


def test_refusals(isa):
    planes = np.zeros((3, 4, 5), np.float32)
    with pytest.raises(ValueError, match=r"planes must have shape \(3, any, any\), got \(4, 5, 3\)"):
        frame_from_planes(np.zeros((4, 5, 3), np.float32))
    with pytest.raises(TypeError, match=r"out must be uint8, got float32"):
        frame_from_planes(planes, np.zeros((4, 5, 3), np.float32))
