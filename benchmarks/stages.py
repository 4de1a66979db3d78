"""Every stage of the path, timed in one process: photo to motion, scene set-up, then frame after frame."""

import hashlib
import itertools
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import numpy.typing as npt
from stopwatch import Stopwatch

from stillwave.runtime import Animator, Bundle, Scene, read_photo
from stillwave.runtime.engine import Engine
from stillwave.runtime.photo import Size
from stillwave.runtime.renderer import PASS
from stillwave.runtime.rhythm import Rhythm, natural_turns
from stillwave.runtime.video import ENCODERS

FIRST_FRAME_DB = 32  # of the first frame against the photo, at least


class VerificationError(Exception):
    """What was to be timed does not do what it should."""


@dataclass(frozen=True)
class Settings:
    """What is animated, and how; `budget` as on the command line."""

    photo: Path
    size: Size
    backend: str = "auto"
    threads: int = 0
    budget: str = "512MiB"
    bundle: Path | None = None

    def described(self) -> dict[str, object]:
        """For the results: files by their names, since folders are nobody's business."""
        return {key: value.name if isinstance(value, Path) else value for key, value in vars(self).items()}

    def animator(self, threads: int | None = None) -> Animator:
        threads = self.threads if threads is None else threads
        return Animator(self.bundle, self.backend, self.budget, threads)


class TimedAnimator(Animator):
    """An animator that takes the laps of its networks, up to the scene it makes."""

    def __init__(self, settings: Settings, watch: Stopwatch, photo: int):
        self._watch, self._photo = watch, photo
        super().__init__(settings.bundle, settings.backend, settings.budget, settings.threads)

    def predict(self, *arguments: Any) -> npt.NDArray[np.float32]:
        predict = super().predict
        return self._watch.timed("predict, whole", self._photo, lambda: predict(*arguments))

    def _scene(self, *arguments: Any, **named: Any) -> Scene:
        scene = super()._scene
        return self._watch.timed("set up scene, whole", self._photo, lambda: scene(*arguments, **named))

    def _engine(self, name: str, input_name: str, shape: tuple[int, ...]) -> Engine:
        load = super()._engine
        engine = self._watch.timed(f"load {name}", self._photo, lambda: load(name, input_name, shape))
        if name == "synthesis":
            return engine
        run, steps = engine.run, itertools.count()
        # each call of the denoiser is a sample; the calls of another network for a photo are one
        is_step = name == "denoiser"
        step_of = (lambda: next(steps)) if is_step else (lambda: 0)
        stage = f"run {name}, a step" if is_step else f"run {name}"
        engine.run = lambda: self._watch.timed(stage, (self._photo, step_of()), run)  # type: ignore[method-assign]
        return engine


def verify(settings: Settings) -> dict[str, object]:
    """First frame like the photo, the same bits from one thread as from many, motion; or `VerificationError`."""
    digests = []
    for threads in (settings.threads, 1):
        with settings.animator(threads) as animator, animator.analyze(settings.photo, size=settings.size) as scene:
            first, later = scene.frame(0.0), scene.frame(40.0)
            is_trained = animator.manifest.provenance.get("weights") != "random"
            photo, volume = scene.photo.astype(np.float64), scene.spectral_volume
        digests.append(hashlib.sha256(first.tobytes() + later.tobytes()).hexdigest())
    psnr = -10 * np.log10(max(np.mean((first / 255 - photo / 255) ** 2), 1e-10))
    if digests[0] != digests[1]:
        raise VerificationError(f"frames differ between {settings.threads} and 1 threads")
    if not np.isfinite(volume).all() or np.array_equal(first, later):
        raise VerificationError("the predicted motion is not finite, or nothing moves")
    if is_trained and psnr < FIRST_FRAME_DB:
        raise VerificationError(f"first frame is {psnr:.1f} dB from the photo, want {FIRST_FRAME_DB} or more")
    return {"first_frame_db": round(float(psnr), 2), "sha256": digests[0], "is_trained": is_trained}


