"""The fan-out beside a naive one: a list of lines, and an index into it for each subscriber."""

import gc
import sys
import tracemalloc
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from types import FrameType

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tw.core.batches import JOIN_LINES, MERGE_BYTES, Batch
from tw.core.fanout import MIN_SPANS, Cursor, FanOut

ALL = 1 << 60


def _lines(data: bytes) -> list[bytes]:
    """Cut at line feeds, keeping them; all must be whole."""
    assert data == b"" or data.endswith(b"\n")
    return [line + b"\n" for line in data.split(b"\n")[:-1]]


def _turn(fanout: FanOut, *lines: bytes, source: Cursor | None = None) -> None:
    fanout.publish(source, b"", lines)
    assert fanout.seal()


def _batches_alive() -> int:
    gc.collect()
    return sum(isinstance(thing, Batch) for thing in gc.get_objects())


@pytest.fixture
def only_new_batches() -> Callable[[], int]:
    """How many batches are alive that were not before the test."""
    before = _batches_alive()
    return lambda: _batches_alive() - before


# What subscribers get.


def test_a_line_reaches_every_subscriber_its_publisher_included() -> None:
    fanout = FanOut(backlog_bytes=1000)
    first, second = fanout.subscribe(), fanout.subscribe()
    fanout.publish(first, b"<a> ", [b"one", b""])
    fanout.publish(None, b"<b> ", [b"two"])
    assert (first.take(ALL), second.take(ALL)) == (b"", b"")  # not before the turn is over
    assert fanout.seal()
    assert first.take(ALL) == second.take(ALL) == b"<a> one\n<a> \n<b> two\n"
    assert not fanout.seal()


def test_subscribers_that_keep_up_share_the_bytes_of_the_turn() -> None:
    fanout = FanOut(backlog_bytes=1000)
    cursors = [fanout.subscribe() for _ in range(3)]
    _turn(fanout, b"one")
    taken = [cursor.take(ALL) for cursor in cursors]
    assert all(data is taken[0] for data in taken)


def test_every_line_ends_in_the_line_end_asked_for() -> None:
    fanout = FanOut(backlog_bytes=1000, history_lines=2, line_end=b"\r\n")
    for line in (b"1", b"2", b"3"):
        _turn(fanout, line)
    assert fanout.subscribe().take(ALL) == b"2\r\n3\r\n"


def test_without_echo_a_subscriber_gets_all_but_its_own_lines() -> None:
    fanout = FanOut(backlog_bytes=1000)
    quiet = fanout.subscribe(echo=False)
    for source, name in ((quiet, b"own"), (None, b"other"), (quiet, b"own"), (quiet, b"own"), (None, b"last")):
        fanout.publish(source, b"", [name])
    fanout.seal()
    assert (quiet.backlog_bytes, quiet.backlog_lines) == (len(b"other\nlast\n"), 2)
    assert quiet.take(ALL) == b"other\nlast\n"
    _turn(fanout, b"own", source=quiet)
    assert (quiet.backlog_bytes, quiet.caught_up) == (0, False)
    assert quiet.take(ALL) == b""
    assert (quiet.caught_up, fanout.held_bytes) == (True, 0)


def test_a_subscriber_gets_nothing_that_was_published_before_it_in_the_same_turn() -> None:
    fanout = FanOut(backlog_bytes=1000)
    fanout.publish(None, b"", [b"before"])
    late = fanout.subscribe()
    fanout.publish(None, b"", [b"after"])
    assert late.caught_up
    fanout.seal()
    assert late.take(ALL) == b"after\n"


def test_the_history_comes_first_and_in_order_the_unsealed_turn_included() -> None:
    fanout = FanOut(backlog_bytes=1000, history_lines=3)
    _turn(fanout, b"1", b"2", b"3")
    fanout.publish(None, b"<p> ", [b"4"])
    late = fanout.subscribe()
    fanout.publish(None, b"", [b"5"])
    assert late.take(ALL) == b"2\n3\n"
    fanout.seal()
    assert late.take(ALL) == b"<p> 4\n5\n"


