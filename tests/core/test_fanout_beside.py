"""A cursor that is made beside another: where it stands, and beside whom there is no place."""

from collections.abc import Callable

import pytest

from fanout_lines import ALL, publish_turn
from tw.core.batches import MERGE_BYTES
from tw.core.cursor import Cursor
from tw.core.fanout import FanOut


def test_one_made_beside_another_gets_what_that_has_not_taken_and_by_its_own_rule_of_echo() -> None:
    fanout = FanOut(backlog_bytes=1000, history_lines=9)
    other = fanout.subscribe()
    publish_turn(fanout, b"taken")
    assert other.take(ALL)
    publish_turn(fanout, b"sealed")
    fanout.publish(None, b"", [b"in this turn"])
    beside = fanout.subscribe(echo=False, beside=other)
    fanout.publish(other, b"", [b"the other's"])
    fanout.publish(beside, b"", [b"its own"])
    assert (beside.backlog_bytes, beside.backlog_lines) == (other.backlog_bytes - 8, 3)
    assert beside.take(ALL) == other.take(ALL) == b"sealed\n"
    fanout.seal()
    assert other.take(ALL) == b"in this turn\nthe other's\nits own\n"
    assert beside.take(ALL) == b"in this turn\nthe other's\n"


def test_beside_one_that_has_not_begun_its_history_stands_one_before_the_history() -> None:
    fanout = FanOut(backlog_bytes=1000, history_lines=9)
    publish_turn(fanout, b"1", b"2")
    assert fanout.subscribe(beside=fanout.subscribe()).take(ALL) == b"1\n2\n"


@pytest.mark.parametrize("leaves_first", [False, True])
def test_beside_one_whose_batch_was_merged_into_another_it_holds_as_much_and_gets_as_much(leaves_first: bool) -> None:
    fanout = FanOut(backlog_bytes=1000)
    first, other = fanout.subscribe(), fanout.subscribe()
    publish_turn(fanout, b"1")
    assert other.take(ALL) == b"1\n"
    for line in (b"2", b"3", b"4"):
        publish_turn(fanout, line)  # each is merged into the batch of the first, where `first` is
    beside = fanout.subscribe(beside=other)
    if leaves_first:
        fanout.unsubscribe(first)
    assert other.take(ALL) == b"2\n3\n4\n"
    assert fanout.held_bytes == 8
    assert (beside.backlog_bytes, beside.backlog_lines) == (6, 3)
    assert beside.take(ALL) == b"2\n3\n4\n"
    assert fanout.held_bytes == (0 if leaves_first else 8)


def test_one_made_beside_another_holds_the_log_and_is_overdue_on_its_own() -> None:
    fanout = FanOut(backlog_bytes=10)
    other = fanout.subscribe()
    beside = fanout.subscribe(beside=other)
    publish_turn(fanout, b"1234567890")
    assert other.take(ALL)
    fanout.unsubscribe(other)
    assert (fanout.held_bytes, fanout.overdue()) == (11, [beside])
    fanout.unsubscribe(beside)
    assert (fanout.held_bytes, fanout.overdue()) == (0, [])


def _unsubscribed(fanout: FanOut) -> Cursor:
    cursor = fanout.subscribe()
    fanout.unsubscribe(cursor)
    return cursor


def _of_another(_: FanOut) -> Cursor:
    return FanOut(backlog_bytes=1000).subscribe()


def _finished(fanout: FanOut) -> Cursor:
    cursor = fanout.subscribe()
    cursor.finish()
    return cursor


def _with_own_lines(fanout: FanOut) -> Cursor:
    cursor = fanout.subscribe(echo=False)
    fanout.publish(cursor, b"", [b"own"])
    return cursor


def _in_the_middle_of_a_batch(fanout: FanOut) -> Cursor:
    publish_turn(fanout, b"before the history", b"1", b"2")
    return fanout.subscribe()


@pytest.mark.parametrize("make", [_unsubscribed, _of_another, _finished, _with_own_lines, _in_the_middle_of_a_batch])
def test_beside_one_that_has_lines_to_skip_or_is_not_here_there_is_no_place(make: Callable[[FanOut], Cursor]) -> None:
    fanout = FanOut(backlog_bytes=10**6, history_lines=2)
    beside = make(fanout)
    with pytest.raises(ValueError, match="beside"):
        fanout.subscribe(beside=beside)
    fanout.unsubscribe(beside)
    for _ in range(3):
        publish_turn(fanout, b"x" * MERGE_BYTES)
    assert fanout.held_bytes == 2 * (MERGE_BYTES + 1)  # the history: nobody was left behind
