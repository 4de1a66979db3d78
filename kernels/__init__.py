"""Motion synthesis, softmax splatting and what a renderer needs around them: numpy in, numpy out.

Compiled once per instruction set and chosen when first used; where no compiler was at hand the
numpy reference answers instead and says so once.
"""

from stillwave.kernels._library import build_info
from stillwave.kernels.ddim import ddim_step
from stillwave.kernels.frame import frame_from_planes, nv12_from_planes
from stillwave.kernels.motion import BlockedSpectrum, motion_at
from stillwave.kernels.resize import resize_map, resize_motion
from stillwave.kernels.splat import splat, splat_workspace_bytes

__all__ = [
    "BlockedSpectrum",
    "build_info",
    "ddim_step",
    "frame_from_planes",
    "motion_at",
    "nv12_from_planes",
    "resize_map",
    "resize_motion",
    "splat",
    "splat_workspace_bytes",
]
