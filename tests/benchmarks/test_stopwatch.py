"""Times that every published figure rests on."""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("stopwatch", Path(__file__).parents[2] / "benchmarks" / "stopwatch.py")
stopwatch = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stopwatch)


def test_laps_of_a_sample_add_up() -> None:
    watch = stopwatch.Stopwatch()
    for sample, wall_s, cpu_s in (("a", 0.001, 0.002), ("a", 0.002, 0.004), ("b", 0.005, 0.001), ("c", 0.010, 0.003)):
        watch.add("tile", sample, wall_s, cpu_s)
    assert watch.summary()["tile"] == {"median_ms": 5.0, "p90_ms": 9.0, "cpu_ms": 3.0, "samples": 3}


def test_a_lap_is_taken_even_of_what_returns_nothing() -> None:
    watch = stopwatch.Stopwatch()
    assert watch.timed("stage", 0, lambda: None) is None
    assert watch.summary()["stage"]["samples"] == 1


def test_warming_up_is_forgotten() -> None:
    watch = stopwatch.Stopwatch()
    with watch.lap("stage", 0):
        pass
    watch.forget()
    assert watch.summary() == {}


def test_a_stage_that_fails_is_not_counted() -> None:
    watch = stopwatch.Stopwatch()
    with pytest.raises(ZeroDivisionError), watch.lap("stage", 0):
        raise ZeroDivisionError
    assert watch.summary() == {}
