"""A subscriber that is slow on purpose: how much it reads in how much time."""

from typing import Any

import pytest
from twisted.internet.task import Clock

from tw.probes.slow_reader import MUCH_ROOM_BYTES, ROOM_BYTES, SlowReader


class Reading:
    """A stream that notes whether it is read from, and what room the kernel has for it."""

    def __init__(self) -> None:
        self.on = True
        self.room_bytes = 0

    def pause_reading(self) -> None:
        self.on = False

    def resume_reading(self) -> None:
        self.on = True

    def receive_into(self, size_bytes: int) -> None:
        self.room_bytes = size_bytes


class Slow:
    def __init__(self, bytes_per_s: int) -> None:
        self.clock = Clock()
        self.stream = Reading()
        stream: Any = self.stream
        self.reader = SlowReader(self.clock, stream, bytes_per_s)


def test_it_reads_all_that_comes_until_it_begins_and_has_little_room_from_the_start() -> None:
    slow = Slow(100)
    slow.reader.received(1000)
    assert (slow.stream.on, slow.stream.room_bytes) == (True, ROOM_BYTES)


def test_what_was_read_takes_its_time() -> None:
    slow = Slow(100)
    slow.reader.begin()
    slow.reader.received(250)
    slow.clock.advance(2.4)
    assert not slow.stream.on
    slow.clock.advance(0.1)
    assert slow.stream.on


def test_what_comes_in_several_pieces_takes_the_time_of_all() -> None:
    slow = Slow(100)
    slow.reader.begin()
    for size in (100, 150, 50):
        slow.reader.received(size)
    slow.clock.pump([1.0, 1.9])
    assert not slow.stream.on
    slow.clock.pump([0.1])
    assert slow.stream.on


def test_one_that_is_let_go_reads_on_at_once_and_with_much_room() -> None:
    slow = Slow(100)
    slow.reader.begin()
    slow.reader.received(1000)
    slow.reader.let_go()
    slow.reader.received(1000)
    assert (slow.stream.on, slow.stream.room_bytes) == (True, MUCH_ROOM_BYTES)
    assert slow.clock.getDelayedCalls() == []
    slow.reader.begin()
    slow.reader.received(1)
    assert (slow.stream.on, slow.stream.room_bytes) == (False, ROOM_BYTES)


def test_nothing_is_left_on_the_clock_of_one_that_is_over() -> None:
    slow = Slow(100)
    slow.reader.begin()
    slow.reader.received(1000)
    assert slow.reader.stop()
    assert not slow.reader.stop()
    assert (slow.clock.getDelayedCalls(), slow.stream.on) == ([], False)


@pytest.mark.parametrize(("bytes_per_s", "room_bytes"), [(1000, ROOM_BYTES), (10_000_000, 200_000)])
def test_a_fast_one_has_room_for_what_it_reads(bytes_per_s: int, room_bytes: int) -> None:
    assert Slow(bytes_per_s).stream.room_bytes == room_bytes
