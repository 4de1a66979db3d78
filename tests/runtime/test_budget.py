"""Layouts and their memory, of the embedded bundle. Peaks are measured by benchmarks/end_to_end.py."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwave.runtime import BudgetError, Bundle, spectrum
from stillwave.runtime.budget import (
    analysis_bytes,
    check_analysis,
    engine_bytes,
    layout_for,
    layouts,
    scene_bytes,
    scene_parts,
)
from stillwave.runtime.manifest import Manifest
from stillwave.runtime.memory import parse_bytes
from stillwave.runtime.renderer import Layout

K = 16
MIB = 2**20


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return Bundle.open().manifest


def choices(manifest: Manifest, width: int, height: int) -> list[Layout]:
    return list(layouts(manifest, (width, height), spectrum.motion_grid(width, height), K))


@settings(deadline=None, max_examples=60)
@given(width=st.integers(16, 1300), height=st.integers(16, 1300))
def test_tiles_keep_every_row_once_and_see_their_halo(manifest, width: int, height: int) -> None:
    for layout in choices(manifest, width, height):
        rows, next_row = layout.padded[0], 0
        for first, kept, end in layout.tiles():
            last = first + layout.tile_rows
            assert kept == next_row
            assert 0 <= first <= kept < end <= last <= rows
            assert first == 0 or kept - first >= layout.halo
            assert last == rows or last - end >= layout.halo
            assert first % layout.multiple == kept % layout.multiple == 0
            next_row = end
        assert next_row == rows


def test_more_tiles_take_less_memory(manifest) -> None:
    needs = [scene_bytes(manifest, layout) for layout in choices(manifest, 1280, 720)]
    assert len(needs) > 3
    assert needs == sorted(needs, reverse=True)


def test_the_fewest_tiles_that_fit_are_chosen(manifest) -> None:
    one, two, *_ = choices(manifest, 512, 288)
    size, grid = (512, 288), spectrum.motion_grid(512, 288)
    assert layout_for(manifest, size, grid, K, scene_bytes(manifest, one)) == one
    assert layout_for(manifest, size, grid, K, scene_bytes(manifest, one) - 1) == two


def test_the_smallest_budget_named_is_enough(manifest) -> None:
    size, grid = (1280, 720), spectrum.motion_grid(1280, 720)
    with pytest.raises(BudgetError) as refused:
        layout_for(manifest, size, grid, K, 128 * MIB)
    least, unit = re.search(r"at least ([\d.]+) (\w+)", str(refused.value)).groups()
    enough = parse_bytes(f"{float(least) + 0.1:.1f}{unit}")
    assert scene_bytes(manifest, layout_for(manifest, size, grid, K, enough)) <= enough


def test_a_refusal_names_a_size_that_fits(manifest) -> None:
    grid = spectrum.motion_grid(1280, 720)
    with pytest.raises(BudgetError, match=r"choose --size (\d+)x(\d+)") as refused:
        layout_for(manifest, (1280, 720), grid, K, 128 * MIB)
    width, height = map(int, re.search(r"--size (\d+)x(\d+)", str(refused.value)).groups())
    assert width * 9 == pytest.approx(height * 16, rel=0.02)
    assert scene_bytes(manifest, layout_for(manifest, (width, height), grid, K, 128 * MIB)) <= 128 * MIB


def test_reading_counts(manifest) -> None:
    size, grid = (512, 288), spectrum.motion_grid(512, 288)
    layout_for(manifest, size, grid, K, 256 * MIB, reading_bytes=200 * MIB)
    message = r"reading the photo needs at least 3\d\d\.\d MiB, the budget is 256.0 MiB; .* make the photo smaller"
    with pytest.raises(BudgetError, match=message) as refused:
        layout_for(manifest, size, grid, K, 256 * MIB, reading_bytes=300 * MIB)
    with pytest.raises(BudgetError, match=message):
        check_analysis(manifest, size, 300 * MIB, 256 * MIB)
    enough = int(float(re.search(r"at least ([\d.]+)", str(refused.value))[1]) * MIB) + MIB // 10
    layout_for(manifest, size, grid, K, enough, reading_bytes=300 * MIB)
    check_analysis(manifest, size, 300 * MIB, enough)


@pytest.mark.parametrize("name", ["denoiser", "image_encoder"])
def test_weights_are_not_shared_out_among_cells(manifest, name: str) -> None:
    """A small grid's network still holds all its weights."""
    network = manifest.networks[name]
    rows, columns = network.workspace_shape[2:]
    whole, half = (engine_bytes(manifest, name, cells) for cells in (rows * columns, rows * columns // 2))
    assert whole - half == pytest.approx(network.workspace_bytes / 2, abs=2)
    assert half > network.weights_bytes >= manifest.files[network.file].bytes


def test_stages_add_up(manifest) -> None:
    layout = choices(manifest, 512, 288)[0]
    stages = scene_parts(manifest, layout)
    assert max(sum(parts.values()) for parts in stages.values()) == scene_bytes(manifest, layout)
    assert stages["render"]["arena"] == layout.plan().nbytes


def test_where_nothing_fits_no_size_is_named(manifest) -> None:
    with pytest.raises(BudgetError) as refused:
        layout_for(manifest, (512, 288), spectrum.motion_grid(512, 288), K, analysis_bytes(manifest, (16, 16)) // 2)
    assert "--size" not in str(refused.value)
