"""Dropping: the oldest whole lines of one that is too slow, no more than must go, and a notice in their place."""

import pytest

from fanout_lines import ALL, publish_turn
from tw.core.fanout import DROP_SHARE, MIN_SPANS, FanOut


def _notice(lines: int) -> bytes:
    return b"<tw> dropped %d lines\n" % lines


def _fanout(backlog_bytes: int, *, notices: bool = True) -> FanOut:
    return FanOut(backlog_bytes=backlog_bytes, gap_notice=_notice if notices else None)


def test_as_many_lines_go_as_must_and_their_notice_is_taken_first() -> None:
    fanout = _fanout(12)
    slow, quick = fanout.subscribe(), fanout.subscribe()
    publish_turn(fanout, b"111", b"222", b"333", b"444")
    assert quick.take(ALL)
    assert fanout.overdue() == [slow]
    assert fanout.drop(slow) == (1, 4)
    assert fanout.overdue() == []
    assert (slow.backlog_lines, slow.backlog_bytes) == (3, 12)
    assert slow.take(ALL) == b"<tw> dropped 1 lines\n222\n333\n444\n"
    assert (slow.caught_up, fanout.held_bytes) == (True, 0)


def test_losses_that_follow_one_another_have_one_notice() -> None:
    fanout = _fanout(8)
    slow = fanout.subscribe()
    for turn in range(5):
        publish_turn(fanout, b"%03d" % turn)
        fanout.drop(slow)
    assert slow.take(ALL) == b"<tw> dropped 3 lines\n003\n004\n"
    publish_turn(fanout, b"5")
    assert slow.take(ALL) == b"5\n"


@pytest.mark.parametrize("notices", [True, False])
def test_a_line_that_is_longer_than_the_backlog_leaves_its_notice_alone(notices: bool) -> None:
    fanout = _fanout(10, notices=notices)
    slow = fanout.subscribe()
    publish_turn(fanout, b"x" * 50)
    assert fanout.drop(slow) == (1, 51)
    assert (slow.caught_up, slow.backlog_bytes, fanout.held_bytes) == (not notices, 0, 0)
    assert slow.take(ALL) == (b"<tw> dropped 1 lines\n" if notices else b"")
    assert slow.caught_up
    publish_turn(fanout, b"next")
    assert slow.take(ALL) == b"next\n"


def test_one_that_has_finished_loses_what_was_its_due_and_is_finished_with_the_notice() -> None:
    fanout = _fanout(10)
    leaving = fanout.subscribe()
    publish_turn(fanout, b"its due")
    leaving.finish()
    publish_turn(fanout, b"not its due any more")
    assert fanout.drop(leaving) == (1, 8)
    assert not leaving.finished
    publish_turn(fanout, b"nor this, which is long")
    assert fanout.overdue() == [leaving]
    assert fanout.drop(leaving) == (0, 0)
    assert fanout.held_bytes == 0
    assert leaving.take(ALL) == b"<tw> dropped 1 lines\n"
    assert leaving.finished


def test_own_lines_are_passed_over_and_not_lost() -> None:
    fanout = _fanout(10)
    quiet = fanout.subscribe(echo=False)
    publish_turn(fanout, b"1")
    publish_turn(fanout, b"own and long", source=quiet)
    publish_turn(fanout, b"2")
    assert fanout.drop(quiet) == (1, 2)
    assert quiet.take(ALL) == b"<tw> dropped 1 lines\n2\n"


def test_too_many_spans_of_own_lines_go_with_what_stands_between_them() -> None:
    fanout = _fanout(100_000)
    quiet = fanout.subscribe(echo=False)
    for _ in range(MIN_SPANS + 3):
        fanout.publish(None, b"", [b""])
        fanout.publish(quiet, b"", [b""])
    fanout.seal()
    assert fanout.overdue() == [quiet]
    assert not fanout.relieved(quiet)
    lost = 3 + MIN_SPANS // DROP_SHARE
    assert fanout.drop(quiet) == (lost, lost)
    assert fanout.overdue() == []
    assert quiet.take(ALL) == b"<tw> dropped %d lines\n" % lost + b"\n" * (MIN_SPANS + 3 - lost)
    assert fanout.relieved(quiet)


def test_one_that_reaches_the_limit_loses_nothing_and_one_that_passes_it_a_little_more_than_it_must() -> None:
    """Or else one that is stuck would have a line dropped in every turn."""
    fanout = _fanout(320)
    cursor = fanout.subscribe()
    for turn in range(32):
        publish_turn(fanout, b"%09d" % turn)
        assert fanout.drop(cursor) == (0, 0)
    publish_turn(fanout, b"")
    assert fanout.drop(cursor) == (2, 20)
    assert cursor.lag_bytes == 301
    publish_turn(fanout, b"x" * 18)
    assert fanout.drop(cursor) == (0, 0)
    assert cursor.take(ALL).startswith(b"<tw> dropped 2 lines\n000000002\n")


def test_one_is_relieved_at_half_of_what_makes_it_overdue() -> None:
    fanout = _fanout(10)
    cursor = fanout.subscribe()
    publish_turn(fanout, b"12345")
    assert (cursor.lag_bytes, fanout.relieved(cursor)) == (6, False)
    cursor.take(ALL)
    publish_turn(fanout, b"1234")
    assert (cursor.lag_bytes, fanout.relieved(cursor)) == (5, True)


def test_who_has_had_no_chance_to_take_what_is_fresh_is_not_overdue() -> None:
    fanout = _fanout(10)
    behind, level = fanout.subscribe(), fanout.subscribe()
    publish_turn(fanout, b"before")
    level.take(ALL)
    publish_turn(fanout, b"fresh, and more than the backlog")
    assert fanout.overdue(33) == [behind]
    assert fanout.overdue(40) == []
    assert fanout.overdue() == [behind, level]
