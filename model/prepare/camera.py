"""A camera that creeps, held still: what the surroundings do together is taken out of the frames."""

import cv2
import numpy as np

SPACING = 8  # cells between the places where the flow is looked at
AGREEMENT = 0.35  # px of the flow's grid
LEAST_ALIKE = 0.25  # of the places, in the median frame: else what moves together is not the surroundings
FARTHEST = 0.04  # of the width that the camera may travel: beyond, the picture's edges are other things


def camera_paths(F: np.ndarray, least: float = LEAST_ALIKE) -> np.ndarray | None:
    """Shift, turn and zoom of the surroundings from the first frame to each: flow (T, 2, h, w) -> (T, 2, 3).

    None where no such path explains at least a share of the flow, or the camera travels too far.
    """
    h, w = F.shape[2:]
    y, x = (a.ravel() for a in np.mgrid[SPACING // 2 : h : SPACING, SPACING // 2 : w : SPACING])
    places = np.stack([x, y], 1).astype(np.float32)
    corners = np.array([[0, 0], [w, 0], [0, h], [w, h]])
    paths, agreed = [np.eye(2, 3)], []
    for t in range(1, len(F)):
        ends = places + F[t][:, y, x].T
        path, agree = cv2.estimateAffinePartial2D(
            places, ends, method=cv2.RANSAC, ransacReprojThreshold=AGREEMENT, confidence=0.999
        )
        if path is None or np.abs(corners @ path[:, :2].T + path[:, 2] - corners).max() > FARTHEST * w:
            return None
        paths.append(path)
        agreed.append(agree.mean())
    return np.stack(paths) if np.median(agreed) >= least else None


def without_camera(F: np.ndarray, paths: np.ndarray) -> np.ndarray:
    """The flow (T, 2, h, w) that a still camera would have seen."""
    h, w = F.shape[2:]
    place = np.mgrid[0:h, 0:w][::-1].astype(np.float32)
    back = np.linalg.inv(paths[:, :, :2]).astype(np.float32)
    ends = place + F - paths[:, :, 2, None, None].astype(np.float32)
    return np.einsum("tij,tjhw->tihw", back, ends) - place


def held_still(frames: np.ndarray, paths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The frames as if the camera had stayed where it was in the first.

    frames   uint8 (T, H, W, 3), twice the grid of `paths`
    returns  frames, and float32 (H/2, W/2): 1 where every frame had something to show, else 0
    """
    height, width = frames.shape[1:3]
    steady, shown = np.empty_like(frames), np.full((height, width), 255, np.uint8)
    for t, path in enumerate(paths):
        # a cell's centre (i + 0.5) is twice as far along in the frame
        offset = path[:, 2] * 2 + 0.5 - path[:, :2] @ np.full(2, 0.5)
        to_frame = np.column_stack([path[:, :2], offset])
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_CUBIC
        steady[t] = cv2.warpAffine(frames[t], to_frame, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        inside = cv2.warpAffine(np.full_like(shown, 255), to_frame, (width, height), flags=cv2.WARP_INVERSE_MAP)
        np.minimum(shown, inside, out=shown)
    # the flow looks a few pixels around
    shown = cv2.erode(shown, np.ones((9, 9)), borderType=cv2.BORDER_CONSTANT, borderValue=255)
    small = cv2.resize(shown, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return steady, (small == 255).astype(np.float32)
