"""Counters told apart by their numbers alone: what is decided for which pattern."""

from collections.abc import Iterable
from itertools import chain, cycle, islice, repeat
from random import Random

import pytest

from tw.core.numbers import NumberLine
from tw.core.unnamed import HIGHEST_SEQUENCES


def told(numbers: Iterable[int]) -> NumberLine:
    line = NumberLine()
    for number in numbers:
        line.feed(number)
    return line


def figures(line: NumberLine) -> dict[str, int]:
    names = ("instances", "gaps", "duplicates", "reordered", "resets", "doubtful")
    return {name: getattr(line, name) for name in names if getattr(line, name) != 0}


def shares(line: NumberLine) -> list[tuple[int, int, int, int]]:
    return [(c.answers, c.first, c.highest, c.gaps) for c in line.counters()]


def turns(*counters: Iterable[int]) -> list[int]:
    """One of each, again and again, for as long as there are any."""
    return [number for turn in zip(*counters, strict=False) for number in turn]


def cached(lengths: Iterable[int], step: int = 1) -> list[int]:
    """A cache that gives each number so often; `step - 1` numbers go to others meanwhile."""
    return [number * step for number, length in enumerate(lengths, 1) for _ in range(length)]


# Several counters ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [4, 5, 6, 7, 50, 1001])
def test_two_in_turn_that_begin_together_are_two(answers: int) -> None:
    line = told(2 + at // 2 for at in range(answers))
    assert figures(line) == {"instances": 2, "doubtful": answers // 2}
    assert [answers for answers, *_ in shares(line)] == [answers - answers // 2, answers // 2]


@pytest.mark.parametrize("answers", [9, 10, 11, 100])
def test_three_in_turn_that_begin_together_are_three(answers: int) -> None:
    line = told(1 + at // 3 for at in range(answers))
    assert figures(line) == {"instances": 3, "doubtful": answers - 1 - (answers - 1) // 3}


def test_far_apart_they_are_told_from_the_first_turn_on_and_without_a_doubt() -> None:
    line = told(turns(range(1, 4), range(1000, 1003), range(50, 53)))
    assert figures(line) == {"instances": 3}
    assert shares(line) == [(3, 1, 3, 0), (3, 1000, 1002, 0), (3, 50, 52, 0)]


@pytest.mark.parametrize("ahead", [1, 2, 3, 10, 25])
def test_one_that_is_ahead_and_one_that_follows_over_the_same_numbers(ahead: int) -> None:
    line = told(turns(range(1 + ahead, 51 + ahead), range(1, 51)))
    assert (line.instances, line.duplicates, line.reordered, line.gaps) == (2, 0, 0, 0)
    assert sorted(shares(line)) == [(50, 1, 50, 0), (50, 1 + ahead, 50 + ahead, 0)]


def test_unequal_weights() -> None:
    one, two = iter(range(1, 100)), iter(range(1, 100))
    line = told(next(two if at % 3 else one) for at in range(90))
    assert figures(line) == {"instances": 2, "doubtful": 30}
    assert sorted(answers for answers, *_ in shares(line)) == [30, 60]


def test_mostly_in_turn_is_neither_even_nor_wild_and_still_two() -> None:
    one, two = iter(range(1, 100)), iter(range(1, 100))
    turn = [one, two, one, two, one, two, one, one, two, two]
    line = told(next(counter) for counter in turn * 8)
    assert figures(line) == {"instances": 2, "doubtful": 40}


def test_busy_ones_whose_numbers_mostly_go_to_others() -> None:
    random = Random(7)
    counters = [[1000], [3_001_000]]
    for at in range(400):
        numbers = counters[at % 2]
        numbers.append(numbers[-1] + random.randint(1, 2000))
    line = told(turns(*counters))
    assert (line.instances, line.duplicates, line.reordered, line.resets) == (2, 0, 0, 0)
    assert shares(line) == [(201, ns[0], ns[-1], ns[-1] - ns[0] - 200) for ns in counters]


def test_one_that_dies_leaves_the_other_to_go_on() -> None:
    line = told([*turns(range(1, 21), range(1, 21)), *range(21, 40)])
    assert figures(line) == {"instances": 2, "doubtful": 20}
    assert sorted(answers for answers, *_ in shares(line)) == [20, 39]


def test_a_counter_that_returns_after_another_stood_in_goes_on() -> None:
    line = told([*range(1, 51), *range(1, 41), *range(51, 80)])
    assert figures(line) == {"instances": 2, "doubtful": 40}
    assert shares(line) == [(79, 1, 79, 0), (40, 1, 40, 0)]


# A restart -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [2, 40, 50, 51, 90])
def test_a_restart_from_the_beginning_is_a_reset_also_when_it_passes_where_it_had_been(again: int) -> None:
    line = told([*range(1, 51), *range(1, again + 1)])
    assert figures(line) == {"instances": 2, "resets": 1, "doubtful": min(again, 50)}
    assert shares(line) == [(50, 1, 50, 0), (again, 1, again, 0)]
    assert line.ok


def test_a_restart_while_others_count_is_a_reset() -> None:
    line = told([*range(1, 50, 2), *range(2, 81, 2)])
    assert figures(line) == {"instances": 2, "resets": 1, "gaps": 63}


def test_a_restart_while_nearly_all_numbers_go_to_others() -> None:
    before = [1000, 3000, 5000, 7000, 9000]
    again = [1, 1800, 4100, 5900, 8100]
    line = told(before + again)
    assert figures(line) == {"instances": 2, "resets": 1, "gaps": 7996 + 8095}
    assert shares(line) == [(5, 1000, 9000, 7996), (5, 1, 8100, 8095)]


def test_a_restart_with_a_reserved_block_looks_like_a_gap_without_a_name() -> None:
    assert figures(told([*range(1, 51), *range(65, 81)])) == {"instances": 1, "gaps": 14}


# Copies --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "numbers",
    [
        [1, 1],
        [1, 1, 1, 1, 1],
        [1, 2, 3, 3, 4, 5],
        [7, 7, 7, 9, 9],
        [*range(1, 30), 29, *range(30, 60)],
        [*range(1, 30), 5, *range(30, 60)],
        cached([3, 5, 4, 2, 6, 4]),
        cached([9, 10, 10, 11, 9], step=4),
        cached([2, 2, 2, 2], step=3),
        [1, 1, 2, 2, 9, 9, 15, 15, 20, 20],
        list(islice(cycle([4, 8]), 50)),
        [*range(1, 20), *repeat(20, 100), *range(21, 30)],
        [*range(1, 41), *range(39, 0, -1), 41, 42],
    ],
    ids=lambda numbers: ",".join(map(str, numbers[:12])),
)
def test_copies_are_duplicates_of_one_counter(numbers: list[int]) -> None:
    line = told(numbers)
    copies = len(numbers) - len(set(numbers))
    assert (line.instances, line.duplicates, line.reordered, line.resets) == (1, copies, 0, 0)
    assert line.doubtful == copies
    assert line.gaps == max(numbers) - min(numbers) + 1 - len(set(numbers))
    assert not line.ok


@pytest.mark.parametrize("longest", [3, 10, 60, 1000])
def test_a_cache_for_a_long_time_is_one_counter_with_copies(longest: int) -> None:
    random = Random(longest)
    numbers = cached(random.randint(1, longest) for _ in range(200))
    line = told(numbers)
    assert figures(line) == {"instances": 1, "duplicates": len(numbers) - 200, "doubtful": len(numbers) - 200}


def test_an_answer_that_says_it_was_stored_is_a_copy_and_no_doubt_about_it() -> None:
    line = NumberLine()
    for number in (1, 1, 2, 2, 3, 3, 4):
        line.feed(number, is_stored=True)
    assert figures(line) == {"instances": 1, "duplicates": 3}
    assert (line.answers, line.last) == (7, 4)


def test_a_stored_answer_whose_number_had_not_come_is_as_good_as_another() -> None:
    line = NumberLine()
    line.feed(1)
    line.feed(2, is_stored=True)
    line.feed(3)
    assert (figures(line), line.ok) == ({"instances": 1}, True)


def test_one_late_answer_that_fits_into_its_place_is_reordered_and_no_other_counter() -> None:
    line = told([5, 6, 8, 7, 9, 10, 11])
    assert figures(line) == {"instances": 1, "reordered": 1}
    assert shares(line) == [(7, 5, 11, 0)]


# Bounds --------------------------------------------------------------------------------------------------------------


def test_more_sequences_than_are_told_apart_are_forgotten_and_counted() -> None:
    many = 3 * HIGHEST_SEQUENCES
    line = told(chain.from_iterable((start, start + 1) for start in range(1000 * many, 0, -1000)))
    assert (line.instances, line.duplicates, line.reordered) == (many, 0, 0)
    assert len(line.counters()) == HIGHEST_SEQUENCES


def test_leaps_without_end_take_no_more_memory_and_are_one_counters_gaps() -> None:
    numbers = [2, 1, *(1000 * 2**at for at in range(4 * HIGHEST_SEQUENCES))]
    line = told(numbers)
    assert line._unnamed is not None
    assert len(line._unnamed._parts or ()) <= HIGHEST_SEQUENCES
    assert (line.duplicates, line.reordered) == (0, 0)


def test_named_and_unnamed_answers_are_counted_beside_each_other() -> None:
    line = NumberLine()
    for number in range(1, 6):
        line.feed(number, "a")
        line.feed(number)
    assert figures(line) == {"instances": 2}
    assert [counter.name for counter in line.counters()] == ["a", None]
