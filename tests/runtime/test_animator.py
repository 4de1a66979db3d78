"""Photo to motion, with the embedded bundle."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from stillwave.runtime import Animator, BackendError, BudgetError, PhotoError


def test_prediction_follows_the_conventions(animator, photo) -> None:
    volume = animator.predict(photo)
    assert volume.shape == (16, 4, 154, 256)
    assert volume.dtype == np.float32
    assert np.isfinite(volume).all()
    np.testing.assert_allclose(volume[0, 0] + 2 * volume[1:, 0].sum(0), 0, atol=1e-3)  # frame 0 is the photo


def test_seed_decides(animator, photo) -> None:
    first, again, other = (animator.predict(photo, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_threads_do_not_change_the_frames(photo) -> None:
    frames = []
    for threads in (1, 2, 4):
        with Animator(backend="cpu", threads=threads) as animator, animator.analyze(photo, steps=1) as scene:
            frames.append(scene.frame(40.0))
    np.testing.assert_array_equal(frames[0], frames[1])
    np.testing.assert_array_equal(frames[0], frames[2])


def test_one_thread_is_one() -> None:
    """What other threads than the caller's take of the processor, numpy's included, from photo to frame."""
    code = """
import time
import numpy as np
from stillwave.runtime import Animator
photo = np.random.default_rng(0).integers(0, 255, (144, 256, 3)).astype(np.uint8)
with Animator(backend='cpu', threads=1) as animator:
    for _ in range(2):  # once, so that everything is loaded
        everyone, mine = time.process_time(), time.thread_time()
        with animator.analyze(photo) as scene:
            scene.frame(40.0)
        everyone, mine = time.process_time() - everyone, time.thread_time() - mine
print((everyone - mine) / mine)
"""
    others = float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    assert others < 0.01


def test_portrait_and_explicit_size(animator, photo) -> None:
    with animator.analyze(np.rot90(photo), steps=1, size=(64, 96)) as scene:
        assert scene.size == (64, 96)
        assert scene.frame(10.0).shape == (96, 64, 3)
        assert scene.spectral_volume.shape[2] > scene.spectral_volume.shape[3]


def test_too_small_a_budget_names_the_least_that_works(photo) -> None:
    with (
        Animator(backend="cpu", memory_budget="20MiB") as animator,
        pytest.raises(BudgetError, match=r"needs at least .*MiB"),
    ):
        animator.analyze(photo)


def test_a_photo_too_large_for_the_budget_is_refused_before_it_is_decoded(tmp_path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (6000, 6000)).save(path)
    path.write_bytes(path.read_bytes()[:1000])  # decoding it would fail
    with Animator(backend="cpu", memory_budget="150MiB") as animator:
        for call in (
            lambda: animator.read(path),
            lambda: animator.analyze(path, size=(96, 96)),
            lambda: animator.scene(path, np.zeros((2, 4, 16, 16)), size=(96, 96)),
        ):
            with pytest.raises(BudgetError, match=r"reading the photo needs at least 1\d\d\.. MiB, .* smaller first"):
                call()


def test_small_photos_are_refused(animator) -> None:
    with pytest.raises(PhotoError):
        animator.analyze(np.zeros((1, 1, 3), np.uint8))


@pytest.mark.parametrize("backend", ["cuda", "tensorrt", "no such thing"])
def test_a_backend_that_cannot_run_raises(photo, backend) -> None:
    with pytest.raises(BackendError), Animator(backend=backend) as animator:
        animator.analyze(photo)


def test_frame_loop_allocates_nothing() -> None:
    """2,000 frames of a small scene: resident memory after the first hundred grows by less than 1 MiB."""
    code = """
import numpy as np
from stillwave.runtime import Animator
def resident():
    return int(open('/proc/self/statm').read().split()[1]) * 4096
photo = np.random.default_rng(0).integers(0, 255, (64, 96, 3)).astype(np.uint8)
with Animator(backend='cpu') as animator, animator.analyze(photo, steps=1) as scene:
    out = np.empty_like(photo)
    for i, _ in enumerate(scene.frames(seconds=2100 / 30, out=out)):
        if i == 100:
            before = resident()
    print(resident() - before)
"""
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    grown = int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    assert grown < 2**20
