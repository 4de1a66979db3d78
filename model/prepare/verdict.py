"""What is kept of a window of frames: the paper's filters for camera motion and stillness, and a few more."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from stillwave.runtime import spectrum

from ..clips import measure_flow, motion_gate
from .camera import LEAST_ALIKE, camera_paths, held_still, without_camera

# The paper's figures are px of its 256 x 160 pictures; here they are px of a grid 256 wide.
CAMERA_PX, CAMERA_SHARE = 1.0, 0.95
# The paper wants a mean of 1 px over the picture. Single plants before still walls never reach that, and
# (hardly any of the 19 development loops does): here a small part of the picture has to move visibly.
MOVING_PX, MOVING_SHARE = 0.5, 0.005
CUT_LEVELS, CUT_RATIO = 10.0, 6.0  # grey levels between frames, and of the median: another take begins
# A camera that creeps less than the paper's filter sees: nearly all moves a little, and most of it alike.
CREEPING_SHARE, CREEPING_ALIKE = 0.9, 0.6
# Share of the moving pixels whose last frame is at most so many ordinary steps from the first, their speed going on
# there, or is the first again. Seven development loops: .83 and more; cut short: .40 and less; but .79 of a window
# of the aquarium, where little moves. A loop not seen as one only loses its other starts.
LOOP_SHARE, LOOP_STEPS, SAME_FRAME = 0.8, 1.5, 0.25
LEAST_PX = 0.02  # of a step or turn: below is noise
NUM_FREQUENCIES = 16


@dataclass(frozen=True)
class Verdict:
    """Why a window was kept or dropped, and its motion.

    volume  float32 (K, 4, H/2, W/2) px of that grid; None where dropped
    drift   float32 (2, H/2, W/2) px: how far what does not loop had come at the end, taken out of the volume
    """

    reason: str  # empty: kept
    figures: dict[str, float] = field(default_factory=dict)
    is_loop: bool = False
    held: bool = False  # the camera crept and was held still
    activity: np.ndarray | None = None  # (H/2, W/2) mean trajectory magnitude, px
    volume: np.ndarray | None = None
    drift: np.ndarray | None = None


def judge(frames: np.ndarray) -> Verdict:
    """uint8 (T, 288, 512, 3) -> kept or dropped, and why."""
    jump = largest_jump(frames)
    if jump > 1:
        return Verdict("scene cut", {"cut": jump})
    F, gate = measure_flow(frames), 1.0
    figures = {"camera_share": share_above(F, CAMERA_PX)}
    travels = figures["camera_share"] >= CAMERA_SHARE
    creeps = share_above(F, MOVING_PX) >= CREEPING_SHARE
    paths = camera_paths(F, LEAST_ALIKE if travels else CREEPING_ALIKE) if travels or creeps else None
    if paths is not None:
        frames, gate = held_still(frames, paths)
        F = without_camera(F, paths)
        figures["held_share"] = share_above(F * gate, CAMERA_PX)
        travels = figures["held_share"] >= CAMERA_SHARE
    if travels:
        return Verdict("camera moves", figures, activity=trajectory_magnitude(F))
    F = F * (gate * motion_gate(frames, (frames.shape[2] // 2, frames.shape[1] // 2)))
    activity = trajectory_magnitude(F)
    figures |= {"mean_px": float(activity.mean()), "moving_share": float((activity > MOVING_PX).mean())}
    if figures["moving_share"] < MOVING_SHARE:
        return Verdict("nothing moves", figures, held=paths is not None, activity=activity)
    figures["closing_share"] = closing_share(F)
    # a held camera's later frames are not those of the file, so only the first is a start frame
    is_loop = paths is None and figures["closing_share"] >= LOOP_SHARE
    drift = np.zeros_like(F[0]) if is_loop else end_drift(F)
    volume = spectrum.volume_from_motion(without_drift(F, drift), NUM_FREQUENCIES)
    return Verdict("", figures, is_loop, paths is not None, activity, volume, drift)


def trajectory_magnitude(F: np.ndarray) -> np.ndarray:
    """Mean length of the displacement of every pixel: (T, 2, h, w) -> (h, w) px."""
    return np.sqrt((F**2).sum(1)).mean(0)


def share_above(F: np.ndarray, px: float) -> float:
    """Pixels whose mean trajectory magnitude is above so many px (paper: 1 px). Where it is asked for a camera,
    ungated: a pan shows on flat sky, too.
    """
    return float((trajectory_magnitude(F) > px).mean())


def largest_jump(frames: np.ndarray) -> float:
    """How near the largest change between neighbouring frames comes to another take: above 1 is one."""
    small = np.stack([cv2.resize(f, (64, 36), interpolation=cv2.INTER_AREA) for f in frames]).astype(np.float32)
    change = np.abs(np.diff(small, axis=0)).mean((1, 2, 3))
    return float(change.max() / max(CUT_LEVELS, CUT_RATIO * float(np.median(change))))


def closing_share(F: np.ndarray) -> float:
    """Share of the moving pixels whose last frame is as near the first, in place and speed, as frames usually are:
    near 1 for a loop. By pixels, because what passes through counts as much as it covers.
    """
    moving = F[:, :, trajectory_magnitude(F) > MOVING_PX]  # (T, 2, n); F_0 is zero
    steps, turns = (np.linalg.norm(np.diff(moving, n, axis=0), axis=1) for n in (1, 2))
    step = np.linalg.norm(moving[-1], axis=0)
    turn = np.maximum(*(np.linalg.norm(x, axis=0) for x in (moving[1] + moving[-1], moving[-2] - 2 * moving[-1])))
    step /= np.maximum(np.percentile(steps, 90, axis=0), LEAST_PX)
    turn /= np.maximum(np.percentile(turns, 95, axis=0), LEAST_PX)
    return float(((step <= SAME_FRAME) | ((step <= LOOP_STEPS) & (turn <= LOOP_STEPS))).mean())


def end_drift(F: np.ndarray) -> np.ndarray:
    """How far each pixel would be from its start one step after the end: (T, 2, h, w) -> (2, h, w) px.

    Three frames' mean step, so that one frame's noise does not count as drift.
    """
    return F[-1] + (F[-1] - F[-4]) / 3


def without_drift(F: np.ndarray, drift: np.ndarray) -> np.ndarray:
    """The motion whose ends meet. A jump between them would leak into every harmonic as drift / (2 pi k).

    A window function instead would calm the motion at both ends, and frame 0 would no longer be the photo.
    """
    share = np.arange(len(F), dtype=np.float32) / len(F)
    return F - share[:, None, None, None] * drift
