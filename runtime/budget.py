"""What runs within a memory budget: measured engine sizes plus planned arrays, before anything runs.

Stages never overlap, so the peak is the largest of: encode, denoise, decode, extract, render. The
renderer's tiles shrink until it fits; the networks before it have one size.
"""

from collections.abc import Iterator

from .bundle import Manifest
from .errors import BudgetError
from .memory import format_bytes
from .photo import Size
from .renderer import HALO, Layout
from .spectrum import network_grid

DECODER_BATCH = 3  # slices decoded at a time: as fast as all 15 at once, in a fifth of the memory
ALLOWANCE = 24 * 2**20  # the photo as decoded, the video encoder, the interpreter's own growth
ENGINE_BASE = 2 * 2**20  # what an engine takes at any size


def layout_for(manifest: Manifest, size: Size, grid: Size, num_frequencies: int, budget: int) -> Layout:
    """The layout of a scene with the fewest tiles that fits, or `BudgetError` with the least that would.

    size, grid   (width, height) of the frame and of the motion over the photo
    """
    analysis = analysis_bytes(manifest, size)
    needs = []
    for layout in _layouts(manifest, size, grid, num_frequencies):
        needs.append(max(scene_bytes(manifest, layout), analysis))
        if needs[-1] <= budget:
            return layout
    raise BudgetError(
        f"{size[0]} x {size[1]} needs at least {format_bytes(min(needs))}, the budget is "
        f"{format_bytes(budget)}; raise --memory-budget or choose a smaller --size"
    )


def scene_bytes(manifest: Manifest, layout: Layout) -> int:
    """Peak of a scene: its arena and photo, and the larger of its two engines."""
    cells = layout.tile_rows * layout.padded[1]
    engine = max(engine_bytes(manifest, name, cells) for name in ("pyramid", "synthesis"))
    volume = 4 * 4 * layout.num_frequencies * layout.grid[0] * layout.grid[1]
    frames = 4 * 3 * layout.height * layout.width  # the photo, and frames on their way to a file
    return ALLOWANCE + layout.plan().nbytes + engine + 2 * volume + frames


def analysis_bytes(manifest: Manifest, size: Size) -> int:
    """Peak of predicting a photo's motion: one engine at a time, and the volume in three forms."""
    width, height = network_grid(*size, manifest.grid_multiple)
    volume = 4 * 4 * manifest.num_frequencies * width * height
    latent_cells = width * height // manifest.latent_stride**2
    engine = max(
        engine_bytes(manifest, "image_encoder", 4 * width * height),
        engine_bytes(manifest, "denoiser", latent_cells),
        engine_bytes(manifest, "decoder", latent_cells),
    )
    return ALLOWANCE + engine + 3 * volume


def engine_bytes(manifest: Manifest, name: str, cells: int) -> int:
    """Weights and working memory of a network whose first input has so many cells (rows x columns)."""
    network = manifest.networks[name]
    is_channels_last = name == "synthesis"
    rows, columns = network.workspace_shape[1:3] if is_channels_last else network.workspace_shape[2:4]
    return ENGINE_BASE + int(network.workspace_bytes * cells / (rows * columns))


def _layouts(manifest: Manifest, size: Size, grid: Size, num_frequencies: int) -> Iterator[Layout]:
    """From one tile to as many as there can be."""
    (width, height), multiple = size, manifest.render.feature_multiple
    padded_height, padded_width = -(-height // multiple) * multiple, -(-width // multiple) * multiple
    rows, columns = max(1, round(grid[1] * padded_height / height)), max(1, round(grid[0] * padded_width / width))
    previous = 0
    for tiles in range(1, padded_height // multiple + 1):
        overlap = 2 * HALO if tiles > 1 else 0
        kept = -(-padded_height // (tiles * multiple)) * multiple
        tile_rows = min(padded_height, kept + overlap)
        if tile_rows != previous:
            previous = tile_rows
            yield Layout(height, width, (rows, columns), num_frequencies, _channels(manifest), multiple, tile_rows)


def _channels(manifest: Manifest) -> tuple[int, ...]:
    """Channels of each pyramid level, finest first."""
    outputs = manifest.networks["pyramid"].outputs
    return tuple(int(outputs[f"level{j}"].shape[3]) for j in range(len(outputs)))
