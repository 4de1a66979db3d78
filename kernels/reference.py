"""Every kernel written the obvious way in numpy.

This file is the specification: the compiled kernels are tested against it. It is also the fallback
where no compiler was at hand, so it avoids Python loops over pixels. float64 wherever rounding
would matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from stillwave.kernels.checks import Array, Float

# Importance saturates here, far beyond where float32 still tells neighbouring weights apart.
WEIGHT_LIMIT = 2.0**21
# The blocked volume: 16 pixels of 12 bits; a block that moves less is still.
LANES = 16
LARGEST = np.float32(2047)
NOTHING_PX = np.float32(2.0**-100)
TERM_LIMIT = 4.0  # of an anchored frame's weights; larger ones are scaled down


def coefficients(times: Array | float, num_frames: int, num_frequencies: int, anchor: bool) -> Float:
    """The inverse DFT as a matrix: its row n times (Re S_0, Im S_0, Re S_1, ...) is time n.

    times    (n,), frames; `anchor` subtracts the displacement at time 0
    returns  (n, 2K) float32
    """
    k = np.arange(num_frequencies)
    turns = np.multiply.outer(np.atleast_1d(np.asarray(times, np.float64)), k) / num_frames
    # e^-ix = cos x - i sin x: its parts are what Re S and Im S are multiplied by.
    waves = np.exp(-2j * np.pi * (turns % 1.0))
    if anchor:
        waves -= 1
    waves[:, 1:] *= 2  # one-sided: k and -k
    parts: Float = waves.view(np.float64).astype(np.float32)
    return parts


def motion_at(spectrum: Array, basis: Float) -> Float:
    """Displacements from a spectral volume.

    spectrum  (K, 4, H, W), px; basis (n, 2K)
    returns   (n, 2, H, W) float32, px; x right, then y down
    """
    num_frequencies, _, height, width = spectrum.shape
    components = spectrum.reshape(num_frequencies, 2, 2, height, width).astype(np.float64)
    terms = basis.reshape(len(basis), num_frequencies, 2)
    frames: Float = np.einsum("nkc,kxchw->nxhw", terms, components).astype(np.float32)
    return frames


def block(spectrum: Array) -> tuple[Array, Float]:
    """(K, 4, H, W) float32 without S_0 in 12-bit whole numbers, 16 pixels a block; missing pixels are 0.

    returns  rows (B, K-1, 3, 32) int8: upper 8 bits of (Re, Im) of each pixel for x, for y, lower 4 of both
             units (B,) float32, px: what 1 stands for, times 1 in `terms`; not finite if a pixel is not
    """
    moving = max(len(spectrum) - 1, 0)
    planes = spectrum[1:].reshape(moving, 2, 2, spectrum.shape[2] * spectrum.shape[3])
    blocks = -(-planes.shape[-1] // LANES)
    padded = np.zeros((*planes.shape[:3], blocks * LANES), np.float32)
    padded[..., : planes.shape[-1]] = planes
    padded = padded.reshape(moving, 2, 2, blocks, LANES).transpose(3, 0, 1, 4, 2)
    largest = np.abs(padded).max(axis=(1, 2, 3, 4), initial=0)
    moves = (largest >= NOTHING_PX) & np.isfinite(largest)
    scale = np.divide(LARGEST, largest, where=moves, out=np.zeros_like(largest))[:, None, None, None, None]
    whole = np.rint(np.where(scale > 0, padded, 0) * scale).astype(np.int16).reshape(blocks, moving, 2, 2 * LANES)
    upper, lower = whole >> 4, whole & 15
    rows = np.stack([upper[:, :, 0], upper[:, :, 1], lower[:, :, 0] | lower[:, :, 1] << 4], axis=2)
    one = np.float32(2.0 ** term_bits(len(spectrum)))
    units = np.where(largest < NOTHING_PX, np.float32(0), largest / (LARGEST * one))
    return rows.astype(np.int8), units


def terms(basis: Float, num_frequencies: int) -> tuple[NDArray[np.int16], Float]:
    """Weights of S_1, S_2, ... in whole numbers of 2^-term_bits: (n, K-1, 2), and what each row was
    divided by to fit, a power of two: (n,).

    basis  (n, 2K) as of `coefficients`
    """
    largest = np.abs(basis[:, 2:]).max(axis=1, initial=0)
    scales = 2.0 ** np.ceil(np.log2(np.maximum(largest, TERM_LIMIT) / TERM_LIMIT))
    whole = np.rint(basis[:, 2:] / scales[:, None] * 2.0 ** term_bits(num_frequencies)).astype(np.int16)
    return whole.reshape(len(basis), max(num_frequencies - 1, 0), 2), scales.astype(np.float32)


def term_bits(num_frequencies: int) -> int:
    """Bits after the point of a term: so few that no sum of products with 12-bit numbers reaches 2^31."""
    return 13 - (max(num_frequencies - 2, 0) // 16).bit_length()


def motion_from_blocks(rows: Array, units: Float, terms: Array) -> Float:
    """Displacements from `block`: (n, 16 B, 2) float32, px. The same bits as the kernels'."""
    wide = rows.astype(np.int16)
    lower = wide[:, :, 2]
    whole = np.stack([wide[:, :, 0] << 4 | lower & 15, wide[:, :, 1] << 4 | lower >> 4 & 15], axis=-1)
    pairs = whole.reshape(*rows.shape[:2], LANES, 2, 2)  # block, frequency, pixel, part, x and y
    sums = np.einsum("nkc,bkpcx->nbpx", terms.astype(np.float64), pairs)  # exact: below 2^31
    frames: Float = sums.astype(np.float32) * units[:, None, None]
    return frames.reshape(len(terms), len(rows) * LANES, 2)


