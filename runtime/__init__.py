"""One still photo in, a looping picture out. Start at `Animator`.

Importing this package loads nothing heavy: each name is imported when it is first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .errors import (
    BackendError,
    BudgetError,
    BundleError,
    CancelledError,
    EncodeError,
    EngineCacheError,
    MotionError,
    PhotoError,
    StillwaveError,
)

if TYPE_CHECKING:
    from .animator import Animator
    from .bundle import Bundle
    from .edit import Edit
    from .motion_file import MotionFile, read_motion, write_motion
    from .photo import read_photo
    from .scene import Scene
    from .scene_page import html_from_motion
    from .video import VideoWriter

MODULE_OF = {
    "Animator": "animator",
    "Bundle": "bundle",
    "Edit": "edit",
    "MotionFile": "motion_file",
    "Scene": "scene",
    "VideoWriter": "video",
    "html_from_motion": "scene_page",
    "read_motion": "motion_file",
    "read_photo": "photo",
    "write_motion": "motion_file",
}

__all__ = [
    "Animator",
    "BackendError",
    "BudgetError",
    "Bundle",
    "BundleError",
    "CancelledError",
    "Edit",
    "EncodeError",
    "EngineCacheError",
    "MotionError",
    "MotionFile",
    "PhotoError",
    "Scene",
    "StillwaveError",
    "VideoWriter",
    "html_from_motion",
    "read_motion",
    "read_photo",
    "write_motion",
]


def __getattr__(name: str) -> Any:
    if name not in MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
