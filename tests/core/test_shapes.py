"""Distributions on one axis, in blocks, in ASCII, and as the lines of a chart."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.curves import nines, outline, rise
from tw.core.shapes import ASCII, BLOCKS, Axis, bars, density, scale

SHAPES = st.lists(
    st.tuples(st.floats(1e-9, 1e15), st.integers(1, 2**62)), min_size=1, max_size=50, unique_by=lambda bucket: bucket[0]
).map(sorted)


def test_of_nothing_there_is_no_axis() -> None:
    assert Axis.of([]) is None
    assert Axis.of([(), ()]) is None


@given(st.lists(SHAPES, min_size=1, max_size=4))
def test_every_value_is_on_the_axis_and_in_a_column(shapes: list[list[tuple[float, int]]]) -> None:
    axis = Axis.of([(), *shapes])
    assert axis is not None
    for shape in shapes:
        assert all(0 < axis.place(upper) < 1 for upper, _ in shape)
        for columns in (1, 7, 64):
            assert sum(density(shape, axis, columns)) == pytest.approx(1, abs=1e-6)
    assert all(axis.low <= value <= axis.high for value in axis.ticks())


def test_a_column_holds_what_lies_in_it() -> None:
    axis = Axis(1.0, 10_000.0)
    found = density([(5.0, 1), (50.0, 2), (5000.0, 1)], axis, 4)
    assert found == pytest.approx([0.25, 0.5, 0.0, 0.25])


def test_a_bucket_over_two_columns_is_parted_between_them() -> None:
    found = density([(10.1, 10)], Axis(1.0, 100.0), 2)
    assert 0 < found[1] < found[0] < 1


def test_buckets_too_narrow_for_a_logarithm_are_columns_all_the_same() -> None:
    shape = [(1e14, 1), (1e14 + 0.015625, 1)]
    axis = Axis.of([shape])
    assert axis is not None
    assert sum(density(shape, axis, 10)) == pytest.approx(1)


def test_bars_are_as_high_as_what_they_stand_for() -> None:
    assert bars([0, 1 / 16, 0.5, 1], 2, BLOCKS) == ["   █", " ▁██"]
    assert bars([0, 0.01, 0.5, 1], 1, ASCII) == [" .:#"]


@given(st.lists(st.floats(0, 1), max_size=20), st.integers(1, 4), st.sampled_from([BLOCKS, ASCII]))
def test_what_is_not_nothing_shows(heights: list[float], rows: int, glyphs: str) -> None:
    lines = bars(heights, rows, glyphs)
    assert [len(line) for line in lines] == [len(heights)] * rows
    assert [glyph != " " for glyph in lines[-1]] == [height > 0 for height in heights]


def test_the_scale_has_round_values_below_their_places() -> None:
    line = scale(Axis(0.9, 11.0), 50, "ms")
    assert re.sub(r" +", " ", line) == " 1 2 5 10 ms"
    assert [line.index(text) for text in ("1", "2", "5", "10")] == [2, 15, 34, 48]
    assert scale(Axis(3.1, 3.9), 50, "ms").strip() == "3.41 ms"  # nothing round in between
    assert len(scale(Axis(1e-9, 1e15), 20, "ms")) < 40


def test_ticks_of_a_long_axis_are_powers_of_ten() -> None:
    assert Axis(0.05, 2.0).ticks() == [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
    assert Axis(0.05, 2000.0).ticks() == [0.1, 1.0, 10.0, 100.0, 1000.0]


@given(SHAPES)
def test_a_charts_lines_stay_in_their_box(shape: list[tuple[float, int]]) -> None:
    axis = Axis.of([shape])
    assert axis is not None
    decades = nines([shape])
    for path in (outline(shape, axis, 100, 50), rise(shape, axis, 100, 50, decades)):
        assert re.fullmatch(r"[MLHVZ\d. ]+", path), path
    rising = rise(shape, axis, 100, 50, decades)
    assert all(0 <= float(x) <= 100 for x in re.findall(r"H([\d.]+)", rising))
    heights = [float(y) for y in re.findall(r"V([\d.]+)", rising)]
    assert all(0 <= y <= 50 for y in heights)
    assert heights == sorted(heights, reverse=True)


def test_as_many_nines_as_there_are_values_for() -> None:
    assert [nines([[(1.0, count)]]) for count in (1, 99, 1000, 10**6, 10**12)] == [2, 2, 4, 7, 7]
