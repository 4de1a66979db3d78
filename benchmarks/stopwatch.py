"""Wall and processor time of named stages."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from time import perf_counter, process_time
from typing import Any

import numpy as np


class Stopwatch:
    """Laps of stages, each of a sample such as a frame's number; laps of one sample add up.

    Processor time is that of all threads: unlike wall time it hardly changes on a busy machine.
    """

    def __init__(self) -> None:
        self._laps: dict[str, dict[Hashable, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))

    @contextmanager
    def lap(self, stage: str, sample: Hashable) -> Iterator[None]:
        wall, cpu = perf_counter(), process_time()
        yield
        self.add(stage, sample, perf_counter() - wall, process_time() - cpu)

    def add(self, stage: str, sample: Hashable, wall_s: float, cpu_s: float) -> None:
        total = self._laps[stage][sample]
        total[0] += wall_s
        total[1] += cpu_s

    def timed(self, stage: str, sample: Hashable, call: Callable[[], Any]) -> Any:
        """What `call` returns, its lap taken."""
        with self.lap(stage, sample):
            return call()

    def forget(self) -> None:
        """Start again, as after warming up."""
        self._laps.clear()

    def summary(self) -> dict[str, dict[str, float]]:
        """Stage -> median_ms and p90_ms of the wall, cpu_ms (median), samples."""
        return {stage: summary_of(list(laps.values())) for stage, laps in self._laps.items()}


def summary_of(laps: list[list[float]]) -> dict[str, float]:
    """Of laps (wall s, processor s)."""
    wall_ms, cpu_ms = 1e3 * np.asarray(laps).T
    return {
        "median_ms": round(float(np.median(wall_ms)), 3),
        "p90_ms": round(float(np.percentile(wall_ms, 90)), 3),
        "cpu_ms": round(float(np.median(cpu_ms)), 3),
        "samples": len(laps),
    }