def time_stages(settings: Settings, repeats: int, num_frames: int) -> dict[str, object]:
    """Laps of the stages before the first frame (medians over `repeats` photos), and of those of a frame."""
    analysis, frames = Stopwatch(), Stopwatch()
    for repeat in range(repeats + 1):
        if repeat == 1:
            analysis.forget()
        with time_analysis(analysis, settings, repeat) as scene:
            if repeat == repeats:
                time_frames(frames, scene, num_frames)
                time_loop(frames, scene, num_frames)
                time_touch(frames, scene, num_frames)
    return {"analysis": analysis.summary(), "frame": frames.summary()}


def time_analysis(watch: Stopwatch, settings: Settings, repeat: int) -> Scene:
    """A scene from a photo's file, its laps taken."""
    watch.timed("read photo", repeat, lambda: read_photo(settings.photo, settings.size))
    watch.timed("verify bundle", repeat, lambda: Bundle.open(settings.bundle))
    animator = TimedAnimator(settings, watch, repeat)
    with watch.lap("analyze, whole", repeat):
        scene = animator.analyze(settings.photo, size=settings.size)
    return scene


def time_frames(watch: Stopwatch, scene: Scene, num_frames: int) -> None:
    """The stages of a frame, in the order of `Renderer.render`; a pass of motions is shared by its frames."""
    renderer, out = scene._renderer, _frame_of(scene)
    tiles = list(renderer.layout.tiles())
    rhythm = Rhythm(natural_turns(renderer.layout.num_frequencies, renderer.num_frames))
    with tempfile.TemporaryDirectory() as folder:
        encoder = ENCODERS["mp4"](Path(folder, "loop.mp4"), scene.size, Fraction(30))
        for first in range(0, num_frames + PASS, PASS):
            if first == PASS:
                watch.forget()
            times = range(first, first + PASS)
            wall, cpu = perf_counter(), process_time()
            motions = renderer.motions(rhythm.basis(times))
            wall, cpu = (perf_counter() - wall) / PASS, (process_time() - cpu) / PASS
            for t, motion in zip(times, motions, strict=True):
                watch.add("motion", t, wall, cpu)
                with watch.lap("motion to levels", t):
                    for level in renderer.levels:
                        level.move(motion)
                for tile, kept, end in tiles:
                    watch.timed("splat", t, lambda tile=tile: renderer.warp(tile))
                    watch.timed("synthesis", t, renderer.synthesis.run)
                    watch.timed("bytes", t, lambda tile=(tile, kept, end): renderer.write(*tile, out))
                watch.timed("mp4", t, lambda: encoder.write(out))
        encoder.finish()


def time_loop(watch: Stopwatch, scene: Scene, num_frames: int) -> None:
    """Frames as a caller gets them, without a file; the first pass warms up."""
    last = perf_counter(), process_time()
    for i, _ in enumerate(scene.frames((num_frames + PASS) / 30, 30, out=_frame_of(scene))):
        now = perf_counter(), process_time()
        if i >= PASS:
            watch.add("frame, whole, without file", i, now[0] - last[0], now[1] - last[1])
        last = now


def time_touch(watch: Stopwatch, scene: Scene, num_frames: int) -> None:
    """A pulled scene in the wind, step after step, with the synthesis network and without."""
    (width, height), out = scene.size, _frame_of(scene)
    for stage, is_preview in (("step, whole", False), ("step, preview", True)):
        scene.drag(width / 2, height / 2, 0.05 * width, 0.0)
        scene.release()
        for i in range(-PASS, num_frames):
            wall, cpu = perf_counter(), process_time()
            scene.step(1 / 60, wind=1.0, preview=is_preview, out=out)
            if i >= 0:
                watch.add(stage, i, perf_counter() - wall, process_time() - cpu)


def _frame_of(scene: Scene) -> npt.NDArray[np.uint8]:
    width, height = scene.size
    return np.empty((height, width, 3), np.uint8)
