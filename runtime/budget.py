"""What runs within a memory budget: measured engine sizes plus planned arrays, before anything runs.

Stages never overlap, so the peak is the largest of: read, encode, denoise, decode, extract, render.
The renderer's tiles shrink until it fits; the stages before it have one size. Every figure below is
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
GRADIENT_BATCH = 1  # of the decoder's gradient, which takes three times as much
PROCESS = 80 * 2**19  # once: ONNX Runtime, 19 MiB when imported and 11 with its first session; Pillow
PYAV = 16 * 2**20  # once, when it is imported
ENGINE_BASE = 2 * 2**20  # what an engine takes at any size
PIXEL = 6  # bytes of a pixel of the photo and of the frame, one each

Parts = dict[str, int]  # bytes of everything that lives at a stage's peak, by name


def layout_for(
    manifest: Manifest,
    size: Size,
    grid: Size,
    num_frequencies: int,
    budget: int,
    reading_bytes: int = 0,
    is_guided: bool = False,
) -> Layout:
    """The layout of a scene with the fewest tiles that fits, or `BudgetError` with the least that would.

    size, grid     (width, height) of the frame and of the motion over the photo
    reading_bytes  of the photo the scene is made of
    is_guided      whether its motion is predicted for a loop
    """
    before = max(analysis_bytes(manifest, size, is_guided), PROCESS + reading_bytes)
    needs = []
    for layout in layouts(manifest, size, grid, num_frequencies):
        needs.append(max(scene_bytes(manifest, layout), before))
        if needs[-1] <= budget:
            return layout
    smaller = _size_within(manifest, size, grid, num_frequencies, budget, is_guided)
    remedies = [f"choose --size {smaller[0]}x{smaller[1]}"] if smaller else []
    remedies += ["--loop exact"] if is_guided else []
    raise _refusal(size, min(needs), budget, reading_bytes, " or ".join(remedies))


def check_analysis(manifest: Manifest, size: Size, reading_bytes: int, budget: int) -> None:
    """`BudgetError` with the least that would do, if reading a photo and predicting its motion does not fit."""
    need = max(analysis_bytes(manifest, size), PROCESS + reading_bytes)
    if need > budget:
        raise _refusal(size, need, budget, reading_bytes)


def _refusal(size: Size, need: int, budget: int, reading_bytes: int, remedy: str = "") -> BudgetError:
    what = f"{size[0]} x {size[1]}"
    if need == PROCESS + reading_bytes:
        what, remedy = "reading the photo", "make the photo smaller first"
    return BudgetError(
        f"{what} needs at least {format_bytes(need)}, the budget is {format_bytes(budget)}; "
        f"raise --memory-budget" + (f" or {remedy}" if remedy else "")
    )


def scene_bytes(manifest: Manifest, layout: Layout) -> int:
    """Peak of a scene: what it holds, and the larger of setting it up and rendering it to a file."""
    return max(sum(parts.values()) for parts in scene_parts(manifest, layout).values())


def scene_parts(manifest: Manifest, layout: Layout) -> dict[str, Parts]:
    """What lives while a scene is set up, and while it is rendered to a file."""
    pixels, cells = layout.height * layout.width, layout.tile_rows * layout.padded[1]
    volume = 4 * 4 * layout.num_frequencies * layout.grid[0] * layout.grid[1]
    held = {"process": PROCESS, "arena": layout.plan().nbytes, "photo and frame": PIXEL * pixels, "volume": volume}
    return {
        "set up": {**held, "pyramid": engine_bytes(manifest, "pyramid", cells), "volume on the frame's grid": volume},
        "render": {
            **held,
            "synthesis": engine_bytes(manifest, "synthesis", cells),
            "video": PYAV + encoder_bytes("mp4", None, (layout.width, layout.height)),
        },
    }


def analysis_bytes(manifest: Manifest, size: Size, is_guided: bool = False) -> int:
    """Peak of predicting a photo's motion."""
    return max(sum(parts.values()) for parts in analysis_parts(manifest, size, is_guided).values())


def analysis_parts(manifest: Manifest, size: Size, is_guided: bool = False) -> dict[str, Parts]:
    """What lives in each stage of predicting a photo's motion: one engine at a time, or three where the
    sampler is guided, then the volume in up to four forms.
    """
    width, height = network_grid(*size, manifest.grid_multiple)
    volume = 4 * 4 * manifest.num_frequencies * width * height
    cells = width * height // manifest.latent_stride**2
    held = {"process": PROCESS, "photo and frame": PIXEL * size[0] * size[1], "conditions": volume // 2}
    denoiser, decoder = ({name: engine_bytes(manifest, name, cells)} for name in ("denoiser", "decoder"))
    stages = {
        "encode": {**held, "image_encoder": engine_bytes(manifest, "image_encoder", 4 * width * height)},
        "denoise": {**held, **denoiser},
        "decode": {**held, **decoder, "volume": 2 * volume},
        "cohere": {**held, "volume": 4 * volume},
    }
    if is_guided:
        gradient = {"decoder_gradient": engine_bytes(manifest, "decoder_gradient", cells)}
        stages["denoise"] |= {**decoder, **gradient, "volume": 2 * volume}
    return stages


def engine_bytes(manifest: Manifest, name: str, cells: int) -> int:
    """File, weights and working memory of a network whose first input has so many cells (rows x columns)."""
    network = manifest.networks[name]
    is_channels_last = name == "synthesis"
    rows, columns = network.workspace_shape[1:3] if is_channels_last else network.workspace_shape[2:4]
    workspace = network.workspace_bytes * cells // (rows * columns)
    return ENGINE_BASE + manifest.files[network.file].bytes + network.weights_bytes + workspace


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


def _size_within(
    manifest: Manifest, size: Size, grid: Size, num_frequencies: int, budget: int, is_guided: bool
) -> Size | None:
    """A smaller size of the same shape that fits, if any does."""
    for percent in range(95, 15, -5):
        width, height = (max(MIN_SIDE, 2 * round(side * percent / 200)) for side in size)
        choices = layouts(manifest, (width, height), grid, num_frequencies)
        least = min(scene_bytes(manifest, layout) for layout in choices)
        if max(least, analysis_bytes(manifest, (width, height), is_guided)) <= budget:
            return width, height
    return None


def _channels(manifest: Manifest) -> tuple[int, ...]:
    """Channels of each pyramid level, finest first."""
    outputs = manifest.networks["pyramid"].outputs
    return tuple(int(outputs[f"level{j}"].shape[3]) for j in range(len(outputs)))
