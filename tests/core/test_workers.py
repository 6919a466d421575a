"""Several processes as one server: shares of a limit, the waits between restarts, numbers given back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.workers import (
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    MOST_FAILURES,
    SOUND_S,
    Outage,
    Restarts,
    added_up,
    lowest_free,
    share,
)


@given(st.integers(1, 10**6), st.integers(1, 256))
def test_shares_cover_the_whole_and_little_more(total: int, workers: int) -> None:
    each = share(total, workers)
    assert total <= each * workers < total + workers


def test_nobody_shares_with_nobody() -> None:
    with pytest.raises(ValueError, match="not 0"):
        share(1, 0)


def test_the_first_restart_is_at_once_and_each_one_after_waits_longer() -> None:
    restarts = Restarts()
    waits = [restarts.after(1.0) for _ in range(10)]
    assert waits[:4] == [0.0, FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S]
    assert waits[-1] == LONGEST_WAIT_S


def test_who_served_for_long_is_replaced_at_once() -> None:
    restarts = Restarts()
    for _ in range(5):
        restarts.after(SOUND_S / 2)
    assert restarts.after(SOUND_S) == 0.0
    assert restarts.after(0.0) == FIRST_WAIT_S


def test_it_gives_up_when_none_comes_to_serve() -> None:
    restarts = Restarts()
    waits = [restarts.after(None) for _ in range(MOST_FAILURES)]
    assert None not in waits[:-1]
    assert waits[-1] is None


def test_one_that_serves_in_between_is_a_new_beginning() -> None:
    restarts = Restarts()
    for _ in range(3 * MOST_FAILURES):
        assert [restarts.after(each) for each in (None, None, 0.1)].count(None) == 0


# Numbers given back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "following"),
    [
        ([], 100),
        ([range(90, 100)], 90),
        ([range(80, 90), range(90, 100)], 80),
        ([range(90, 100), range(80, 90)], 80),
        ([range(80, 89), range(90, 100)], 90),
        ([range(80, 90)], 100),
        ([range(100, 100), range(95, 100), range(0)], 95),
    ],
)
def test_only_what_lies_directly_below_is_used_again(blocks: list[range], following: int) -> None:
    assert lowest_free(100, blocks) == following


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8), st.randoms())
def test_no_number_that_was_used_comes_again_and_none_is_kept_back_for_nothing(
    loans: list[tuple[int, int]], chance: object
) -> None:
    following, used, unused = 1, {0}, []
    for taken, left in loans:
        used |= set(range(following, following + taken))
        unused.append(range(following + taken, following + taken + left))
        following += taken + left
    chance.shuffle(unused)  # type: ignore[attr-defined] - hypothesis's randoms are random.Random
    assert lowest_free(following, unused) == max(used) + 1


# Counts, and what all of them lose ------------------------------------------------------------------------------------

COUNTS = st.dictionaries(st.sampled_from("abc"), st.integers(0, 9), max_size=3)


@given(st.lists(st.lists(COUNTS, max_size=3), max_size=4))
def test_counts_add_up_but_for_what_every_place_sees(places: list[list[dict[str, int]]]) -> None:
    total = added_up(places, {"a"})
    assert set(total) == {name for place in places for counts in place for name in counts}
    for name, count in total.items():
        each = [sum(counts.get(name, 0) for counts in place) for place in places]
        assert count == (max(each) if name == "a" else sum(each))


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans())))
def test_an_outage_lasts_from_the_first_place_to_the_last(said: list[tuple[int, bool]]) -> None:
    outage, away = Outage(), dict.fromkeys(range(4), False)
    for place, is_away in said:
        before = any(away.values())
        away[place] = is_away
        assert outage.changes(place, is_away=is_away) == (before != any(away.values()))
