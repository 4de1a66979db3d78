"""What CUDA kernels are told: every structure mirrors that of the same name in the .cu file of its kernel."""

from __future__ import annotations

import ctypes

MAX_LEVELS = 4


class Packing(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("spectrum", "rows", "units")],
        ("pixels", ctypes.c_int64),
        ("frequencies", ctypes.c_int),
        ("one", ctypes.c_float),
    ]


class Blocks(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("rows", "units", "terms", "scales", "out")],
        ("pixels", ctypes.c_int64),
        ("frequencies", ctypes.c_int),
        ("frames", ctypes.c_int),
    ]


class Largest(ctypes.Structure):
    _fields_ = [("values", ctypes.c_void_p), ("bits", ctypes.c_void_p), ("count", ctypes.c_int64)]


class Weights(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("weight", "largest", "importance", "activity")],
        *[(name, ctypes.c_int) for name in ("height", "width", "reach")],
        *[(name, ctypes.c_float) for name in ("exponent", "activity_scale")],
    ]


class Map(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("field", "out")],
        *[(name, ctypes.c_int) for name in ("height", "width", "height_out", "width_out")],
        ("least", ctypes.c_float),
    ]


class FrameChoice(ctypes.Structure):
    """What changes from frame to frame; see choice.h."""

    _fields_ = [("picture", ctypes.c_void_p), ("motion", ctypes.c_int), ("liveliness", ctypes.c_float)]


class Level(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("features", "importance", "motion", "out")],
        *[(name, ctypes.c_int) for name in ("height", "width", "channels")],
        *[(name, ctypes.c_int) for name in ("first_source", "first_cell", "first_vector")],
        ("cover", ctypes.c_float),
    ]


class Pyramid(ctypes.Structure):
    _fields_ = [
        ("level", Level * MAX_LEVELS),
        *[(name, ctypes.c_void_p) for name in ("choice", "grids", "activity_map", "activity")],
        *[(name, ctypes.c_void_p) for name in ("cells", "starts", "order", "shares", "tile_sums")],
        *[(name, ctypes.c_int) for name in ("num_levels", "num_sources", "num_cells", "num_vectors")],
        *[(name, ctypes.c_int) for name in ("grid_height", "grid_width", "is_out_half")],
    ]


class Step(ctypes.Structure):
    _fields_ = [(name, ctypes.c_float) for name in ("cosine", "sine", "reach", "keep", "pull", "guidance")]


class Sampling(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("velocity", "unconditional", "latents", "last", "timestep")],
        ("count", ctypes.c_int64),
        ("step", Step),
        ("next_timestep", ctypes.c_float),
    ]


class Picture(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("planes", "picture", "choice")],
        *[(name, ctypes.c_int) for name in ("plane_height", "plane_width", "height", "width")],
    ]


class Halving(ctypes.Structure):
    _fields_ = [("values", ctypes.c_void_p), ("halves", ctypes.c_void_p), ("count", ctypes.c_int64)]


class Behind(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("planes", "importance", "features")],
        *[(name, ctypes.c_int) for name in ("height", "width", "channels", "scale")],
        ("doubt", ctypes.c_float),
    ]


class Axis(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("cells", "weights")],
        *[(name, ctypes.c_int) for name in ("size", "size_out", "count")],
    ]


class Planes(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("planes", "out", "scales")],
        *[(name, Axis) for name in ("rows", "columns")],
        ("slices", ctypes.c_int),
        *[(name, ctypes.c_float) for name in ("to_x", "to_y")],
    ]


class Blur(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("planes", "out", "weights", "share")],
        *[(name, ctypes.c_int) for name in ("count", "height", "width", "reach")],
    ]


class Gains(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("slices", "amplitude", "gain")],
        *[(name, ctypes.c_int) for name in ("count", "height", "width", "rows", "columns")],
        *[(name, ctypes.c_float) for name in ("to_px", "quiet")],
    ]


class Calibration(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("slices", "gain")],
        *[(name, Axis) for name in ("rows", "columns")],
        ("count", ctypes.c_int),
    ]


class Paces(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("volume", "circle", "pace", "distance")],
        *[(name, ctypes.c_int) for name in ("frequencies", "num_frames", "height", "width", "first", "step")],
    ]


class Turning(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_void_p) for name in ("volume", "turns", "largest")],
        ("pixels", ctypes.c_int64),
        ("frequencies", ctypes.c_int),
    ]


ARGUMENTS: dict[str, type[ctypes.Structure]] = {
    "block": Packing,
    "motion": Blocks,
    "weight": Blocks,
    "largest": Largest,
    "importance": Weights,
    "resize": Map,
    "splat_move": Pyramid,
    "splat_sum": Pyramid,
    "splat_scan": Pyramid,
    "splat_fill": Pyramid,
    "splat_sort": Pyramid,
    "splat_gather": Pyramid,
    "ddim": Sampling,
    "planes": Picture,
    "rgb": Picture,
    "nv12": Picture,
    "halve": Halving,
    "behind": Behind,
    "interpolate": Planes,
    "blur": Blur,
    "gain": Gains,
    "calibrate": Calibration,
    "pace": Paces,
    "advance": Turning,
    "start": Turning,
}
