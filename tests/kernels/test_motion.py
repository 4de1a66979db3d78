import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwave.kernels import BlockedSpectrum, motion_at, reference

examples = settings(max_examples=25, deadline=None)

# 2K terms of order 1 in float32, K = 16.
ATOL_SUM = 3e-5
# Each of 30 coefficients of order 1 is off by half a 12-bit step, 2^-12, at most, times 2 + sqrt 2 on average,
# and its term by 2^-14.
ATOL_TWELVE_BITS = 30 * (2.5 * 2.0**-12 + 2.0**-14)

sizes = st.tuples(st.integers(1, 16), st.just(4), st.integers(1, 20), st.integers(1, 40))


def volume(size, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).uniform(-1, 1, size).astype(dtype)


def test_conventions_are_those_of_rfft(isa):
    num_frames, size = 30, (6, 4, 5, 7)
    rng = np.random.default_rng(1)
    bands = np.zeros((num_frames // 2 + 1, 2, 5, 7), complex)
    bands[:6] = rng.standard_normal((6, 2, 5, 7)) + 1j * rng.standard_normal((6, 2, 5, 7))
    bands[0].imag = 0
    frames = np.fft.irfft(bands * num_frames, num_frames, axis=0)
    spectrum = np.stack([bands.real, bands.imag], axis=2)[:6].reshape(size).astype(np.float32)
    for t in (0, 1, 17, 29):
        np.testing.assert_allclose(motion_at(spectrum, t, num_frames), frames[t], rtol=0, atol=ATOL_SUM)


@examples
@given(sizes, st.floats(-400, 400), st.sampled_from([np.float32, np.float16]))
def test_motion_at_agrees_with_the_reference(isa, size, t, dtype):
    spectrum = volume(size, dtype=dtype)
    basis = reference.coefficients(t, 150, size[0], anchor=False)
    want = reference.motion_at(spectrum, basis)[0]
    np.testing.assert_allclose(motion_at(spectrum, t, 150), want, rtol=0, atol=ATOL_SUM)


@examples
@given(sizes, st.lists(st.floats(0, 150), min_size=1, max_size=11), st.sampled_from([1.0, 1e-20, 1e9]))
def test_blocked_motion_has_the_bits_of_the_reference(isa, size, times, scale):
    spectrum = volume(size) * np.float32(scale)
    blocked = BlockedSpectrum(spectrum)
    rows, units = reference.block(spectrum)
    np.testing.assert_array_equal(blocked.rows, rows)
    np.testing.assert_array_equal(blocked.units, units)
    terms, _ = reference.terms(reference.coefficients(times, 150, size[0], anchor=True), size[0])
    frames = reference.motion_from_blocks(rows, units, terms)[:, : size[2] * size[3]]
    got = blocked.motion(times, 150)
    np.testing.assert_array_equal(got, frames.reshape(got.shape))
    exact = reference.motion_at(spectrum, reference.coefficients(times, 150, size[0], anchor=True))
    np.testing.assert_allclose(got, exact.transpose(0, 2, 3, 1), rtol=0, atol=ATOL_TWELVE_BITS * scale)


@pytest.mark.parametrize("num_frequencies", [2, 16, 17, 18, 33, 34, 65, 128])
def test_no_sum_overflows(isa, num_frequencies):
    # A block for each time, in which every value is at its limit and adds to the sum.
    times = np.linspace(1, 149, 40)
    basis = reference.coefficients(times, 150, num_frequencies, anchor=True)
    signs = np.where(basis < 0, -1, 1).reshape(40, num_frequencies, 1, 2).repeat(2, axis=2)
    spectrum = signs.transpose(1, 2, 3, 0).reshape(num_frequencies, 4, 40, 1).repeat(16, axis=3).astype(np.float32)
    got = BlockedSpectrum(spectrum).motion(times, 150)
    exact = reference.motion_at(spectrum, basis).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(got, exact, rtol=0, atol=num_frequencies * 2.0**-10)
    assert (num_frequencies - 1) * 2047 * (2 + 8**0.5) * 2 ** reference.term_bits(num_frequencies) < 2**31


def test_what_moves_next_to_nothing_is_still(isa):
    spectrum = volume((3, 4, 4, 8))
    spectrum[..., :2, :] *= np.float32(1e-32)
    blocked = BlockedSpectrum(spectrum)
    assert not blocked.rows[0].any()
    assert not blocked.motion([3.0], 30)[0, :2].any()
    assert blocked.motion([3.0], 30)[0, 2:].any()


@examples
@given(sizes, st.integers(1, 20))
def test_weight_is_the_mean_length_over_the_loop(isa, size, num_frames):
    blocked = BlockedSpectrum(volume(size))
    frames = blocked.motion(np.arange(num_frames), num_frames)
    want = np.linalg.norm(frames.astype(np.float64), axis=-1).mean(axis=0)
    np.testing.assert_allclose(blocked.weight(num_frames), want, rtol=0, atol=ATOL_SUM)


def test_anchored_loop_starts_and_ends_at_rest(isa):
    blocked = BlockedSpectrum(volume((16, 4, 9, 11)))
    assert not blocked.motion([0.0, 150.0, -150.0], 150).any()
    assert blocked.motion([1.0], 150).any()


def test_twelve_bits_keep_7_px_within_a_hundredth(isa):
    """A spectrum that falls slowly, 1 / k, and jumps at an edge."""
    y, x = np.mgrid[:40, :64] / 40
    spectrum = np.zeros((16, 4, 40, 64), np.float32)
    phases = np.random.default_rng(2).uniform(-6, 6, (15, 4, 3))
    for k, channels in enumerate(phases, 1):
        for c, (fx, fy, phase) in enumerate(channels):
            spectrum[k, c] = np.sin(fx * x + fy * y + phase) / k * np.where(x < 0.7, 1, 0.1)
    times = np.arange(0.0, 150.0, 7.0)
    basis = reference.coefficients(times, 150, 16, anchor=True)
    spectrum *= 7 / np.abs(reference.motion_at(spectrum, basis)).max()
    exact = reference.motion_at(spectrum, basis).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(BlockedSpectrum(spectrum).motion(times, 150), exact, rtol=0, atol=0.01)


def test_missing_pixels_of_the_last_block_are_zero(isa):
    blocked = BlockedSpectrum(volume((3, 4, 7, 9)))
    assert blocked.rows.shape == (4, 2, 3, 32)
    assert not blocked.rows[-1, :, :, 30:].any()
    assert blocked.rows[-1, :, :, :30].any()


def test_same_bits_at_any_thread_count_and_batch(isa):
    blocked = BlockedSpectrum(volume((16, 4, 110, 97)))
    times = np.linspace(0, 150, 13)
    once = blocked.motion(times, 150, threads=1)
    weight = blocked.weight(30, threads=1)
    planes = motion_at(volume((16, 4, 110, 97)), 7.5, 150, threads=1)
    for threads in (1, 2, 4):
        np.testing.assert_array_equal(blocked.motion(times, 150, threads=threads), once)
        np.testing.assert_array_equal(blocked.weight(30, threads=threads), weight)
        again = motion_at(volume((16, 4, 110, 97)), 7.5, 150, threads=threads)
        np.testing.assert_array_equal(again, planes)
    for i, t in enumerate(times):
        np.testing.assert_array_equal(blocked.motion([t], 150)[0], once[i])


def test_large_batches_are_streamed_with_the_same_bits(isa):
    blocked = BlockedSpectrum(volume((2, 4, 128, 160)))
    shape = (30, 128, 160, 2)
    memory = np.empty(np.prod(shape) * 4 + 64, np.uint8)
    start = -memory.ctypes.data % 64
    out = memory[start : start + memory.size - 64].view(np.float32).reshape(shape)
    times = np.arange(30.0)
    blocked.motion(times, 30, out)
    for t in (0, 13, 29):
        np.testing.assert_array_equal(out[t], blocked.motion([times[t]], 30)[0])


def test_buffer_holds_the_copy(isa):
    spectrum = volume((4, 4, 10, 13))
    need = BlockedSpectrum.bytes_for(4, 10, 13)
    buffer = np.zeros(need + 7, np.uint8)
    placed = BlockedSpectrum(spectrum, buffer)
    assert placed.nbytes == need
    assert np.shares_memory(placed.rows, buffer)
    assert np.shares_memory(placed.units, buffer)
    out = np.empty((2, 10, 13, 2), np.float32)
    assert placed.motion([1, 2], 30, out) is out
    np.testing.assert_array_equal(out, BlockedSpectrum(spectrum).motion([1, 2], 30))
    with pytest.raises(ValueError, match=rf"at least {need} bytes, got uint8 \({need - 1},\)"):
        BlockedSpectrum(spectrum, np.zeros(need - 1, np.uint8))


@pytest.mark.parametrize("size", [(0, 4, 3, 5), (3, 4, 0, 5), (3, 4, 5, 0)])
def test_empty_sizes(isa, size):
    spectrum = volume(size)
    assert not motion_at(spectrum, 1, 30).any()
    assert not BlockedSpectrum(spectrum).motion([1], 30).any()
    assert not BlockedSpectrum(spectrum).weight(30).any()


def test_refusals(isa):
    spectrum = volume((4, 4, 6, 8))
    blocked = BlockedSpectrum(spectrum)
    with pytest.raises(ValueError, match=r"times must be finite frame numbers, got \[1.0, nan\]"):
        blocked.motion([1.0, np.nan], 30)
    with pytest.raises(ValueError, match=r"times must be finite frame numbers"):
        motion_at(spectrum, np.inf, 30)
    with pytest.raises(ValueError, match=r"num_frames must be at least 1, got 0"):
        blocked.weight(0)
    with pytest.raises(ValueError, match=r"out must have shape \(1, 6, 8, 2\)"):
        blocked.motion([1.0], 30, np.empty((6, 8, 2), np.float32))
    with pytest.raises(ValueError, match=r"spectrum must have shape \(any, 4, any, any\)"):
        BlockedSpectrum(spectrum[:, :3])
    spectrum[2, 1, 3, 4] = np.nan
    with pytest.raises(ValueError, match=r"spectrum must be finite, got nan at \[2, 1, 3, 4\]"):
        BlockedSpectrum(spectrum)


def test_combine_takes_any_weights(isa):
    spectrum = volume((3, 4, 5, 7))
    basis = np.random.default_rng(2).uniform(-1, 1, (9, 6)).astype(np.float32) * np.float32([[1], [4], [100]] * 3)
    basis[:, :2] = 0
    exact = reference.motion_at(spectrum, basis).transpose(0, 2, 3, 1)
    error = np.abs(BlockedSpectrum(spectrum).combine(basis) - exact).max((1, 2, 3))
    assert (error < ATOL_TWELVE_BITS * np.float32([1, 4, 100] * 3)).all()


@pytest.mark.parametrize(("basis", "match"), [
    (np.zeros((2, 5), np.float32), r"basis must have shape \(any, 6\)"),
    (np.full((2, 6), np.nan, np.float32), "basis must be finite"),
    (np.ones((2, 6), np.float32), "basis must be 0 for S_0"),
])  # fmt: skip
def test_combine_refuses_a_basis_of_another_volume(basis, match):
    with pytest.raises(ValueError, match=match):
        BlockedSpectrum(volume((3, 4, 5, 7))).combine(basis)
