"""One counter's account beside lists that keep everything."""

from hypothesis import given
from hypothesis import strategies as st

from tw.core.sequences import REACH, Sequence
from tw.core.series import HIGHEST_STEPS, Maxima, Series


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=30))
def test_how_high_the_numbers_had_got_is_known_for_every_moment(steps: list[tuple[int, int]]) -> None:
    position, number = 3, 10
    told = Maxima(position, number)
    highs = {position: number}
    for on, up in steps:
        position, number = position + on, number + up
        told.note(position, number)
        highs[position] = number
    for at in range(position + 3):
        assert told.at(at) == max((high for when, high in highs.items() if when <= at), default=None)
    for high in range(8, number + 1):
        assert told.when(high) == min(when for when, reached in highs.items() if reached >= high)


def test_an_unbroken_stretch_is_one_step_however_long() -> None:
    told = Maxima(1, 100)
    for position in range(2, 10_000):
        told.note(position, 99 + position)
    assert len(told._begins) == 1
    assert (told.at(1), told.at(5000), told.at(99_999)) == (100, 5099, 10_098)


def test_of_old_moments_a_lower_number_is_told_and_never_a_higher_one() -> None:
    told = Maxima(0, 0)
    for position in range(1, 5 * HIGHEST_STEPS):
        told.note(position, 2 * position)
        assert len(told._begins) <= HIGHEST_STEPS
    recent = 5 * HIGHEST_STEPS - HIGHEST_STEPS // 2
    assert all(told.at(at) == 2 * at for at in range(recent, 5 * HIGHEST_STEPS))
    highs = [told.at(at) or 0 for at in range(recent)]
    assert highs == sorted(highs)
    assert all(high <= 2 * at for at, high in enumerate(highs))
    assert highs[-1] >= recent


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 4)), min_size=1, max_size=25))
def test_a_series_is_judged_as_by_a_list_of_everything(answers: list[tuple[int, int]]) -> None:
    """Answers are a number, and how many others arrived while it was under way."""
    series: Series | None = None
    for position, (number, lag) in enumerate(answers, 1):
        mark = max(0, position - 1 - lag)
        if series is None:
            series = Series(None, number, position, mark)
        elif number == series.highest + 1:
            series.step(position, mark)
        else:
            series.feed(number, position, mark)
    assert series is not None
    numbers = [number for number, _ in answers]
    fresh = [(at, number, lag) for at, (number, lag) in enumerate(answers) if number not in numbers[:at]]
    late = [number for at, number, lag in fresh if any(other > number for other in numbers[: max(0, at - lag)])]
    first = min(set(numbers) - set(late))
    assert series.answers == len(numbers)
    assert series.duplicates == len(numbers) - len(set(numbers))
    assert series.reordered == len(late)
    assert (series.first, series.highest) == (first, max(numbers))
    assert series.gaps == sum(number not in numbers for number in range(first, max(numbers)))


def test_a_lower_number_that_was_under_way_with_a_higher_one_is_not_late() -> None:
    series = Series("a", 5, 1, 0)
    series.feed(4, 2, 0)
    series.feed(7, 3, 0)
    assert (series.first, series.gaps, series.reordered) == (4, 1, 0)
    series.feed(6, 4, 3)
    assert (series.gaps, series.reordered) == (0, 1)


def test_a_leap_is_wide_beside_the_steps_before_it_and_what_was_under_way() -> None:
    one, wide = Sequence(1, 1, 0, fresh=True), Sequence(1000, 1, 0, fresh=True)
    one.feed(2, 2, 1)
    wide.feed(3000, 2, 1)
    assert (one.reaches(2 + REACH, 0), one.reaches(3 + REACH, 0), one.reaches(3 + REACH, REACH)) == (True, False, True)
    assert (wide.reaches(19_000, 0), wide.reaches(19_001, 0)) == (True, False)
    assert [one.distance(number) for number in (9, 2, 0, -3)] == [7, 1, 1, 4]
