"""Every convention of the spectral volume, decided once and pinned by tests/runtime/test_spectrum.py.

A spectral volume S is float32 (K, 4, H, W): row k is k cycles per loop of T frames, channels are
(Re x, Im x, Re y, Im y) in pixels of the (H, W) grid, x right and y down, forward-normalised:

    S = rfft(F, axis=time)[:K] / T         F_t = Re S_0 + 2 Re sum_{k>=1} S_k exp(2 pi i k t / T)

The networks predict k = 1..K-1 only: frame 0 is the photo itself, and S_0 is whatever makes F_0 zero.
A volume measured elsewhere has a truthful S_0: see `start_from_photo`.
"""

import numpy as np
import numpy.typing as npt

from .interpolation import interpolated, sharpening_of

Float = npt.NDArray[np.float32]

QUIET_PX = 1e-5  # motion below this is nothing, and is not amplified
COHERENCE = 8.0  # grid cells; a latent covers 8
COARSE = 4  # grid cells a side: COHERENCE is blurred on a grid of these, in a third of the time
GRID_SIDES = (3, 16)  # least and most multiples that a side of the networks' grid is
REFERENCE_SIDE = 256  # per-frequency scales s_k are px on a grid whose long side is this
START_PACE = 0.65  # of the median pace: what a motion has at its first frame, at most
SPARSE = 8  # cells a side, of a grid of long side REFERENCE_SIDE, of which one is asked about pace


