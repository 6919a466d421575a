"""When messages of an open loop are due."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.pacing import Schedule, due_within

RATES = st.floats(0.001, 10_000_000)
BEGINNINGS = st.floats(0, 1e7)


def test_messages_are_due_at_fixed_times_from_the_beginning() -> None:
    schedule = Schedule(100.0, 4.0)
    assert [schedule.due_s(number) for number in range(4)] == [100.0, 100.25, 100.5, 100.75]


def test_none_is_due_before_the_beginning_and_the_first_one_at_it() -> None:
    schedule = Schedule(100.0, 4.0)
    assert [schedule.due_by(now) for now in (99.0, 99.999, 100.0, 100.2, 100.25, 101.0)] == [0, 0, 1, 1, 2, 5]


@given(BEGINNINGS, RATES, st.integers(0, 10**6))
def test_a_message_is_due_at_its_time_and_no_later_one(began_s: float, rate: float, number: int) -> None:
    schedule = Schedule(began_s, rate)
    due = schedule.due_by(schedule.due_s(number))
    assert due >= number + 1
    assert schedule.due_s(due - 1) <= schedule.due_s(number) < schedule.due_s(due)


@given(BEGINNINGS, RATES, st.floats(0, 3600))
def test_just_those_are_due_whose_time_has_come(began_s: float, rate: float, after_s: float) -> None:
    schedule = Schedule(began_s, rate)
    now = began_s + after_s
    due = schedule.due_by(now)
    assert schedule.due_s(due) > now
    assert due == 0 or schedule.due_s(due - 1) <= now


@pytest.mark.parametrize(
    ("rate", "duration", "expected"),
    [(100.0, 1.1, 110), (10.0, 0.7, 7), (1000.0, 0.29, 290), (0.1, 5.0, 1), (3.0, 1.0, 3), (7.0, inf, inf)],
)
def test_what_is_due_before_an_end_is_counted_as_written(rate: float, duration: float, expected: float) -> None:
    assert due_within(rate, duration) == expected


@given(RATES, st.floats(0.001, 3600))
def test_the_last_message_is_due_before_the_end_and_the_next_is_not(rate: float, duration: float) -> None:
    number = int(due_within(rate, duration))
    assert (number - 1) / rate < duration <= number / rate
