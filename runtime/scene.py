"""One photo with its motion: any frame at any time."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .dynamics import Dynamics, mobility, modes_at, pose_towards
from .errors import MotionError
from .loops import fade_shares, rhythm_for
from .renderer import PASS
from .rhythm import Complex, Double, Rhythm, natural_turns, parts_from_weights
from .spectrum import Float

Frame = npt.NDArray[np.uint8]

REACH = 0.1  # of the long side: as far as a drag pulls
SYMPATHY = 2.0  # times as far as the pointer: the most that anything else moves with it
CALM_PX = 0.1  # of the motion grid: below this largest displacement a touched scene fades to the photo


class FrameMaker(Protocol):
    """What a scene's frames come from: `Renderer`, or `DeviceRenderer`, whose motions are numbers."""

    photo: Frame
    layout: Any

    def motions(self, basis: Float) -> Any: ...

    def farthest(self, motion: Any, /) -> float: ...

    def render(self, motion: Any, /, out: Frame, liveliness: float = 1.0) -> None: ...

    def preview(self, motion: Any, /, out: Frame) -> None: ...

    def close(self) -> None: ...


class Scene:
    """What `Animator.analyze` and `Animator.scene` return. Close it, or leave its `with` block, to
    free its memory; frames it has given out stay valid.
    """

    def __init__(
        self,
        renderer: FrameMaker,
        spectral_volume: Float | None,
        num_frames: int,
        fps: float,
        is_predicted: bool = False,
    ):
        self._renderer = renderer
        self._volume = spectral_volume
        self.num_frames = num_frames  # of the motion: it repeats after so many
        self.fps = fps  # of the motion
        self.is_predicted = is_predicted  # loops may begin with any of its moments
        self.dynamics = Dynamics(self.num_frequencies, num_frames / fps)
        self._mobility: float | None = None

    @property
    def spectral_volume(self) -> Float:
        """How it moves: (K, 4, h, w) float32, px of a grid over the photo."""
        assert self._volume is not None  # but in DeviceScene, which gets it
        return self._volume

    @property
    def num_frequencies(self) -> int:
        return int(self._renderer.layout.num_frequencies)

    @property
    def photo(self) -> Frame:
        """The photo at render size, uint8 (H, W, 3)."""
        return self._renderer.photo[: self.size[1], : self.size[0]]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame, px."""
        return self._renderer.layout.width, self._renderer.layout.height

    def frame(self, t: float, out: Frame | None = None, magnify: float = 1.0, preview: bool = False) -> Frame:
        """The frame at time `t`, in motion frames 0..num_frames (periodic): uint8 (H, W, 3).

        `preview` leaves out the synthesis network: some ten times as fast, frayed where the motion is large.
        """
        rhythm = Rhythm(natural_turns(self.num_frequencies, self.num_frames))
        basis = rhythm.basis([check_number("t", t)], check_number("magnify", magnify))
        out = self._frame_buffer(out)
        self._render(self._renderer.motions(basis)[0], out, preview)
        return out

    def frames(
        self,
        seconds: float = 5.0,
        fps: float = 30.0,
        magnify: float = 1.0,
        speed: float = 1.0,
        out: Frame | None = None,
        loop: str = "exact",
    ) -> Iterator[Frame]:
        """Frames of a video of `seconds` at `fps`, the first of which follows the last.

        loop  "exact": frequencies are moved a little, so that each turns a whole number of times;
              "guided": frequencies stay, the motion becomes the nearest that closes, little of it
              after `analyze(loop_seconds=...)`; "crossfade": the
              last quarter fades into the start; "none": it closes where seconds * speed is a
              whole number of the motion's own period (5 s as shipped)
        out   uint8 (H, W, 3): every frame is written there and nothing is allocated
        """
        count = frame_count(seconds, fps)
        rhythm = self.rhythm(count, fps, speed, loop)
        check_number("magnify", magnify)
        return self._frames(rhythm, fade_shares(count) if loop == "crossfade" else np.zeros(count), magnify, out)

    def rhythm(self, count: int, fps: float, speed: float = 1.0, loop: str = "exact") -> Rhythm:
        """How the motion goes in a clip of `count` frames; see `frames`."""
        step = check_number("speed", speed) * self.fps / fps
        turns = natural_turns(self.num_frequencies, self.num_frames) * step
        return rhythm_for(loop, lambda: self.spectral_volume, turns, count, self.is_predicted)

    def _frames(self, rhythm: Rhythm, shares: Double, magnify: float, out: Frame | None) -> Iterator[Frame]:
        """The clip; where a frame's share is not 0, so much of it is the frame one clip earlier."""
        count, earlier = len(shares), self._frame_buffer(None) if shares.any() else None
        for first in range(0, count, PASS // 2 if earlier is not None else PASS):
            times = range(first, min(first + (PASS // 2 if earlier is not None else PASS), count))
            both = [*times, *(t - count for t in times)] if earlier is not None else times
            motions = self._renderer.motions(rhythm.basis(both, magnify))
            for i, t in enumerate(times):
                frame = self._frame_buffer(out)
                self._renderer.render(motions[i], frame)
                if earlier is not None and shares[t]:
                    self._renderer.render(motions[len(times) + i], earlier)
                    _blend(frame, earlier, shares[t])
                yield frame

    def drag(self, x: float, y: float, dx: float, dy: float) -> None:
        """Hold what the photo shows at (x, y), pulled by (dx, dy): px of a frame, until `release`.

        It follows the pointer as far as it can move at all, at most a tenth of the frame's long side.
        """
        (width, height), (rows, columns) = self.size, self.spectral_volume.shape[2:]
        x, y, dx, dy = (check_number(n, v) for n, v in zip(("x", "y", "dx", "dy"), (x, y, dx, dy), strict=True))
        pull = dx * min(1.0, self._reach(dx, dy)), dy * min(1.0, self._reach(dx, dy))
        to_grid = columns / width, rows / height
        modes = modes_at(self.spectral_volume, (x + 0.5) * to_grid[0] - 0.5, (y + 0.5) * to_grid[1] - 0.5)
        if self._mobility is None:
            self._mobility = mobility(self.spectral_volume)
        pulled = pull[0] * to_grid[0], pull[1] * to_grid[1]
        pose = pose_towards(modes, pulled, self._mobility)
        farthest = self._renderer.farthest(self._renderer.motions(_basis(pose))[0])
        self.dynamics.drag(pose * min(1.0, SYMPATHY * float(np.hypot(*pulled)) / max(farthest, 1e-9)))

    def release(self) -> None:
        """Let go of what `drag` holds: it swings until it is at rest."""
        self.dynamics.release()

    def step(self, dt: float, wind: float = 0.0, preview: bool = False, out: Frame | None = None) -> Frame:
        """The touched scene `dt` seconds after the last step: uint8 (H, W, 3). At rest it is the photo.

        wind     how much of the scene's own motion is blended in, 1 for all; changes take a second
        preview  see `frame`
        """
        if check_number("dt", dt) < 0:
            raise ValueError(f"dt must be 0 s or more, got {dt}")
        self.dynamics.advance(dt, check_number("wind", wind))
        out = self._frame_buffer(out)
        motion = self._renderer.motions(_basis(self.dynamics.weights()))[0]
        liveliness = min(1.0, self._renderer.farthest(motion) / CALM_PX)
        self._render(motion, out, preview, liveliness)
        return out

    def _reach(self, dx: float, dy: float) -> float:
        return REACH * max(self.size) / max(float(np.hypot(dx, dy)), 1e-9)

    def _render(self, motion: Float, out: Frame, preview: bool, liveliness: float = 1.0) -> None:
        if preview:
            self._renderer.preview(motion, out)
        else:
            self._renderer.render(motion, out, liveliness)

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


def _blend(frame: Frame, other: Frame, share: float) -> None:
    """frame += share (other - frame), in place, a row at a time: no copy of the frame is made."""
    for row, other_row in zip(frame, other, strict=True):
        row[...] = np.rint(row + np.float32(share) * (other_row.astype(np.float32) - row))


def _basis(weights: Complex) -> Float:
    """The kernels' matrix of one displacement, from weights (K,)."""
    return parts_from_weights(weights[None]).astype(np.float32)


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
