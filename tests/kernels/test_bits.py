"""The same bits from every vector instruction set and compiler."""

import hashlib

import numpy as np
import pytest

from stillwave.kernels import BlockedSpectrum, motion_at, resize_motion, splat

# From gcc for AVX-512 and AVX2, and equal from clang for NEON. Baseline x86 has no fused product.
GOLDEN = {
    "splat": "d55058f0523bcf40",
    "splat, far weights": "7b9079a1c159d2b0",
    "motion": "ec72ab4a0c2acf73",
    "weight": "6ac70f462d3a6548",
    "planar motion": "82d5c9e8c3baccc5",
    "resize": "21fc66a2631baa7f",
}


def values(*shape):
    """Numbers in -1 .. 1 that depend on neither numpy's generators nor the C library."""
    count = np.arange(np.prod(shape), dtype=np.uint64)
    return (count * 2654435761 % 2**32 / 2**31 - 1).astype(np.float32).reshape(shape)


def results():
    features, motion, weight = values(70, 90, 37), 5 * values(70, 90, 2), 8 * values(70, 90)
    blocked = BlockedSpectrum(values(16, 4, 37, 41))
    return {
        "splat": splat(features, motion, weight),
        "splat, far weights": splat(features.astype(np.float16), motion, 900 * weight),
        # Quarters of a loop: cosines and sines that every C library rounds to the same float32.
        "motion": blocked.motion(np.arange(0.0, 300.0, 12.5), 50),
        "weight": blocked.weight(4),
        "planar motion": motion_at(values(16, 4, 37, 41), 12.5, 50),
        "resize": resize_motion(values(30, 40, 2), np.empty((77, 91, 2), np.float32)),
    }


@pytest.fixture
def fused_isa(isa):
    if isa in ("baseline", "reference"):
        pytest.skip("rounds products on their own")
    return isa


def test_sums_of_whole_numbers_have_the_same_bits_everywhere(isa):
    motion = results()["motion"]
    assert hashlib.sha256(motion).hexdigest()[:16] == GOLDEN["motion"]


def test_bits_are_golden(fused_isa):
    digests = {name: hashlib.sha256(out).hexdigest()[:16] for name, out in results().items()}
    assert digests == GOLDEN
