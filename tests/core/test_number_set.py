"""Sets of numbers beside plain ones."""

from hypothesis import given
from hypothesis import strategies as st

from tw.core.number_set import HIGHEST_RUNS, NumberSet


@given(st.lists(st.integers(0, 12), max_size=20))
def test_a_set_of_numbers_is_a_set(numbers: list[int]) -> None:
    plain: set[int] = set()
    runs = NumberSet()
    for number in numbers:
        assert runs.add(number) == (number not in plain)
        plain.add(number)
    assert len(runs._firsts) == len(runs._lasts) == sum(n - 1 not in plain for n in plain)


def test_a_set_of_numbers_forgets_the_oldest_gap_once_there_are_too_many() -> None:
    runs = NumberSet()
    for number in range(0, 2 * HIGHEST_RUNS, 2):
        runs.add(number)
    assert len(runs._firsts) == HIGHEST_RUNS
    assert runs.add(2 * HIGHEST_RUNS)
    assert len(runs._firsts) == HIGHEST_RUNS
    assert not runs.add(1)
    assert runs.add(3)
