import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwave.kernels import frame_from_planes, nv12_from_planes, reference

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


def test_nv12_agrees_with_the_reference(isa):
    planes = np.random.default_rng(3).uniform(-0.2, 1.2, (3, 34, 50)).astype(np.float32)
    planes[1, 3, 4] = np.nan
    want = np.empty((51, 50), np.uint8)
    reference.nv12_from_planes(planes, want)
    got = nv12_from_planes(planes).astype(int)
    assert np.abs(got - want).max() <= 1  # of what lies half way between two numbers
    assert np.mean(got != want) < 0.01


@pytest.mark.parametrize(
    ("colour", "luma", "chroma"),
    [
        ((0, 0, 0), 16, (128, 128)),
        ((1, 1, 1), 235, (128, 128)),
        ((1, 0, 0), 63, (102, 240)),
        ((0, 0, 1), 32, (240, 118)),
    ],
)
def test_nv12_of_known_colours(isa, colour, luma, chroma):
    """ITU-R BT.709, table of colour bars at 100 %."""
    planes = np.tile(np.array(colour, np.float32)[:, None, None], (1, 2, 4))
    got = nv12_from_planes(planes)
    assert (got[:2] == luma).all()
    assert got[2].tolist() == [*chroma, *chroma]


def test_nv12_of_odd_sides_is_refused(isa):
    with pytest.raises(ValueError, match="NV12 has even sides, got 3 x 4; crop first"):
        nv12_from_planes(np.zeros((3, 4, 3), np.float32))