def mean_magnitude(rows: Array, units: Float, terms: Array) -> Float:
    """Mean length of the displacements at the times of `terms`: (16 B,) float32, px."""
    # One time at a time: all of them at once would need n volumes.
    total = np.zeros(len(rows) * LANES, np.float64)
    for term in terms:
        x, y = motion_from_blocks(rows, units, term[None])[0].astype(np.float64).T
        total += np.sqrt(x * x + y * y)
    mean: Float = (total / len(terms)).astype(np.float32)
    return mean


def splat(
    features: Array, motion: Float, weight: Float, rows: tuple[int, int], dtype: DTypeLike, cover: float = np.inf
) -> Array:
    """Softmax splatting (Niklaus and Liu 2020, eq. 8), normalised, 0 where nothing lands.

    features (H, W, C), motion (H, W, 2) px, weight (H, W); returns rows r0..r1: (r1 - r0, W, C),
    faded where less than 1 / cover of a pixel's area is landed on
    """
    height, width, channels = features.shape
    cell, source, bilinear = _landings(motion)
    score = np.clip(weight.ravel()[source].astype(np.float64), -WEIGHT_LIMIT, WEIGHT_LIMIT)
    # The largest weight that lands on the same pixel is subtracted, so no importance can vanish.
    top = np.full(height * width, -np.inf)
    np.maximum.at(top, cell, score)
    importance = bilinear * np.exp(score - top[cell])
    total = np.bincount(cell, importance, height * width)
    area = np.bincount(cell, bilinear, height * width)
    kept = np.minimum(cover * np.maximum(area, 1e-30), 1)
    out = np.zeros((height * width, channels), np.float64)
    flat = features.reshape(-1, channels)
    for channel in range(channels):
        values = flat[source, channel] * importance
        np.divide(np.bincount(cell, values, height * width), total, out=out[:, channel], where=total > 0)
    out *= kept[:, None]
    return out.reshape(height, width, channels)[slice(*rows)].astype(dtype)


