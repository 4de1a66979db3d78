"""Frames of two precisions are compared from the same moment of the motion."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from stillwave.runtime.spectrum import advance

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def precision(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("precision", FOLDER / "precision.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("later", [0, 37, 149])
def test_frames_apart_finds_how_much_later_a_motion_begins(precision, later) -> None:
    volume = np.random.default_rng(0).normal(0, 1, (16, 4, 144, 256)).astype(np.float32)
    assert precision.frames_apart(volume, advance(volume.copy(), later / 150)) == later