@pytest.mark.parametrize(("backlog_bytes", "expected"), [(11, b"333\n444\n"), (12, b"222\n333\n444\n")])
def test_the_history_is_whole_lines_within_the_backlog(backlog_bytes: int, expected: bytes) -> None:
    fanout = FanOut(backlog_bytes=backlog_bytes, history_lines=9)
    _turn(fanout, b"111", b"222", b"333", b"444")
    late = fanout.subscribe()
    assert (late.backlog_bytes, late.backlog_lines) == (len(expected), expected.count(b"\n"))
    assert late.take(ALL) == expected


def test_a_line_longer_than_the_backlog_is_no_history() -> None:
    fanout = FanOut(backlog_bytes=10, history_lines=9)
    _turn(fanout, b"x" * 50)
    assert fanout.subscribe().take(ALL) == b""


def test_a_finished_cursor_gets_what_was_published_up_to_then_and_nothing_later() -> None:
    fanout = FanOut(backlog_bytes=1000)
    leaving, staying = fanout.subscribe(echo=False), fanout.subscribe()
    fanout.publish(leaving, b"", [b"own"])
    fanout.publish(None, b"", [b"before"])
    assert not leaving.finished
    leaving.finish()
    fanout.publish(leaving, b"", [b"own, too late"])
    fanout.publish(None, b"", [b"after"])
    leaving.finish()
    fanout.seal()
    assert (leaving.backlog_bytes, leaving.backlog_lines, leaving.finished) == (7, 1, False)
    assert leaving.take(ALL) == b"before\n"
    assert leaving.finished
    more = b"x" * 2 * MERGE_BYTES
    _turn(fanout, more)
    _turn(fanout, more)
    assert (leaving.take(ALL), leaving.backlog_bytes, leaving.backlog_lines) == (b"", 0, 0)
    assert staying.take(ALL) == b"own\nbefore\nown, too late\nafter\n" + 2 * (more + b"\n")


# How it comes in pieces.


def test_a_take_is_whole_batches_up_to_the_limit() -> None:
    fanout = FanOut(backlog_bytes=10**6, batch_bytes=5000)
    cursor = fanout.subscribe()
    for letter in (b"a", b"b", b"c"):
        _turn(fanout, letter * 4999)
    assert cursor.take(10_000) == b"a" * 4999 + b"\n" + b"b" * 4999 + b"\n"
    assert cursor.take(1) == b"c" * 4999 + b"\n"
    assert cursor.take(1) == b""


def test_a_turn_is_cut_into_batches_between_lines_and_a_huge_line_is_a_batch_of_its_own() -> None:
    fanout = FanOut(backlog_bytes=10**6, batch_bytes=10)
    cursor = fanout.subscribe()
    fanout.publish(None, b"", [b"1234", b"12345", b"x" * 30, b"1", b"2"])
    fanout.publish(None, b"", [b"345", b"6", b"7"])
    fanout.seal()
    taken = []
    while data := cursor.take(1):
        taken.append(data)
    assert taken == [b"1234\n", b"12345\n", b"x" * 30 + b"\n", b"1\n2\n", b"345\n6\n7\n"]


def test_own_lines_are_skipped_over_many_batches() -> None:
    fanout = FanOut(backlog_bytes=10**6, batch_bytes=10)
    quiet = fanout.subscribe(echo=False)
    fanout.publish(quiet, b"", [b"own"] * 20)
    fanout.publish(None, b"", [b"other"])
    fanout.seal()
    other = fanout.subscribe()
    _turn(fanout, b"last")
    assert (quiet.backlog_bytes, quiet.backlog_lines) == (11, 2)
    assert quiet.take(1) == b"other\n"
    assert quiet.take(1) == b"last\n"
    assert (quiet.backlog_bytes, quiet.backlog_lines) == (0, 0)
    assert other.take(ALL) == b"last\n"


def test_subscribers_that_stall_at_different_turns_may_leave_or_get_all_after_theirs() -> None:
    fanout = FanOut(backlog_bytes=10**6)
    lines = [b"%d" % turn for turn in range(20)]
    cursors = []
    for line in lines:
        cursors.append(fanout.subscribe())
        _turn(fanout, line)
    assert [cursor.backlog_lines for cursor in cursors] == list(range(20, 0, -1))
    for cursor in cursors[10:]:
        fanout.unsubscribe(cursor)
    for at, cursor in enumerate(cursors[:10]):
        assert _lines(cursor.take(ALL)) == [line + b"\n" for line in lines[at:]]
    assert fanout.held_bytes == 0


# Who is too slow.


