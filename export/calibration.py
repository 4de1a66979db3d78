"""What networks are fed in use: their inputs, recorded while a bundle animates photos."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from stillwave.runtime import Animator
from stillwave.runtime.engine import Array, Engine
from stillwave.runtime.photo import PhotoSource

Sample = dict[str, Array]  # one run's inputs by name

SAMPLES = 8  # of each network that are kept, evenly over all
SCENES = 6
FIRST_SEED = 1000  # far from the seeds that training begins with
SIZE = (512, 288)
TIMES = (20.0, 75.0, 110.0)  # of frames, in motion frames


def procedural_photos(count: int = SCENES, first_seed: int = FIRST_SEED) -> Iterator[np.ndarray]:
    """Photos of the training's own scenes: always at hand, the same for the same seeds."""
    from stillwave.model.scenes import Scene  # needs OpenCV

    for seed in range(first_seed, first_seed + count):
        yield Scene.random(seed, SIZE).photo()


def recorded_samples(
    bundle: str | os.PathLike[str], photos: Iterable[PhotoSource] | None = None
) -> dict[str, list[Sample]]:
    """Network -> inputs of some of its runs, while the bundle's float32 networks animate the photos."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    with _RecordingAnimator(Path(bundle), samples) as animator:
        for photo in procedural_photos() if photos is None else photos:
            with animator.analyze(photo, size=SIZE) as scene:
                for time in TIMES:
                    scene.frame(time)
    return {name: _spread(runs) for name, runs in samples.items()}


def _spread(runs: list[Sample]) -> list[Sample]:
    wanted = np.linspace(0, len(runs) - 1, min(SAMPLES, len(runs)))
    return [runs[round(i)] for i in wanted]


class _RecordingAnimator(Animator):
    """An animator whose engines write down what they are fed."""

    def __init__(self, bundle: Path, samples: dict[str, list[Sample]]):
        super().__init__(bundle, "cpu", "2GiB", threads=1)
        self.samples = samples

    def _engine(self, name: str, input_name: str, shape: tuple[int, ...]) -> Engine:
        return _RecordingEngine(super()._engine(name, input_name, shape), self.samples[name])


class _RecordingEngine:
    def __init__(self, engine: Engine, samples: list[Sample]):
        self.engine, self.samples = engine, samples
        self.inputs, self.outputs, self.close = engine.inputs, engine.outputs, engine.close
        self.arrays: dict[str, Array] = {}

    def bind(self, **arrays: Array) -> None:
        self.arrays = arrays
        self.engine.bind(**arrays)

    def run(self) -> None:
        self.samples.append({spec.name: self.arrays[spec.name].copy() for spec in self.inputs})
        self.engine.run()

    def __enter__(self) -> "_RecordingEngine":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