def _landings(motion: Float) -> tuple[Array, Array, Array]:
    """(destination pixel, source pixel, bilinear weight) of everything that lands in the picture.

    Positions and their bilinear factors are float32, as in the kernels. Factors are multiples of
    2^-24: what is nearer than that to a pixel is on it.
    """
    height, width = motion.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    target_x, target_y = x + motion[..., 0], y + motion[..., 1]
    near = (target_x > -1) & (target_x < width) & (target_y > -1) & (target_y < height)
    source = np.flatnonzero(near)
    target_x, target_y = target_x[near], target_y[near]
    left, top = np.floor(target_x), np.floor(target_y)
    on_left, on_top = 1 - (target_x - left), 1 - (target_y - top)
    cells, sources, weights = [], [], []
    for row, share_y in ((top, on_top), (top + 1, 1 - on_top)):
        for column, share_x in ((left, on_left), (left + 1, 1 - on_left)):
            bilinear = share_x.astype(np.float64) * share_y
            lands = (bilinear > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
            cells.append((row[lands] * np.float64(width) + column[lands]).astype(np.int64))
            sources.append(source[lands])
            weights.append(bilinear[lands])
    return np.concatenate(cells), np.concatenate(sources), np.concatenate(weights)


def resize(field: Float, out: Float, scale: tuple[float, ...]) -> None:
    """Catmull-Rom (h, w, c) -> (H, W, c), edges clamped, centres aligned; channels are scaled."""
    columns, column_taps = _taps(field.shape[1], out.shape[1])
    rows, row_taps = _taps(field.shape[0], out.shape[0])
    tall = np.einsum("it,itwc->iwc", row_taps, field[rows].astype(np.float64))
    wide = np.einsum("jt,ijtc->ijc", column_taps, tall[:, columns])
    out[...] = wide * np.asarray(scale)


def _taps(size: int, size_out: int) -> tuple[Array, Array]:
    """Clamped indices and weights of the four taps of every output, both (size_out, 4)."""
    position = (np.arange(size_out) + 0.5) * (size / size_out) - 0.5
    first = np.floor(position)
    t = position - first
    weights = np.stack(
        [
            ((-t + 2) * t - 1) * t,
            (3 * t - 5) * t * t + 2,
            ((-3 * t + 4) * t + 1) * t,
            (t - 1) * t * t,
        ],
        axis=-1,
    )
    indices = np.clip(first[:, None] + np.arange(-1, 3), 0, max(size - 1, 0)).astype(np.int64)
    return indices, weights / 2


def frame_from_planes(planes: Float, out: Array) -> None:
    """(3, H, W) in 0..1 -> (H, W, 3) uint8: clamped, rounded half to even, nan is 0."""
    # fmax picks the number where the other operand is nan.
    clamped = np.fmin(np.fmax(planes, 0), 1)
    out[...] = np.rint(clamped.transpose(1, 2, 0) * np.float32(255))


def nv12_from_planes(planes: Float, out: Array) -> None:
    """(3, H, W) in 0..1 -> (3 H / 2, W) uint8: luma, then (blueness, redness) of 2 x 2 pixels.

    ITU-R BT.709: luma 16..235, chroma 16..240 about 128, chroma of the mean of four.
    """
    _, height, width = planes.shape
    clamped = np.fmin(np.fmax(planes, 0), 1).astype(np.float64)
    weights = np.array([0.2126, 0.7152, 0.0722])
    out[:height] = np.rint(16 + 219 * np.tensordot(weights, clamped, 1))
    mean = clamped.reshape(3, height // 2, 2, width // 2, 2).mean((2, 4))
    luma = np.tensordot(weights, mean, 1)
    out[height:, 0::2] = np.rint(128 + 224 * (mean[2] - luma) / 1.8556)
    out[height:, 1::2] = np.rint(128 + 224 * (mean[0] - luma) / 1.5748)


def ddim_step(velocity: Float, latents: Float, last: Float, unconditional: Float | None, step: Float) -> None:
    """One sampling step in place; see runtime/sampler.py.

    step  cosine, sine, reach, keep, pull, guidance
    """
    cosine, sine, reach, keep, pull, guidance = step
    if unconditional is not None:
        velocity = unconditional + guidance * (velocity - unconditional)
    x_0 = cosine * latents - sine * velocity
    ahead = x_0 if reach == 0 else x_0 + reach * (x_0 - last)
    latents[...] = keep * latents + pull * ahead
    last[...] = x_0