def test_a_subscriber_is_overdue_when_its_backlog_passes_the_limit_and_not_when_it_reaches_it() -> None:
    fanout = FanOut(backlog_bytes=10)
    slow, quick, slower = fanout.subscribe(), fanout.subscribe(), fanout.subscribe()
    _turn(fanout, b"123456789")
    assert quick.take(ALL)
    assert fanout.overdue() == []
    _turn(fanout, b"")
    assert quick.take(ALL)
    assert fanout.overdue() == [slow, slower]
    assert (slow.backlog_bytes, slow.backlog_lines) == (11, 2)
    fanout.unsubscribe(slow)
    assert fanout.overdue() == [slower]
    assert slower.take(ALL) == b"123456789\n\n"
    assert fanout.overdue() == []
    assert quick.caught_up


def test_own_lines_make_a_subscriber_overdue_while_it_does_not_take() -> None:
    fanout = FanOut(backlog_bytes=10)
    quiet = fanout.subscribe(echo=False)
    _turn(fanout, b"1234567890", source=quiet)
    assert (quiet.backlog_bytes, fanout.overdue()) == (0, [quiet])
    assert (quiet.take(ALL), fanout.overdue()) == (b"", [])


def test_too_many_spans_of_own_lines_make_a_subscriber_overdue() -> None:
    fanout = FanOut(backlog_bytes=100_000)
    quiet = fanout.subscribe(echo=False)
    for _ in range(MIN_SPANS):
        fanout.publish(None, b"", [b""])
        fanout.publish(quiet, b"", [b""])
    fanout.seal()
    assert fanout.overdue() == []
    fanout.publish(None, b"", [b""])
    _turn(fanout, b"", source=quiet)
    assert fanout.overdue() == [quiet]
    assert quiet.take(ALL) == b"\n" * (MIN_SPANS + 1)
    assert fanout.overdue() == []


def test_unsubscribing_is_idempotent_and_leaves_nothing_to_take() -> None:
    fanout, other = FanOut(backlog_bytes=10), FanOut(backlog_bytes=10)
    cursor, stranger = fanout.subscribe(echo=False), other.subscribe()
    _turn(fanout, b"one")
    _turn(other, b"one")
    for _ in range(2):
        fanout.unsubscribe(cursor)
    fanout.unsubscribe(stranger)
    assert (cursor.take(ALL), cursor.backlog_bytes, cursor.backlog_lines, cursor.caught_up) == (b"", 0, 0, True)
    assert stranger.take(ALL) == b"one\n"
    assert fanout.held_bytes == 0


def test_an_unsubscribed_publisher_may_still_publish() -> None:
    fanout = FanOut(backlog_bytes=10)
    gone, other = fanout.subscribe(echo=False), fanout.subscribe()
    fanout.unsubscribe(gone)
    _turn(fanout, b"last", source=gone)
    assert (gone.take(ALL), other.take(ALL)) == (b"", b"last\n")


# What it costs.


def test_nothing_is_kept_once_everybody_has_taken_the_turn(only_new_batches: Callable[[], int]) -> None:
    fanout = FanOut(backlog_bytes=10**6)
    cursors = [fanout.subscribe() for _ in range(5)]
    for _ in range(20):
        _turn(fanout, b"x" * 3000)
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
        _turn(fanout, b"x" * 3000)
    assert (fanout.held_bytes, only_new_batches()) == (0, 1)


def test_leaving_frees_what_only_the_leaver_needed(only_new_batches: Callable[[], int]) -> None:
    fanout = FanOut(backlog_bytes=10**9)
    first, second = fanout.subscribe(), fanout.subscribe()
    for _ in range(50_000):  # freed in one go, without recursing that deep
        _turn(fanout, b"x" * MERGE_BYTES)
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
    for turn in range(100_000):
        _turn(fanout, b"1234567")
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
        _turn(fanout, b"one")
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


@pytest.mark.parametrize(
    "options", [{"backlog_bytes": 0}, {"batch_bytes": 0}, {"history_lines": -1}, {"line_end": b"\r"}, {"line_end": b""}]
)
def test_senseless_values_are_refused(options: dict[str, int | bytes]) -> None:
    with pytest.raises(ValueError, match=r"positive|LF or CRLF"):
        FanOut(**{"backlog_bytes": 1, **options})  # type: ignore[arg-type]