def motion_from_volume(S: Float, num_frames: int) -> Float:
    """Displacement of every pixel at every frame, by the definition above (slow, exact).

    S        (K, 4, H, W) float32, px
    returns  (T, 2, H, W) float32, px
    """
    half = np.zeros((num_frames // 2 + 1, 2, *S.shape[2:]), np.complex64)
    half[: len(S)] = S[:, 0::2] + 1j * S[:, 1::2]
    return np.fft.irfft(half, num_frames, axis=0, norm="forward").astype(np.float32)


def volume_from_motion(F: Float, num_frequencies: int) -> Float:
    """Spectral volume of a motion texture (paper eq. 2), cut to its first frequencies.

    F        (T, 2, H, W) float32, px
    returns  (K, 4, H, W) float32, px
    """
    S = np.fft.rfft(F, axis=0, norm="forward")[:num_frequencies]
    return np.stack([S[:, 0].real, S[:, 0].imag, S[:, 1].real, S[:, 1].imag], 1).astype(np.float32)


def anchor(S: Float) -> Float:
    """Set S_0 in place so that F_0 = 0: the first frame is the photo. Returns S."""
    S[0] = 0
    S[0, 0::2] = -2 * S[1:, 0::2].sum(0)
    return S


def start_from_photo(S: Float) -> Float:
    """Let F_0 = 0, in place, by the least change over the loop: what is left is the nearest such motion. Returns S.

    S_0 says where the photo lies in the swing. That a measured volume's F_0 is not 0 is the error of
    leaving out all beyond K, of frame 0 alone: taken off S_0, as `anchor` does, it would shift every
    frame; off all frequencies alike, it stays within T / K frames of the first. Without S_0 nothing is known.
    """
    if not S[0].any():
        return anchor(S)
    start = S[0, 0::2] + 2 * S[1:, 0::2].sum(0)
    S[:, 0::2] -= start / np.float32(2 * len(S) - 1)
    return S


def measured_for(S: Float, photo: tuple[int, ...]) -> Float:
    """A measured motion as it is rendered over a photo of (height, width), on its own grid: a copy."""
    rows, columns = S.shape[2:]
    return start_from_photo(np.array(resize_volume(S, rows, columns, sharpening=sharpening_of(S, photo))))


def coefficients_from_volume(S: Float, scales: Float) -> Float:
    """Frequency-adaptive normalisation (paper eq. 4): sign(S) sqrt(|S / s_k|), for k >= 1.

    S        (K, 4, H, W) float32, px on a grid of long side REFERENCE_SIDE;  scales (K,) px
    returns  (K-1, 4, H, W) float32
    """
    ratio = S[1:] / scales[1:, None, None, None]
    normalised: Float = np.sign(ratio) * np.sqrt(np.abs(ratio))
    return normalised.astype(np.float32, copy=False)


def volume_from_coefficients(coefficients: Float, scales: Float) -> Float:
    """Inverse of `coefficients_from_volume`, in pixels of the coefficients' own grid, anchored.

    coefficients (K-1, 4, H, W) float32;  scales (K,) px on a grid of long side REFERENCE_SIDE
    returns      (K, 4, H, W) float32, px
    """
    grid_scale = max(coefficients.shape[2:]) / REFERENCE_SIDE
    S = np.empty((len(coefficients) + 1, *coefficients.shape[1:]), np.float32)
    np.multiply(coefficients, np.abs(coefficients), out=S[1:])
    S[1:] *= (scales[1:] * grid_scale)[:, None, None, None].astype(np.float32)
    return anchor(S)


def calibrate(S: Float, amplitude: Float) -> Float:
    """Scale a sampled volume, in place, to the amplitude the image encoder expects of each place.

    What is uncertain comes out of few sampling steps too calm and unevenly so; the expected
    amplitude is a plain regression and is not. Phases and directions stay as sampled. Returns S.

    S          (K, 4, H, W) float32, px, anchored again
    amplitude  (K-1, h, w)  float32, RMS of |S_k|, px on a grid of long side REFERENCE_SIDE;
                            h and w divide H and W
    """
    S[1:] *= calibration(S, amplitude)
    return anchor(S)


def calibration(S: Float, amplitude: Float) -> Float:
    """The factors of `calibrate`: (K-1, 1, H, W)."""
    (H, W), (h, w) = S.shape[2:], amplitude.shape[1:]
    power = (S[1:] ** 2).sum(1).reshape(-1, h, H // h, w, W // w).mean((2, 4))
    expected = amplitude * np.float32(max(H, W) / REFERENCE_SIDE)
    gain = np.sqrt((expected**2 + QUIET_PX**2) / (power + QUIET_PX**2))
    return interpolated(gain[:, None].astype(np.float32), H, W)


def advance(S: Float, turns: float) -> Float:
    """The same motion begun later, in place, by so many turns of its period. Returns S, anchored.

    A model that is told nothing of time samples either with the same right.
    """
    for slice_, cos, sin in zip(S, *turns_of(len(S), turns), strict=True):
        re, im = slice_[0::2].copy(), slice_[1::2].copy()
        slice_[0::2], slice_[1::2] = cos * re - sin * im, sin * re + cos * im
    return anchor(S)


def turns_of(num_frequencies: int, turns: float) -> tuple[Float, Float]:
    """Cosine and sine (K,) of what so many turns of the period are for every frequency."""
    angles = 2 * np.pi * np.arange(num_frequencies) * turns
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def starting_frame(S: Float, num_frames: int, clip_frames: float | None = None) -> int:
    """The frame that a motion is best begun at, for a clip of so many frames; see `calmest`."""
    F = motion_from_volume(sparse_cells(S), num_frames)
    return calm_moment(F, F - np.roll(F, 1, 0), clip_frames)


def sparse_cells(S: Float) -> Float:
    """One cell of every SPARSE x SPARSE, on a grid of long side REFERENCE_SIDE: enough to ask about pace."""
    step = sparse_step(*S.shape[2:])
    return S[:, :, step // 2 :: step, step // 2 :: step]


def sparse_step(height: int, width: int) -> int:
    return max(1, SPARSE * max(height, width) // REFERENCE_SIDE)


def calm_moment(F: Float, steps: Float, clip_frames: float | None = None) -> int:
    """The `calmest` of these moments.

    F, steps  (n, 2, h, w) displacements, periodic, and what they changed by in the frame before
    """
    return calmest(*paces(F, steps), clip_frames)


def paces(F: Float, steps: Float) -> tuple[Float, Float]:
    """What `calmest` asks of moments: their pace and distance, (n,) each, means over the grid."""
    return np.linalg.norm(steps, axis=1).mean((1, 2)), np.linalg.norm(F - F.mean(0), axis=1).mean((1, 2))


def calmest(pace: Float, distance: Float, clip_frames: float | None = None) -> int:
    """Which moment a motion is best begun at: the nearest to its mean of those that it comes to at an
    ordinary pace. Then no loop's seam is its fastest step, and the photo is bared least.

    pace, distance  (n,) of every moment, from the frame before and from the mean
    clip_frames     of the clip, where it is less than the period: what is ordinary in it is what counts
    """
    n = len(pace)
    clips = (np.arange(n)[:, None] + np.arange(min(n, round(clip_frames or n)))) % n
    ordinary = np.median(pace[clips], axis=1)
    is_ordinary = pace <= np.maximum(START_PACE * ordinary, (pace / np.maximum(ordinary, QUIET_PX)).min() * ordinary)
    return int(np.where(is_ordinary, distance, np.inf).argmin())


def cohere(S: Float) -> Float:
    """Let neighbours move together: phases and directions are those COHERENCE cells around agree on.
    Finer than a latent knows, the decoder guesses.
    """
    return interpolated(coherent(S), *S.shape[2:])


def coherent(S: Float) -> Float:
    """What `cohere` leaves of (K, 4, H, W), on a grid of COARSE cells a side."""
    H, W = S.shape[2:]
    return blur(interpolated(S, H // COARSE, W // COARSE), COHERENCE / COARSE)


# Sums over a few neighbours, not products of matrices: numpy would hand those to a BLAS that takes
# every core, whatever `--threads` says, and that multiplies zeros.


def blur(S: Float, sigma: float) -> Float:
    """Every plane of (K, 4, H, W) under a Gaussian of `sigma` cells, cut at three; edges renormalised."""
    H, W = S.shape[2:]
    weights, share = blur_weights(H, W, sigma)
    reach = len(weights) - 1
    tall, wide = np.zeros((H + 2 * reach, W), np.float32), np.zeros((H, W + 2 * reach), np.float32)
    part, blurred = np.empty((H, W), np.float32), np.empty_like(S)
    for source, target in zip(S.reshape(-1, H, W), blurred.reshape(-1, H, W), strict=True):
        tall[reach : reach + H] = source
        _weigh(tall, weights, part, wide[:, reach : reach + W])
        _weigh(wide.T, weights, part.T, target.T)
        target *= share
    return blurred


def blur_weights(height: int, width: int, sigma: float) -> tuple[Float, Float]:
    """Half a Gaussian, its middle first, and what evens out (height, width) that it was cut off at."""
    reach = int(np.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2).astype(np.float32)
    kernel = np.concatenate([weights[:0:-1], weights])
    rows, columns = (np.convolve(np.ones(side), kernel)[reach : reach + side] for side in (height, width))
    return weights, (1 / (rows[:, None] * columns)).astype(np.float32)


def _weigh(padded: Float, weights: Float, part: Float, out: Float) -> None:
    """Each row with its neighbours above and below, weighed and summed."""
    reach, rows = len(weights) - 1, len(out)
    np.multiply(padded[reach : reach + rows], weights[0], out=out)
    for i in range(1, reach + 1):
        np.add(padded[reach - i : reach - i + rows], padded[reach + i : reach + i + rows], out=part)
        part *= weights[i]
        out += part


def resize_volume(
    S: Float,
    height: int,
    width: int,
    extent: tuple[float, float] = (1.0, 1.0),
    sharpening: tuple[float, float] = (0.0, 0.0),
) -> Float:
    """The same motion on another grid; displacements scale with the size of a cell.

    S           (K, 4, h, w) px of its grid
    extent      how far the new grid reaches, in heights and widths of the old one; beyond the edge the
                motion is that of the edge
    sharpening  down and across; see `sharpening_of`
    returns     (K, 4, height, width) px of the new grid
    """
    h, w = S.shape[2:]
    if (height, width) == (h, w) and extent == (1.0, 1.0) and not any(sharpening):
        return S
    out = interpolated(S, height, width, extent, sharpening)
    out[:, :2] *= np.float32(width / (extent[1] * w))
    out[:, 2:] *= np.float32(height / (extent[0] * h))
    return out


def network_grid(width: int, height: int, multiple: int = 32) -> tuple[int, int]:
    """Grid (width, height) the networks predict on: sides are multiples, about 256 x 160 cells,
    nearest to the photo's aspect ratio (a photo is stretched to it by a few per cent).
    """
    target = 256 * 160
    aspect = np.log(width / height)
    sides = [n * multiple for n in range(GRID_SIDES[0], GRID_SIDES[1] + 1)]
    fits = [(w, h) for w in sides for h in sides if 0.7 * target <= w * h <= 1.25 * target]
    return min(fits, key=lambda g: (round(abs(np.log(g[0] / g[1]) - aspect), 6), abs(g[0] * g[1] - target)))


def motion_grid(width: int, height: int) -> tuple[int, int]:
    """Grid (width, height) of a motion file: the photo's own aspect ratio, long side REFERENCE_SIDE."""
    scale = REFERENCE_SIDE / max(width, height)
    return max(16, round(width * scale)), max(16, round(height * scale))
