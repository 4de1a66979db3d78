"""Quality against the sampler's steps."""

import json

import numpy as np
import pytest
from PIL import Image

from stillwave.model.evaluate import steps
from stillwave.runtime import spectrum

K = 6


@pytest.fixture
def volume() -> np.ndarray:
    return spectrum.anchor(np.random.default_rng(0).normal(size=(K, 4, 8, 10)).astype(np.float32))


def test_when_a_motion_begins_does_not_set_it_apart(volume) -> None:
    later = spectrum.advance(volume.copy(), 0.3)
    assert steps.apart(later, volume) == pytest.approx(0, abs=0.01)
    assert steps.apart(2 * later, volume) == pytest.approx(1, abs=0.02)  # |2 S - S|^2 / |S|^2


def test_motions_of_nothing_in_common_are_apart_by_both(volume) -> None:
    other = spectrum.anchor(np.random.default_rng(1).normal(size=volume.shape).astype(np.float32))
    assert 1.5 < steps.apart(other, volume) < 2.1


def test_more_steps_come_nearer_to_the_most(monkeypatch, tmp_path, volume) -> None:
    class Clip:
        name, frames = "a", [np.zeros((16, 20, 3), np.uint8)]

    class FakeAnimator:
        """Its motion converges as 1 / steps."""

        def __init__(self, *_, **__) -> None: ...

        def __enter__(self):
            return self

        def __exit__(self, *_) -> None: ...

        def predict(self, photo, seed, steps):
            other = np.random.default_rng(seed + 1).normal(size=volume.shape).astype(np.float32)
            return spectrum.anchor(volume + other / steps)

    Clip.volume = volume
    monkeypatch.setattr(steps, "Animator", FakeAnimator)
    monkeypatch.setattr(steps, "load_clips", lambda *_: [Clip])
    output, plot = tmp_path / "steps.json", tmp_path / "steps.png"
    steps.main([str(tmp_path), "--counts", "8", "1", "2", "-o", str(output), "--plot", str(plot)])
    rows = json.loads(output.read_text())["steps"]
    assert list(rows) == ["1", "2", "8"]
    assert rows["1"]["apart"] > rows["2"]["apart"] > rows["8"]["apart"] == pytest.approx(0, abs=1e-6)
    with Image.open(plot) as picture:
        assert len(set(picture.convert("L").tobytes())) > 10  # curves, not a blank page
