"""What `stillwave serve` does, HTTP apart: one photo with its motion, one job at a time, no leftovers."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType

import numpy as np

from .animator import Animator
from .edit import Edit, edited
from .engine import Engine
from .errors import CancelledError, EncodeError, StillwaveError
from .formats import ENCODERS, FOLDERS, output_format
from .photo import LONGEST_SIDE, Pixels, read_photo
from .scene import frame_count
from .scene_page import html_from_motion
from .spectrum import Float
from .video import VideoWriter

FORMATS = tuple(name for name in ENCODERS if name not in (*FOLDERS, "motion-photo"))  # files of that suffix
# How far a job is when one of its networks starts; a clip's frames make the rest.
STARTS = {"image_encoder": 0.05, "denoiser": 0.15, "decoder": 0.75, "pyramid": 0.02, "synthesis": 0.01}


class BusyError(StillwaveError):
    """Another job runs: one at a time, as memory and cores are planned for one."""


@dataclass
class Job:
    """Work under way, or how it ended."""

    kind: str  # "analyze" or "render"
    state: str = "running"  # then "done", "failed" or "cancelled"
    progress: float = 0.0  # 0..1
    error: StillwaveError | None = None
    _is_unwanted: Event = field(default_factory=Event)

    def cancel(self) -> None:
        """Takes effect at the next frame or network."""
        self._is_unwanted.set()

    def reached(self, progress: float) -> None:
        if self._is_unwanted.is_set():
            raise CancelledError("cancelled")
        self.progress = progress


@dataclass(frozen=True)
class Clip:
    """A video that is asked for. `ValueError` where it is more than a page may ask."""

    seconds: float = 5.0
    fps: float = 30.0
    magnify: float = 1.0
    format: str = "mp4"

    def __post_init__(self) -> None:
        for name, low, high in (("seconds", 0.1, 60), ("fps", 1, 60), ("magnify", 0, 10)):
            value = getattr(self, name)
            if type(value) not in (int, float) or not low <= value <= high:
                raise ValueError(f"want {name} of {low:g} to {high:g}, got {value!r}")
        if self.format not in FORMATS:
            raise ValueError(f"cannot write {self.format!r} here")


@dataclass(frozen=True)
class Motion:
    """A photo, how it was predicted to move, and how it moves where it may."""

    name: str
    pixels: Pixels
    predicted: Float
    spectral_volume: Float


class WatchedAnimator(Animator):
    """Says when each of its networks starts: where a job's progress is seen and where it can be ended."""

    job: Job | None = None

    def _engine(self, name: str, input_name: str, shape: tuple[int, ...]) -> Engine:
        if self.job is not None:
            self.job.reached(STARTS.get(name, self.job.progress))
        return super()._engine(name, input_name, shape)


class Studio:
    """Owns the animator, the photo that was brought last, and a private folder that `close` removes."""

    def __init__(self, animator: WatchedAnimator):
        self.animator = animator
        self.motion: Motion | None = None
        self.video: Path | None = None  # of `motion`, once it is rendered
        self.job: Job | None = None
        self._lock = Lock()
        self._thread: Thread | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="stillwave-")  # mode 700
        self.folder = Path(self._folder.name)

    def formats(self) -> list[str]:
        """Those that can be written here, single files only."""
        return [name for name in FORMATS if self._can_write(name)]

    def _can_write(self, name: str) -> bool:
        try:
            return bool(output_format(self.folder / f"loop.{name}"))
        except StillwaveError:
            return False

    def read(self, path: Path) -> Pixels:
        """The photo in an uploaded file, checked like any other; errors do not name the file."""
        try:
            return read_photo(path, longest=LONGEST_SIDE)
        except StillwaveError as error:
            raise type(error)(str(error).removeprefix(f"{path}: ")) from error

    def analyze(self, name: str, pixels: Pixels, seed: int) -> Job:
        def work(job: Job) -> None:
            volume = self.animator.predict(pixels, seed)
            job.reached(1.0)
            self.motion = Motion(name, pixels, volume, volume)
            self._forget_video()

        return self._start("analyze", work)

    def allow(self, mask: Pixels | None) -> None:
        """What may move: white does, black stays; None lets everything. It must have the photo's shape."""
        with self._lock:
            if self.is_busy:
                raise BusyError("another job is under way; wait for it, or cancel it")
            if self.motion is None:
                raise ValueError("there is no photo yet; bring one first")
            motion, size = self.motion, self.motion.pixels.shape[1::-1]
            self.motion = replace(motion, spectral_volume=edited(motion.predicted, Edit(mask=mask), size, size))
            self._forget_video()

    def render(self, clip: Clip) -> Job:
        if self.motion is None:
            raise ValueError("there is no photo yet; bring one first")
        motion = self.motion

        def work(job: Job) -> None:
            self._forget_video()
            path = self.folder / f"{motion.name}.{clip.format}"
            manifest, total = self.animator.manifest, frame_count(clip.seconds, clip.fps)
            height, width = motion.pixels.shape[:2]
            frame = np.empty((height, width, 3), np.uint8)
            with (
                self.animator.scene(
                    motion.pixels,
                    motion.spectral_volume,
                    num_frames=manifest.num_frames,
                    fps=manifest.fps,
                    is_predicted=True,
                ) as scene,
                VideoWriter(path, scene.size, clip.fps, clip.format) as writer,
            ):
                for _ in scene.frames(clip.seconds, clip.fps, clip.magnify, out=frame):
                    job.reached(writer.num_frames / total)
                    writer.write(frame)
            job.reached(1.0)
            self.video = path

        return self._start("render", work)

    def page(self) -> str | None:
        """The photo to touch, or None while there is none."""
        if self.motion is None:
            return None
        motion, manifest = self.motion, self.animator.manifest
        return html_from_motion(
            motion.pixels, motion.spectral_volume, manifest.num_frames, manifest.fps, motion.name
        )

    def cancel(self) -> None:
        if self.job is not None:
            self.job.cancel()

    def _start(self, kind: str, work: Callable[[Job], None]) -> Job:
        with self._lock:
            if self.is_busy:
                raise BusyError("another job is under way; wait for it, or cancel it")
            self.job = self.animator.job = Job(kind)
            self._thread = Thread(target=_run, args=(self.job, work), name="stillwave-job", daemon=True)
            self._thread.start()
            return self.job

    @property
    def is_busy(self) -> bool:
        return self.job is not None and self.job.state == "running"

    def _forget_video(self) -> None:
        if self.video is not None:
            self.video.unlink(missing_ok=True)
        self.video = None

    def close(self) -> None:
        """End the job and remove every file."""
        self.cancel()
        if self._thread is not None:
            self._thread.join()
        self.animator.close()
        self._folder.cleanup()

    def __enter__(self) -> "Studio":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _run(job: Job, work: Callable[[Job], None]) -> None:
    try:
        work(job)
        job.state = "done"
    except CancelledError:
        job.state = "cancelled"
    except Exception as error:  # whatever it is, the page must hear of it
        job.error = error if isinstance(error, StillwaveError) else EncodeError(f"{type(error).__name__}: {error}")
        job.state = "failed"


def safe_name(name: str) -> str:
    """A file name's stem with nothing in it that a path or a header could mind."""
    stem = Path(os.path.basename(name.replace("\\", "/"))).stem
    kept = "".join(letter if (letter.isascii() and letter.isalnum()) or letter in "-_" else "-" for letter in stem)
    return kept.strip("-_")[:60] or "photo"
