"""What the fan-out costs: memory while somebody is behind, and time for those who are not."""

import gc
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType

import pytest

from fanout_lines import ALL, publish_turn
from tw.core.batches import MERGE_BYTES, Batch
from tw.core.fanout import FanOut


def _batches_alive() -> int:
    gc.collect()
    return sum(isinstance(thing, Batch) for thing in gc.get_objects())


@pytest.fixture
def only_new_batches() -> Callable[[], int]:
    """How many batches are alive that were not before the test."""
    before = _batches_alive()
    return lambda: _batches_alive() - before


def test_nothing_is_kept_once_everybody_has_taken_the_turn(only_new_batches: Callable[[], int]) -> None:
    fanout = FanOut(backlog_bytes=10**6)
    cursors = [fanout.subscribe() for _ in range(5)]
    for _ in range(20):
        publish_turn(fanout, b"x" * 3000)
        for cursor in cursors[1:]:
            cursor.take(ALL)
    assert fanout.held_bytes == 20 * 3001
    while cursors[0].take(1):
        pass
    assert (fanout.held_bytes, only_new_batches()) == (0, 1)
    assert fanout.published_bytes == 20 * 3001
    assert fanout.published_lines == 20


def test_nothing_is_kept_without_subscribers(only_new_batches: Callable[[], int]) -> None:
    fanout = FanOut(backlog_bytes=10**6)
    fanout.publish(None, b"", [])
    assert not fanout.seal()
    for _ in range(20):
        publish_turn(fanout, b"x" * 3000)
    assert (fanout.held_bytes, only_new_batches()) == (0, 1)


def test_leaving_frees_what_only_the_leaver_needed(only_new_batches: Callable[[], int]) -> None:
    fanout = FanOut(backlog_bytes=10**9)
    first, second = fanout.subscribe(), fanout.subscribe()
    for _ in range(50_000):  # freed in one go, without recursing that deep
        publish_turn(fanout, b"x" * MERGE_BYTES)
    second.take(25_000 * (MERGE_BYTES + 1))
    fanout.unsubscribe(first)
    assert fanout.held_bytes == 25_000 * (MERGE_BYTES + 1)
    fanout.unsubscribe(second)
    assert (fanout.held_bytes, only_new_batches()) == (0, 1)


@pytest.mark.parametrize("late_by_a_turn", [False, True])
def test_short_lines_of_short_turns_take_little_more_memory_than_their_bytes(late_by_a_turn: bool) -> None:
    tracemalloc.start()
    fanout = FanOut(backlog_bytes=200_000, history_lines=10**6)
    cursor = fanout.subscribe()
    for turn in range(50_000):  # twice what the backlog holds
        publish_turn(fanout, b"1234567")
        if turn >= late_by_a_turn:
            cursor.take(1)  # never catches up, if it is late: a reader stands at every border once
    real_bytes, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 200_000 <= fanout.held_bytes <= 200_000 + MERGE_BYTES
    assert real_bytes < 1.15 * fanout.held_bytes


def test_a_turn_costs_the_same_however_many_have_kept_up() -> None:
    def calls(subscribers: int) -> int:
        fanout = FanOut(backlog_bytes=10**6)
        cursors = [fanout.subscribe() for _ in range(subscribers)]
        publish_turn(fanout, b"one")
        for cursor in cursors[1:]:
            cursor.take(ALL)
        count = 0

        def on_event(_frame: FrameType, _event: str, _arg: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(on_event)
        try:
            fanout.publish(None, b"", [b"two"])
            fanout.seal()
            fanout.overdue()
        finally:
            sys.setprofile(None)
        return count

    assert calls(2) == calls(200)
