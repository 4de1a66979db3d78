"""What a bundle says about itself."""

import re
from dataclasses import dataclass

from .errors import BundleError
from .records import json_value, record_from_json, require

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
SHA256 = re.compile("[0-9a-f]{64}")
PRECISIONS = ("fp32", "fp16", "int8", "mixed")


@dataclass(frozen=True)
class FileRecord:
    sha256: str
    bytes: int

    def __post_init__(self) -> None:
        is_digest = SHA256.fullmatch(self.sha256) is not None
        require(is_digest, "sha256 of 64 hexadecimal digits", self.sha256)
        require(self.bytes >= 0, "bytes of 0 or more", self.bytes)


@dataclass(frozen=True)
class TensorRecord:
    """A dimension is a size, a symbol such as "h", or a multiple of one such as "8*h"."""

    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class NetworkRecord:
    """What a network takes beside its file: `weights_bytes` at any size, once loaded, and `workspace_bytes`
    with a first input of shape `workspace_shape`, in proportion to its rows and columns; both measured.
    """

    file: str
    precision: str
    inputs: dict[str, TensorRecord]
    outputs: dict[str, TensorRecord]
    weights_bytes: int
    workspace_bytes: int
    workspace_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        require(self.precision in PRECISIONS, f"precision of {PRECISIONS}", self.precision)
        require(self.weights_bytes >= 0, "weights_bytes of 0 or more", self.weights_bytes)
        require(self.workspace_bytes >= 0, "workspace_bytes of 0 or more", self.workspace_bytes)


@dataclass(frozen=True)
class ScheduleRecord:
    """The noise schedule of training, and the sampling it is meant for."""

    train_steps: int
    beta_start: float
    beta_end: float
    kind: str
    prediction: str
    guidance: float
    steps: int

    def __post_init__(self) -> None:
        limit = self.train_steps
        require(1 <= self.steps <= limit, f"steps of 1 to train_steps = {limit}", self.steps)
        is_rising = 0 < self.beta_start <= self.beta_end < 1
        require(is_rising, "0 < beta_start <= beta_end < 1", (self.beta_start, self.beta_end))


@dataclass(frozen=True)
class RenderRecord:
    """`halo` px of the photo surround a tile; see the renderer for the other two."""

    feature_multiple: int
    halo: int
    weight_exponent: float

    def __post_init__(self) -> None:
        require(self.feature_multiple >= 1, "feature_multiple of 1 or more", self.feature_multiple)
        is_multiple = self.halo > 0 and self.halo % self.feature_multiple == 0
        require(is_multiple, f"halo of a multiple of {self.feature_multiple}", self.halo)


@dataclass(frozen=True)
class Manifest:
    """Everything the runtime knows about a bundle before it opens a network.

    provenance   free: how, and on what, the weights were trained
    grid         (width, height) px of the motion grid in training, multiples of grid_multiple
    scales       (K,) px, s_k of paper eq. 4
    latent_mean  (latent_channels,), with latent_std what training whitened the latents by; the decoder
                 undoes it, the runtime need not
    files        every file of the bundle but the manifest itself, by its path in the folder
    """

    format_version: int
    name: str
    preset: str
    licence: str
    provenance: dict[str, object]
    num_frequencies: int
    num_frames: int
    fps: float
    grid: tuple[int, int]
    grid_multiple: int
    latent_channels: int
    latent_stride: int
    latent_mean: tuple[float, ...]
    latent_std: tuple[float, ...]
    scales: tuple[float, ...]
    schedule: ScheduleRecord
    render: RenderRecord
    networks: dict[str, NetworkRecord]
    files: dict[str, FileRecord]

    def __post_init__(self) -> None:
        K, T, C = self.num_frequencies, self.num_frames, self.latent_channels
        require(self.format_version == FORMAT_VERSION, "format_version of 1", self.format_version)
        require(T >= 2, "num_frames of 2 or more", T)
        require(2 <= K <= T // 2 + 1, f"num_frequencies of 2 to {T // 2 + 1}", K)
        require(self.fps > 0, "fps of more than 0", self.fps)
        require(self.grid_multiple >= 1, "grid_multiple of 1 or more", self.grid_multiple)
        is_multiple = all(side > 0 and side % self.grid_multiple == 0 for side in self.grid)
        require(is_multiple, f"grid of multiples of {self.grid_multiple}", self.grid)
        require(C >= 1, "latent_channels of 1 or more", C)
        require(self.latent_stride >= 1, "latent_stride of 1 or more", self.latent_stride)
        require(len(self.latent_mean) == C, f"latent_mean of {C} numbers", self.latent_mean)
        require(len(self.latent_std) == C, f"latent_std of {C} numbers", self.latent_std)
        require(min(self.latent_std) > 0, "latent_std of more than 0", self.latent_std)
        require(len(self.scales) == K, f"scales of {K} numbers", self.scales)
        require(min(self.scales) >= 0, "scales of 0 or more", self.scales)
        for name in self.files:
            is_plain = FILE_NAME.fullmatch(name) is not None and name != MANIFEST_NAME
            require(is_plain, "files by plain paths inside the bundle", name)
        for name, network in self.networks.items():
            rule = f"the file of network {name} among files"
            require(network.file in self.files, rule, network.file)


def manifest_from_json(text: bytes, where: str) -> Manifest:
    """The manifest that a JSON text holds, every field checked."""
    value = json_value(text, where)
    version = value.get("format_version", FORMAT_VERSION) if isinstance(value, dict) else None
    if type(version) is int and version != FORMAT_VERSION:
        raise BundleError(
            f"{where}: bundle format {version}, this stillwave reads format {FORMAT_VERSION};"
            " install the stillwave that the bundle was made for"
        )
    return record_from_json(Manifest, value, where)
