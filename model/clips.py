"""From video to spectral volumes: frames, optical flow from the first frame, gate, Fourier transform.

Measured choices (flow method, gate) are in docs/training.md.
"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from stillwave.runtime import spectrum

FLOW_SIZE = (512, 288)
GATE_SIGMA_PX = 2.5
GATE_RANGE = (0.8, 2.0)  # grey levels of local temporal deviation: below, codec noise; above, motion


@dataclass(frozen=True)
class Clip:
    """A static-camera clip of some five seconds and its motion from frame 0.

    frames  uint8   (T, H, W, 3)      512 x 288
    volume  float32 (K, 4, H/2, W/2)  px of that grid
    """

    name: str
    frames: np.ndarray
    volume: np.ndarray
    is_loop: bool = True
    video: str = ""  # what it was cut from, where that gave several

    @property
    def starts(self) -> int:
        """How many of its frames a sample can begin with: all of a loop's, else only the first."""
        return len(self.frames) if self.is_loop else 1

    def start(self, s: int) -> tuple[np.ndarray, np.ndarray]:
        """Photo and anchored volume as if frame `s` were the first: every frame of a loop is a start frame.

        The volume of frame 0, its phase advanced by s frames, is pulled to where its pixels are at s.
        """
        T, (K, _, h, w) = len(self.frames), self.volume.shape
        if s == 0:
            return self.frames[0], spectrum.anchor(np.array(self.volume))
        if not self.is_loop:
            raise ValueError(f"{self.name} is no loop: it starts at frame 0, got {s}")
        turn = np.exp(2j * np.pi * np.arange(K) * s / T)[:, None, None, None]
        complex_xy = ((self.volume[:, 0::2] + 1j * self.volume[:, 1::2]) * turn).astype(np.complex64)
        # F_0 = 0 (anchored), so the displacement from frame 0 to s is the turned volume's value at t = 0
        moved = complex_xy[0].real + 2 * complex_xy[1:].real.sum(0)
        moved -= self.volume[0, 0::2] + 2 * self.volume[1:, 0::2].sum(0)
        source = inverse_positions(moved)
        planes = np.stack([complex_xy.real, complex_xy.imag], 2).reshape(-1, h, w)
        pulled = np.stack([cv2.remap(p, *source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for p in planes])
        return self.frames[s], spectrum.anchor(pulled.reshape(K, 4, h, w))


def inverse_positions(moved: np.ndarray, iterations: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixel now at p came from: fixed point of q = p - moved(q).  (2, H, W) -> x, y (H, W)."""
    y, x = np.mgrid[0 : moved.shape[1], 0 : moved.shape[2]].astype(np.float32)
    qx, qy = x, y
    for _ in range(iterations):
        shift = [cv2.remap(m, qx, qy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for m in moved]
        qx, qy = x - shift[0], y - shift[1]
    return qx, qy


def read_frames(path: Path, limit: int = 150, first: int = 0, every: int = 1) -> np.ndarray:
    """Frames of a video, from `first` on, as the flow wants them: uint8 (T, 288, 512, 3).

    every  one of so many of the file's frames counts
    """
    import av

    with av.open(str(path)) as container:
        chosen = islice(container.decode(video=0), first * every, (first + limit) * every, every)
        return np.stack([fitted(frame) for frame in chosen])


def fitted(frame) -> np.ndarray:
    """A decoded frame (av.VideoFrame), upright, its middle cut to 16:9 and resized: uint8 (288, 512, 3)."""
    pixels = upright(frame)
    height, width = pixels.shape[:2]
    aspect = FLOW_SIZE[0] / FLOW_SIZE[1]
    w, h = min(width, round(height * aspect)), min(height, round(width / aspect))
    x, y = (width - w) // 2, (height - h) // 2
    cut = np.ascontiguousarray(pixels[y : y + h, x : x + w])
    return cut if (w, h) == FLOW_SIZE else cv2.resize(cut, FLOW_SIZE, interpolation=cv2.INTER_AREA)


def upright(frame) -> np.ndarray:
    """A decoded frame turned as its container asks: uint8 (H, W, 3)."""
    return np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))


def measure_motion(frames: np.ndarray) -> np.ndarray:
    """Gated optical flow from frame 0: uint8 (T, H, W, 3) -> float32 (T, 2, H/2, W/2), px of that grid."""
    return measure_flow(frames) * motion_gate(frames, (frames.shape[2] // 2, frames.shape[1] // 2))


def measure_flow(frames: np.ndarray) -> np.ndarray:
    """The same, not gated: also where nothing can be seen to move."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(0)
    flow.setVariationalRefinementIterations(10)
    grey = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames]
    size = (frames.shape[2] // 2, frames.shape[1] // 2)
    F = np.zeros((len(frames), 2, size[1], size[0]), np.float32)
    for t in range(1, len(frames)):
        full = flow.calc(grey[0], grey[t], None)
        F[t] = cv2.resize(full, size, interpolation=cv2.INTER_AREA).transpose(2, 0, 1) / 2
    return F


def motion_gate(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """0 where a pixel never changes beyond codec noise, 1 where it does: (H/2, W/2).

    Optical flow invents motion in flat backgrounds. Frame 0 is left out: it is the codec's key frame.
    """
    small = np.stack(
        [cv2.cvtColor(cv2.resize(f, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY) for f in frames[1:]]
    )
    local = np.sqrt(cv2.GaussianBlur(small.astype(np.float32).var(0), (0, 0), GATE_SIGMA_PX))
    x = np.clip((local - GATE_RANGE[0]) / (GATE_RANGE[1] - GATE_RANGE[0]), 0, 1)
    return x * x * (3 - 2 * x)


def load_clip(path: Path, cache: Path, num_frequencies: int = 16) -> Clip:
    """A clip's frames and volume; the flow, a minute of work, is kept in `cache`."""
    frames = read_frames(path)
    kept = cache / f"{path.stem}{'' if num_frequencies == 16 else f'-k{num_frequencies}'}.npy"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(kept, spectrum.volume_from_motion(measure_motion(frames), num_frequencies))
    return Clip(path.stem, frames, np.load(kept))
