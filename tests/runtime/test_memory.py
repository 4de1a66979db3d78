import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwave.runtime.errors import BudgetError
from stillwave.runtime.memory import (
    ALIGNMENT,
    Arena,
    Buffer,
    format_bytes,
    parse_bytes,
    place,
)
from stillwave.runtime.plan_picture import plan_picture

lifetimes = st.tuples(st.integers(0, 2000), st.integers(0, 12), st.integers(0, 12))


def buffers_from(lifetimes):
    return [
        Buffer(f"b{i}", nbytes, min(steps), max(steps))
        for i, (nbytes, *steps) in enumerate(lifetimes)
    ]


@given(st.lists(lifetimes, max_size=24))
def test_no_two_live_buffers_overlap(lifetimes):
    plan = place(buffers_from(lifetimes))
    for a, b in itertools.combinations(plan.buffers, 2):
        if a.lives_with(b):
            a_start, b_start = plan.offsets[a.name], plan.offsets[b.name]
            assert a_start + a.nbytes <= b_start or b_start + b.nbytes <= a_start


@given(st.lists(lifetimes, max_size=24))
def test_arena_holds_every_buffer_aligned_and_no_less_than_the_peak(lifetimes):
    plan = place(buffers_from(lifetimes))
    assert plan.nbytes >= plan.peak_live_bytes
    assert plan.nbytes <= sum(b.nbytes + ALIGNMENT for b in plan.buffers)
    for b in plan.buffers:
        assert plan.offsets[b.name] % ALIGNMENT == 0
        assert plan.offsets[b.name] + b.nbytes <= plan.nbytes


@given(st.lists(lifetimes, max_size=12), st.randoms())
def test_order_of_buffers_does_not_matter(lifetimes, random):
    buffers = buffers_from(lifetimes)
    shuffled = buffers[:]
    random.shuffle(shuffled)
    assert place(shuffled).offsets == place(buffers).offsets


@given(st.lists(lifetimes, max_size=12))
def test_buffers_keep_what_was_written_while_they_live(lifetimes):
    plan = place(buffers_from(lifetimes))
    with Arena(plan) as arena:
        for step in range(13):
            for i, b in enumerate(plan.buffers):
                if b.first_step == step:
                    arena.view(b.name, np.uint8, (b.nbytes,))[:] = i
            for i, b in enumerate(plan.buffers):
                if b.first_step <= step <= b.last_step:
                    assert (arena.view(b.name, np.uint8, (b.nbytes,)) == i).all()


def test_buffers_that_take_turns_share_their_place():
    plan = place([Buffer("a", 1000, 0, 1), Buffer("b", 900, 2, 3), Buffer("c", 64, 0, 3)])
    assert plan.offsets == {"a": 0, "b": 0, "c": 1024}
    assert plan.nbytes == plan.peak_live_bytes == 1088


def test_the_lowest_gap_that_fits_is_filled():
    plan = place([
        Buffer("floor", 640, 0, 0), Buffer("roof", 576, 0, 1), Buffer("hole", 512, 1, 1),
    ])
    assert plan.offsets == {"floor": 0, "roof": 640, "hole": 0}


def test_views_are_aligned_typed_and_share_memory():
    with Arena(place([Buffer("a", 96, 0, 0), Buffer("b", 96, 0, 0)])) as arena:
        view = arena.view("b", np.float32, (2, 3, 4))
        assert (view.shape, view.dtype, view.ctypes.data % ALIGNMENT) == ((2, 3, 4), np.float32, 0)
        view[:] = 7
        assert (arena.view("b", np.float32, (24,)) == 7).all()
        assert (arena.view("a", np.uint8, (96,)) == 0).all()


def test_arena_refuses_what_the_plan_does_not_hold():
    arena = Arena(place([Buffer("a", 96, 0, 0)]))
    with pytest.raises(ValueError, match="buffer 'a' holds 96 bytes, got 100 asked"):
        arena.view("a", np.float32, (25,))
    arena.close()
    with pytest.raises(ValueError, match="arena is closed"):
        arena.view("a", np.uint8, (1,))


def test_arena_larger_than_memory_is_a_budget_error():
    with pytest.raises(BudgetError, match=r"the system refused an arena of .* TiB; lower"):
        Arena(place([Buffer("a", 1 << 60, 0, 0)]))


def test_malformed_buffers_are_refused():
    with pytest.raises(ValueError, match="first <= last, got"):
        Buffer("a", 1, 3, 2)
    with pytest.raises(ValueError, match="names must differ, got 'a' twice"):
        place([Buffer("a", 1, 0, 0), Buffer("a", 1, 1, 1)])


@pytest.mark.parametrize(("text", "nbytes"), [
    ("512MiB", 512 << 20), ("512mib", 512 << 20), ("1.5 GiB", 3 << 29), ("64M", 64 << 20),
    ("64MB", 64_000_000), ("2KB", 2000), ("4096", 4096), ("7B", 7), (4096, 4096), ("1T", 1 << 40),
])
def test_amounts_of_memory_are_read(text, nbytes):
    assert parse_bytes(text) == nbytes


@pytest.mark.parametrize("text", ["", "MiB", "-1MiB", "0", "1e9", "nan", "12 parsecs", "5MiBs", -3])
def test_nonsense_amounts_are_refused(text):
    with pytest.raises(BudgetError, match="want an amount of memory such as 512MiB"):
        parse_bytes(text)


@given(st.integers(1, 1 << 44))
def test_formatted_amounts_read_back_within_rounding(nbytes):
    assert parse_bytes(format_bytes(nbytes)) == pytest.approx(nbytes, rel=0.06)


def example():
    buffers = [Buffer("photo", 3000, 0, 1), Buffer("level0", 9000, 1, 2), Buffer("x", 5, 2, 2)]
    return place(buffers, steps=("encode", "splat", "render"))


def test_table_names_every_buffer_its_place_and_its_steps():
    assert example().table().splitlines() == [
        "buffer  offset  bytes  from    to",
        "level0       0  9,000  splat   render",
        "photo    9,024  3,000  encode  splat",
        "x        9,024      5  render  render",
        "arena 11.8 KiB, peak live 11.8 KiB",
    ]
    assert place([]).table().endswith("arena 0 B, peak live 0 B")


def test_picture_shows_a_rectangle_for_each_buffer():
    plan = example()
    image = plan_picture(plan)
    colours = {colour for count, colour in image.getcolors(1 << 20) if count > 20_000}
    assert len(colours) == 3  # paper, photo, level0
    assert plan_picture(place([])).size == image.size
