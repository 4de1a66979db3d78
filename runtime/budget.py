"""What runs within a memory budget: measured engine sizes plus planned arrays, before anything runs.

Stages never overlap, so the peak is the largest of: encode, denoise, decode, extract, render. The
renderer's tiles shrink until it fits; the networks before it have one size. Every figure below is
what `benchmarks/end_to_end.py --stages memory` must find to be enough.
"""

from collections.abc import Iterator

from .bundle import Manifest
from .errors import BudgetError
from .formats import encoder_bytes
from .memory import format_bytes
from .photo import MIN_SIDE, Size
from .renderer import Layout
from .spectrum import network_grid

DECODER_BATCH = 3  # slices decoded at a time: as fast as all 15 at once, in a fifth of the memory
PROCESS = 20 * 2**20  # code, tables and threads of Pillow and ONNX Runtime, from their first use on
ENGINE_BASE = 2 * 2**20  # what an engine takes at any size
PIXEL = 6  # bytes of a pixel of the photo and of the frame, one each


def layout_for(manifest: Manifest, size: Size, grid: Size, num_frequencies: int, budget: int) -> Layout:
    """The layout of a scene with the fewest tiles that fits, or `BudgetError` with the least that would.

    size, grid   (width, height) of the frame and of the motion over the photo
    """
    analysis = analysis_bytes(manifest, size)
    needs = []
    for layout in layouts(manifest, size, grid, num_frequencies):
        needs.append(max(scene_bytes(manifest, layout), analysis))
        if needs[-1] <= budget:
            return layout
    smaller = _size_within(manifest, size, grid, num_frequencies, budget)
    raise BudgetError(
        f"{size[0]} x {size[1]} needs at least {format_bytes(min(needs))}, the budget is {format_bytes(budget)}; "
        f"raise --memory-budget" + (f" or choose --size {smaller[0]}x{smaller[1]}" if smaller else "")
    )


def scene_bytes(manifest: Manifest, layout: Layout) -> int:
    """Peak of a scene: what it holds, and the larger of setting it up and rendering it to a file."""
    pixels, cells = layout.height * layout.width, layout.tile_rows * layout.padded[1]
    volume = 4 * 4 * layout.num_frequencies * layout.grid[0] * layout.grid[1]
    setting_up = engine_bytes(manifest, "pyramid", cells) + volume
    rendering = engine_bytes(manifest, "synthesis", cells) + encoder_bytes("mp4", None, (layout.width, layout.height))
    return PROCESS + layout.plan().nbytes + PIXEL * pixels + volume + max(setting_up, rendering)


def analysis_bytes(manifest: Manifest, size: Size) -> int:
    """Peak of predicting a photo's motion: one engine at a time, then the volume in up to six forms."""
    width, height = network_grid(*size, manifest.grid_multiple)
    volume = 4 * 4 * manifest.num_frequencies * width * height
    latent_cells = width * height // manifest.latent_stride**2
    stages = (
        engine_bytes(manifest, "image_encoder", 4 * width * height),
        engine_bytes(manifest, "denoiser", latent_cells),
        engine_bytes(manifest, "decoder", latent_cells) + 2 * volume,
        6 * volume,
    )
    return PROCESS + PIXEL * size[0] * size[1] + volume // 2 + max(stages)


def engine_bytes(manifest: Manifest, name: str, cells: int) -> int:
    """File, weights and working memory of a network whose first input has so many cells (rows x columns)."""
    network = manifest.networks[name]
    is_channels_last = name == "synthesis"
    rows, columns = network.workspace_shape[1:3] if is_channels_last else network.workspace_shape[2:4]
    workspace = network.workspace_bytes * cells // (rows * columns)
    return ENGINE_BASE + manifest.files[network.file].bytes + workspace


def layouts(manifest: Manifest, size: Size, grid: Size, num_frequencies: int) -> Iterator[Layout]:
    """From one tile to as many as make sense: none computes more than twice the rows it keeps."""
    (width, height), multiple, halo = size, manifest.render.feature_multiple, manifest.render.halo
    padded_height, padded_width = -(-height // multiple) * multiple, -(-width // multiple) * multiple
    rows, columns = max(1, round(grid[1] * padded_height / height)), max(1, round(grid[0] * padded_width / width))
    channels, previous = _channels(manifest), 0
    for tiles in range(1, max(1, padded_height // (2 * halo)) + 1):
        computed = padded_height + 2 * (tiles - 1) * halo
        tile_rows = -(-computed // (tiles * multiple)) * multiple
        if tile_rows != previous:
            previous = tile_rows
            yield Layout(height, width, (rows, columns), num_frequencies, channels, multiple, halo, tile_rows)


def _size_within(manifest: Manifest, size: Size, grid: Size, num_frequencies: int, budget: int) -> Size | None:
    """A smaller size of the same shape that fits, if any does."""
    for percent in range(95, 15, -5):
        width, height = (max(MIN_SIDE, 2 * round(side * percent / 200)) for side in size)
        choices = layouts(manifest, (width, height), grid, num_frequencies)
        least = min(scene_bytes(manifest, layout) for layout in choices)
        if max(least, analysis_bytes(manifest, (width, height))) <= budget:
            return width, height
    return None


def _channels(manifest: Manifest) -> tuple[int, ...]:
    """Channels of each pyramid level, finest first."""
    outputs = manifest.networks["pyramid"].outputs
    return tuple(int(outputs[f"level{j}"].shape[3]) for j in range(len(outputs)))
