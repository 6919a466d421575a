"""Numbers that were skipped, beside a plain set of them."""

from hypothesis import given
from hypothesis import strategies as st

from tw.core.gaps import Gaps


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), max_size=12), st.data())
def test_a_number_is_missing_once_and_only_where_it_was_skipped(
    steps: list[tuple[int, int]], data: st.DataObject
) -> None:
    gaps, model, at = Gaps(100), set(), 1
    for came, missing in steps:
        at += came
        gaps.skip(at, at + missing - 1)
        model.update(range(at, at + missing))
        at += missing
    for number in data.draw(st.lists(st.integers(0, at + 1), max_size=40)):
        assert gaps.fill(number) == (number in model), number
        model.discard(number)


def test_of_too_many_gaps_the_oldest_is_forgotten() -> None:
    gaps = Gaps(2)
    for number in (2, 4, 6):
        gaps.skip(number, number)
    assert [gaps.fill(number) for number in (2, 4, 6)] == [False, True, True]


def test_a_gap_that_is_split_counts_as_two() -> None:
    gaps = Gaps(2)
    gaps.skip(1, 3)
    gaps.skip(5, 5)
    assert gaps.fill(2)
    assert [gaps.fill(number) for number in (1, 3, 5)] == [False, True, True]