# Any interleaving.


@dataclass
class _Subscriber:
    cursor: Cursor
    echo: bool
    next_line: int
    end: int | None = None
    own: set[int] = field(default_factory=set)


_SHORT = st.binary(max_size=6).map(lambda data: data.replace(b"\n", b"/"))
_LINE = _SHORT | st.integers(0, 2500).map(lambda size: b"x" * size)


class FanOutModel(RuleBasedStateMachine):
    """Publish, take, stall, finish and leave in any order, held against plain lists."""

    @initialize(
        backlog_bytes=st.sampled_from([1, 30, 6000, 10**6]),
        history_lines=st.sampled_from([0, 1, 5, 10**6]),
        line_end=st.sampled_from([b"\n", b"\r\n"]),
        batch_bytes=st.sampled_from([1, 20, 3000, 65536]),
    )
    def begin(self, backlog_bytes: int, history_lines: int, line_end: bytes, batch_bytes: int) -> None:
        self.fanout = FanOut(
            backlog_bytes=backlog_bytes, history_lines=history_lines, line_end=line_end, batch_bytes=batch_bytes
        )
        self.backlog_bytes, self.history_lines, self.line_end = backlog_bytes, history_lines, line_end
        self.log: list[bytes] = []
        self.starts = [0]  # of each line, in bytes, and of the next one
        self.sealed = 0
        self.subscribers: list[_Subscriber] = []
        self.gone: list[Cursor] = []
        self.largest_batch = max(batch_bytes, MERGE_BYTES)

    def _ahead(self, subscriber: _Subscriber, until: int) -> list[int]:
        """The lines that a subscriber is to get, by their place in the log."""
        end = until if subscriber.end is None else min(until, subscriber.end)
        return [number for number in range(subscriber.next_line, end) if number not in subscriber.own]

    def _add(self, lines: list[bytes]) -> None:
        self.log += lines
        self.starts += accumulate(map(len, lines), initial=self.starts.pop())

    def _bytes_from(self, first: int) -> int:
        return self.starts[-1] - self.starts[first]

    def _bytes(self, numbers: Iterable[int]) -> int:
        return sum(len(self.log[number]) for number in numbers)

    def _history_start(self, end: int) -> int:
        """The first line of the history, if the log ended before line `end`."""
        floor = self.starts[end] - self.backlog_bytes
        return max(bisect_left(self.starts, floor), end - self.history_lines)

    @rule(echo=st.booleans())
    def subscribe(self, echo: bool) -> None:
        cursor = self.fanout.subscribe(echo=echo)
        self.subscribers.append(_Subscriber(cursor, echo, self._history_start(len(self.log))))

    def _publish(self, data: st.DataObject, prefix: bytes, lines: list[bytes]) -> None:
        source = data.draw(st.sampled_from([None, *self.subscribers]))
        self.fanout.publish(source.cursor if source else None, prefix, lines)
        if source and not source.echo:
            source.own.update(range(len(self.log), len(self.log) + len(lines)))
        self._add([prefix + line + self.line_end for line in lines])
        self.largest_batch = max(self.largest_batch, *map(len, self.log[len(self.log) - len(lines) :]), 0)

    @rule(data=st.data(), prefix=st.sampled_from([b"", b"<p> "]), lines=st.lists(_LINE, max_size=5))
    def publish(self, data: st.DataObject, prefix: bytes, lines: list[bytes]) -> None:
        self._publish(data, prefix, lines)

    @precondition(lambda self: len(self.log) < JOIN_LINES)
    @rule(data=st.data(), count=st.integers(JOIN_LINES - 1, 2 * JOIN_LINES + 1))
    def publish_many(self, data: st.DataObject, count: int) -> None:
        self._publish(data, b"", [b"%d" % number for number in range(count)])

    @precondition(lambda self: self.gone)
    @rule(data=st.data())
    def publish_after_leaving(self, data: st.DataObject) -> None:
        self.fanout.publish(data.draw(st.sampled_from(self.gone)), b"", [b"last"])
        self._add([b"last" + self.line_end])

    @rule()
    def seal(self) -> None:
        assert self.fanout.seal() == (self.sealed < len(self.log))
        self.sealed = len(self.log)

    def _take(self, subscriber: _Subscriber, limit_bytes: int) -> None:
        expected = self._ahead(subscriber, self.sealed)
        taken = subscriber.cursor.take(limit_bytes)
        lines = _lines(taken)
        assert lines == [self.log[number] for number in expected[: len(lines)]]
        assert bool(lines) == bool(expected)
        assert len(taken) <= max(limit_bytes, self.largest_batch)
        if len(lines) < len(expected):
            assert len(taken) + self.largest_batch >= limit_bytes  # no less than could be had
            subscriber.next_line = expected[len(lines)]
        else:
            end = self.sealed if subscriber.end is None else min(self.sealed, subscriber.end)
            subscriber.next_line = max(end, subscriber.next_line)
        if not taken:
            assert subscriber.cursor.caught_up

    @precondition(lambda self: self.subscribers)
    @rule(data=st.data(), limit_bytes=st.sampled_from([0, 10, 3000, ALL]))
    def take(self, data: st.DataObject, limit_bytes: int) -> None:
        self._take(data.draw(st.sampled_from(self.subscribers)), limit_bytes)

    @rule(data=st.data())
    def end_the_turn(self, data: st.DataObject) -> None:
        """As a server does it; some subscribers are stalled."""
        self.seal()
        stalled = data.draw(st.integers(0, 2))
        for subscriber in self.subscribers[stalled:]:
            self._take(subscriber, 65536)

    @precondition(lambda self: self.subscribers)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        subscriber = data.draw(st.sampled_from(self.subscribers))
        subscriber.cursor.finish()
        subscriber.end = len(self.log) if subscriber.end is None else subscriber.end

    @precondition(lambda self: self.subscribers)
    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        subscriber = data.draw(st.sampled_from(self.subscribers))
        self.subscribers.remove(subscriber)
        self.fanout.unsubscribe(subscriber.cursor)
        self.gone.append(subscriber.cursor)

    @invariant()
    def counts_agree(self) -> None:
        assert self.fanout.published_lines == len(self.log)
        assert self.fanout.published_bytes == self.starts[-1]
        for subscriber in self.subscribers:
            ahead = self._ahead(subscriber, len(self.log))
            cursor = subscriber.cursor
            assert (cursor.backlog_lines, cursor.backlog_bytes) == (len(ahead), self._bytes(ahead))
            assert cursor.finished == (subscriber.end is not None and not ahead)
            if cursor.caught_up:
                assert not self._ahead(subscriber, self.sealed)

    @invariant()
    def those_behind_are_overdue(self) -> None:
        overdue = self.fanout.overdue()
        for subscriber in self.subscribers:
            if subscriber.end is not None:
                continue  # it may be anywhere behind its end
            # Its place in the log may be past the own lines that stand before `next_line`, and past those after.
            end = len(self.log)
            first = subscriber.next_line
            passed = next((n for n in range(first, end) if n not in subscriber.own), end)
            before = next((n for n in range(first, 0, -1) if n - 1 not in subscriber.own), 0)
            if self._bytes_from(passed) > self.backlog_bytes:
                assert subscriber.cursor in overdue
            if self._bytes_from(before) <= self.backlog_bytes:
                assert subscriber.cursor not in overdue
        assert overdue == [subscriber.cursor for subscriber in self.subscribers if subscriber.cursor in overdue]

    @invariant()
    def no_more_is_kept_than_needed(self) -> None:
        places = [subscriber.next_line for subscriber in self.subscribers if subscriber.end is None]
        needed = self._bytes_from(min([self._history_start(len(self.log)), self.sealed, *places]))
        # The history is trimmed when a turn is sealed, and a finished cursor may be anywhere behind its end.
        places += [subscriber.next_line for subscriber in self.subscribers]
        kept = self._bytes_from(min([self._history_start(self.sealed), self.sealed, *places]))
        # Any cursor may be anywhere in the own lines before or after its next one.
        own = sum(self._bytes(subscriber.own) for subscriber in self.subscribers)
        assert needed - own <= self.fanout.held_bytes <= kept + own + self.largest_batch

    def teardown(self) -> None:
        """Whoever is left gets everything."""
        if hasattr(self, "fanout"):
            self.fanout.seal()
            self.sealed = len(self.log)
            for subscriber in self.subscribers:
                while self._ahead(subscriber, self.sealed):
                    self._take(subscriber, 1)


FanOutModel.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestFanOut = FanOutModel.TestCase
