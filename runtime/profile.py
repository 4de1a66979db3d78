"""The sizes a network is built for: a TensorRT engine runs within the range of every symbol, best at the middle."""

from collections.abc import Mapping

from .budget import DECODER_BATCH
from .engine import factor_and_symbol
from .manifest import Manifest, NetworkRecord
from .photo import LONGEST_SIDE, MIN_SIDE, Size
from .spectrum import GRID_SIDES, network_grid

Profile = Mapping[str, tuple[int, int, int]]  # symbol -> least, usual, most

FRAME = (512, 288)  # width, height of the usual frame
# The array that tells a network's size, and how many of its rows or columns a cell of the motion grid is.
PREDICTING = {"image_encoder": ("photo", 2.0), "denoiser": ("latents", 1.0), "decoder": ("latents", 1.0)}
RENDERING = {"pyramid": "photo", "synthesis": "frame"}
ON_DEVICE = (*PREDICTING, *RENDERING)  # the other networks of a bundle guide the processor's sampler


def profiles(manifest: Manifest, frame: Size | None = None) -> dict[str, Profile]:
    """Of every network that a device runs, from the sizes in the manifest: any grid and any frame, or just this
    frame and its grid.
    """
    least, most = (manifest.grid_multiple * side for side in GRID_SIDES)
    grids = [(least, least), manifest.grid, (most, most)]
    frames = [(MIN_SIDE, MIN_SIDE), FRAME, (LONGEST_SIDE, LONGEST_SIDE)]
    if frame is not None:
        grids, frames = [network_grid(*frame, manifest.grid_multiple)] * 3, [frame] * 3
    return {name: _profile(manifest, name, grids, frames) for name in manifest.networks if name in ON_DEVICE}


def fixed(sizes: Mapping[str, int]) -> Profile:
    """For these sizes and no others: as fast as an engine gets."""
    return {symbol: (size, size, size) for symbol, size in sizes.items()}


def holds(profile: Profile, sizes: Mapping[str, int]) -> bool:
    """Whether an engine of this profile runs at these sizes."""
    return all(profile[symbol][0] <= size <= profile[symbol][2] for symbol, size in sizes.items())


def text_of(profile: Profile) -> str:
    """h=3..5..16 w=8: the same text for the same profile."""
    parts = []
    for symbol, (least, usual, most) in sorted(profile.items()):
        parts.append(f"{symbol}={usual}" if least == most else f"{symbol}={least}..{usual}..{most}")
    return " ".join(parts)


def _profile(manifest: Manifest, name: str, grids: list[Size], frames: list[Size]) -> Profile:
    network = manifest.networks[name]
    found = [_sizes(manifest, network, name, grid, frame) for grid, frame in zip(grids, frames, strict=True)]
    return {symbol: (found[0][symbol], found[1][symbol], found[2][symbol]) for symbol in found[0]}


def _sizes(manifest: Manifest, network: NetworkRecord, name: str, grid: Size, frame: Size) -> dict[str, int]:
    if name in RENDERING:
        tensor, multiple = RENDERING[name], manifest.render.feature_multiple
        width, height = (-(-side // multiple) * multiple for side in frame)
    else:
        tensor, scale = PREDICTING[name]
        if tensor == "latents":
            scale /= manifest.latent_stride
        width, height = (round(side * scale) for side in grid)
    shape = (network.inputs | network.outputs)[tensor].shape
    sizes = {}
    for dimension, size in zip(shape, (DECODER_BATCH, 0, height, width), strict=True):
        if isinstance(dimension, str):
            factor, symbol = factor_and_symbol(dimension)
            sizes[symbol] = size // factor
    return sizes
