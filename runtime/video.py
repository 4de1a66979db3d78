"""Stage 7: frames become a video file."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import TracebackType

import numpy as np

from .errors import EncodeError, StillwaveError
from .formats import ENCODERS, FOLDERS, codec_of, output_format
from .output import atomic_output
from .photo import Pixels, Size

FRAMES_IN_FLIGHT = 2
MIN_FPS, MAX_FPS = 0.1, 240


class VideoWriter:
    """Frames become a file that appears only when it is complete.

    Encoding runs in a thread of its own, at most `FRAMES_IN_FLIGHT` frames behind, in buffers
    made once; a frame given to `write` may be overwritten as soon as `write` returns. What goes
    wrong in the thread is raised by the next `write`, or at the end of the `with` block.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: Size,
        fps: float | Fraction,
        format: str | None = None,
        codec: str | None = None,
    ) -> None:
        if not MIN_FPS <= fps <= MAX_FPS:
            raise EncodeError(f"want {MIN_FPS} to {MAX_FPS} frames a second, got {fps}")
        self.format = output_format(path, format, codec)
        self.codec = codec_of(self.format, codec)
        self.path, self.size = Path(path), size
        self.fps = Fraction(fps).limit_denominator(1001)
        self.num_frames = 0
        self._error: Exception | None = None
        self._is_abandoned = False
        self._free: SimpleQueue[Pixels] = SimpleQueue()
        self._filled: SimpleQueue[Pixels | None] = SimpleQueue()

    def __enter__(self) -> "VideoWriter":
        width, height = self.size
        for buffer in np.empty((FRAMES_IN_FLIGHT, height, width, 3), np.uint8):
            self._free.put(buffer)
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_output(self.path, self.format in FOLDERS))
            options = {"codec": self.codec} if self.codec else {}
            with self._encode_errors():
                self._encoder = ENCODERS[self.format](temporary, self.size, self.fps, **options)
            stack.push(self._end)
            self._thread = Thread(target=self._encode, name="stillwave-encode", daemon=True)
            self._thread.start()
            self._exits = stack.pop_all()
        return self

    def write(self, frame: Pixels) -> None:
        """Adds one frame, (H, W, 3) uint8."""
        width, height = self.size
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            raise EncodeError(
                f"want a uint8 frame of shape {(height, width, 3)},"
                f" got {frame.dtype} of shape {frame.shape}"
            )
        buffer = self._free.get()
        with self._encode_errors():
            if self._error is not None:
                raise self._error
        np.copyto(buffer, frame)
        self._filled.put(buffer)
        self.num_frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exits.__exit__(kind, error, traceback)

    def _encode(self) -> None:
        """The thread's work. After an error it goes on to empty the queue, lest `write` waits."""
        while (buffer := self._filled.get()) is not None:
            try:
                if self._error is None and not self._is_abandoned:
                    self._encoder.write(buffer)
            except Exception as error:
                self._error = error
            self._free.put(buffer)

    def _end(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_abandoned = kind is not None
        self._filled.put(None)
        self._thread.join()
        try:
            if self._is_abandoned:
                return
            if self.num_frames == 0:
                raise EncodeError(f"{self.path}: no frame was written; nothing to keep")
            with self._encode_errors():
                if self._error is not None:
                    raise self._error
                self._encoder.finish()
        finally:
            with suppress(Exception):  # `finish` has reported what can go wrong with a whole file
                self._encoder.close()

    @contextmanager
    def _encode_errors(self) -> Iterator[None]:
        try:
            yield
        except StillwaveError:
            raise
        except Exception as error:  # of Pillow, PyAV and the file system alike
            raise EncodeError(
                f"{self.path}: encoding failed after {self.num_frames} frames: {error}"
            ) from error
