"""One photo with its motion: any frame at any time."""

from collections.abc import Iterator
from types import TracebackType

import numpy as np
import numpy.typing as npt

from .errors import MotionError
from .renderer import PASS, Renderer
from .spectrum import Float

Frame = npt.NDArray[np.uint8]


class Scene:
    """What `Animator.analyze` and `Animator.scene` return. Close it, or leave its `with` block, to
    free its memory; frames it has given out stay valid.
    """

    def __init__(self, renderer: Renderer, spectral_volume: Float, num_frames: int, fps: float):
        self._renderer = renderer
        self.spectral_volume = spectral_volume  # (K, 4, h, w) float32, px of a grid over the photo
        self.num_frames = num_frames  # of the motion: it repeats after so many
        self.fps = fps  # of the motion

    @property
    def photo(self) -> Frame:
        """The photo at render size, uint8 (H, W, 3)."""
        return self._renderer.photo[: self.size[1], : self.size[0]]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame, px."""
        return self._renderer.layout.width, self._renderer.layout.height

    def frame(self, t: float, out: Frame | None = None, magnify: float = 1.0) -> Frame:
        """The frame at time `t`, in motion frames 0..num_frames (periodic): uint8 (H, W, 3)."""
        motion = self._renderer.motions([check_number("t", t)], check_number("magnify", magnify))
        out = self._frame_buffer(out)
        self._renderer.render(motion[0], out)
        return out

    def frames(
        self,
        seconds: float = 5.0,
        fps: float = 30.0,
        magnify: float = 1.0,
        speed: float = 1.0,
        out: Frame | None = None,
    ) -> Iterator[Frame]:
        """Frames of a video of `seconds` at `fps`. It closes exactly where seconds * speed is a whole
        number of the motion's own period (5 s as shipped).

        With `out` (uint8 (H, W, 3)) every frame is written there and nothing is allocated.
        """
        count = frame_count(seconds, fps)
        step = check_number("speed", speed) * self.fps / fps
        check_number("magnify", magnify)
        for first in range(0, count, PASS):
            times = [i * step for i in range(first, min(first + PASS, count))]
            for motion in self._renderer.motions(times, magnify):
                frame = self._frame_buffer(out)
                self._renderer.render(motion, frame)
                yield frame

    def _frame_buffer(self, out: Frame | None) -> Frame:
        width, height = self.size
        if out is None:
            return np.empty((height, width, 3), np.uint8)
        if out.shape != (height, width, 3) or out.dtype != np.uint8:
            raise ValueError(f"out must be uint8 ({height}, {width}, 3), got {out.dtype} {out.shape}")
        return out

    def close(self) -> None:
        """Free the scene's memory; a second call does nothing."""
        self._renderer.close()

    def __enter__(self) -> "Scene":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def frame_count(seconds: float, fps: float) -> int:
    """Whole frames in a video of `seconds` at `fps`."""
    if not (0 < seconds <= 3600 and 0 < fps <= 240):
        raise ValueError(f"want 0 < seconds <= 3600 and 0 < fps <= 240, got {seconds} s at {fps}")
    return max(1, round(seconds * fps))


def check_number(name: str, value: float) -> float:
    if not np.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value}")
    return float(value)


def check_volume(volume: Float, photo_size: tuple[int, int]) -> Float:
    """A spectral volume from elsewhere, or `MotionError`."""
    if volume.ndim != 4 or volume.shape[1] != 4 or not 1 <= len(volume) <= 128:
        raise MotionError(f"a spectral volume is (K, 4, H, W) with K up to 128, got {volume.shape}")
    if not np.isfinite(volume).all():
        raise MotionError("the spectral volume holds values that are not finite; predict it again")
    width, height = photo_size
    shape_ratio = volume.shape[3] / volume.shape[2] * height / width
    if not 0.9 < shape_ratio < 1.1:
        raise MotionError(
            f"the motion's grid {volume.shape[3]} x {volume.shape[2]} has not the photo's shape "
            f"{width} x {height}; the grid must cover the whole photo"
        )
    return np.ascontiguousarray(volume, np.float32)
