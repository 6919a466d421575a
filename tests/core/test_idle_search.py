"""The search for an idle timeout, against paths of every kind."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.idle_search import AT_ONCE, IdleSearch

MANY_ROUNDS = 20
TIMEOUTS = st.floats(0.01, 400)
MAXIMA = st.sampled_from([1.0, 60.0, 300.0, 86_400.0])
PRECISIONS = st.sampled_from([0.1, 1.0])


def drops(search: IdleSearch, timeout_s: float) -> int:
    """Search a path that drops silently; gives the rounds, and stops each at its first loss as a probe does."""
    for number in range(MANY_ROUNDS):
        silences = search.silences()
        if not silences:
            return number
        assert silences == sorted(silences)
        assert 1 <= len(silences) <= AT_ONCE
        for silence_s in silences:
            if silence_s >= timeout_s:
                search.lost(silence_s, "dropped")
                break
            search.kept(silence_s)
    raise AssertionError("it never ends")


@given(TIMEOUTS, MAXIMA, PRECISIONS)
def test_a_silent_drop_is_found_as_closely_as_asked(timeout_s: float, max_s: float, precision_s: float) -> None:
    search = IdleSearch(max_s, precision_s)
    drops(search, timeout_s)
    assert search.over
    if timeout_s > max_s:
        assert (search.kept_s, search.lost_s, search.how) == (max_s, None, None)
        return
    assert search.how == "dropped"
    assert search.lost_s is not None
    assert search.kept_s < timeout_s <= search.lost_s
    assert search.lost_s - search.kept_s <= precision_s + 1e-5


def test_a_firewall_of_five_minutes_takes_few_rounds() -> None:
    assert drops(IdleSearch(600.0, 1.0), 299.5) <= 4


@given(st.floats(0, 300), st.sampled_from(["closed", "reset"]))
def test_an_end_that_is_seen_is_the_whole_answer(timeout_s: float, how: Literal["closed", "reset"]) -> None:
    search = IdleSearch(300.0, 1.0)
    for silence_s in search.silences():
        if silence_s < timeout_s:
            search.kept(silence_s)
    search.ended(timeout_s, how)
    assert search.over
    assert search.silences() == []
    assert (search.kept_s, search.lost_s, search.how) == (timeout_s, timeout_s, how)


def test_short_silences_come_first_and_none_is_below_the_precision() -> None:
    assert IdleSearch(300.0, 1.0).silences()[:2] == [2.34375, 4.6875]
    assert IdleSearch(4.0, 1.0).silences() == [1.0, 2.0, 4.0]
    assert IdleSearch(0.5, 0.5).silences() == [0.5]


def test_one_that_was_used_just_when_it_ended_does_not_hide_the_end_itself() -> None:
    search = IdleSearch(4.0, 1.0)
    search.silences()
    search.kept(1.0)
    search.lost(2.0, "closed")
    search.ended(2.003, "closed")
    assert (search.kept_s, search.lost_s, search.over) == (2.003, 2.003, True)


def test_accidents_do_not_move_what_is_known() -> None:
    search = IdleSearch(8.0, 1.0)
    search.silences()
    search.kept(4.0)
    search.lost(2.0, "dropped")
    search.ended(3.0, "reset")
    assert (search.kept_s, search.lost_s, search.over) == (4.0, None, False)
    search.lost(6.0, "dropped")
    search.kept(8.0)
    search.lost(7.0, "closed")
    assert (search.kept_s, search.lost_s, search.how) == (4.0, 6.0, "dropped")


@pytest.mark.parametrize("lost_s", [None, 2.0])
def test_a_round_that_told_nothing_is_not_tried_again(lost_s: float | None) -> None:
    search = IdleSearch(8.0, 1.0)
    assert search.silences()
    search.kept(0.5)
    if lost_s is not None:
        search.lost(lost_s, "dropped")
    assert search.silences()
    assert search.silences() == []
    assert not search.over


def test_bounds_that_are_measured_are_brought_no_closer_than_asked() -> None:
    search = IdleSearch(4.0, 1.0)
    search.silences()
    search.kept(1.0)
    search.lost(2.0000005, "dropped")
    assert search.silences() == []
