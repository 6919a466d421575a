"""The fan-out beside a naive one: a list of lines, and an index into it for each subscriber."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fanout_lines import ALL, whole_lines
from tw.core.batches import JOIN_LINES, MERGE_BYTES
from tw.core.cursor import Cursor
from tw.core.fanout import DROP_SHARE, FanOut


@dataclass
class _Subscriber:
    cursor: Cursor
    echo: bool
    next_line: int
    end: int | None = None
    own: set[int] = field(default_factory=set)
    has_taken: bool = False
    dropped: bool = False
    gap_lines: int = 0

    @property
    def first(self) -> int:
        """Where it may be at the least: in the own lines before `next_line`."""
        return next((number for number in range(self.next_line, 0, -1) if number - 1 not in self.own), 0)


def _notice(lines: int) -> bytes:
    return b"<tw> dropped %d lines\n" % lines


_SHORT = st.binary(max_size=6).map(lambda data: data.replace(b"\n", b"/"))
_LINE = _SHORT | st.integers(0, 2500).map(lambda size: b"x" * size)


class FanOutModel(RuleBasedStateMachine):
    """Publish, take, stall, finish and leave in any order, held against plain lists."""

    @initialize(
        backlog_bytes=st.sampled_from([1, 30, 6000, 10**6]),
        history_lines=st.sampled_from([0, 1, 5, 10**6]),
        line_end=st.sampled_from([b"\n", b"\r\n"]),
        batch_bytes=st.sampled_from([1, 20, 3000, 65536]),
        notices=st.booleans(),
    )
    def begin(self, backlog_bytes: int, history_lines: int, line_end: bytes, batch_bytes: int, notices: bool) -> None:
        self.fanout = FanOut(
            backlog_bytes=backlog_bytes,
            history_lines=history_lines,
            line_end=line_end,
            batch_bytes=batch_bytes,
            gap_notice=_notice if notices else None,
        )
        self.notices = notices
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

    @precondition(lambda self: self.subscribers)
    @rule(data=st.data(), echo=st.booleans())
    def subscribe_beside(self, data: st.DataObject, echo: bool) -> None:
        self._subscribe_beside(data.draw(st.sampled_from(self.subscribers)), echo)

    def _subscribe_beside(self, other: _Subscriber, echo: bool) -> None:
        try:
            cursor = self.fanout.subscribe(echo=echo, beside=other.cursor)
        except ValueError:
            # It has lines to skip, or its history may have begun inside a batch.
            own_ahead = any(own >= other.first for own in other.own)
            assert other.end is not None or not other.has_taken or other.dropped or own_ahead
        else:
            assert (other.end, other.gap_lines) == (None, 0)
            assert all(own < other.next_line for own in other.own)
            self.subscribers.append(_Subscriber(cursor, echo, other.next_line, has_taken=True))

    @precondition(lambda self: len(self.subscribers) > 1)
    @rule(data=st.data(), echo=st.booleans(), turns=st.integers(0, 3))
    def subscribe_beside_one_that_lags(self, data: st.DataObject, echo: bool, turns: int) -> None:
        """Behind short turns, whose batches are merged into what another one holds that lags further still."""
        further, other, *rest = data.draw(st.permutations(self.subscribers))
        for turn in range(turns + 1):
            self.fanout.publish(None, b"", [b"short"])
            self._add([b"short" + self.line_end])
            self.seal()
            for subscriber in rest if turn else [other]:
                self._take(subscriber, ALL)
        self._subscribe_beside(other, echo)
        if data.draw(st.booleans()):
            self._take(other, ALL)
            self._unsubscribe(further)

    @precondition(lambda self: self.gone)
    @rule(data=st.data(), echo=st.booleans())
    def subscribe_beside_one_that_is_gone(self, data: st.DataObject, echo: bool) -> None:
        with pytest.raises(ValueError, match="subscribed"):
            self.fanout.subscribe(echo=echo, beside=data.draw(st.sampled_from(self.gone)))

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
        gap = _notice(subscriber.gap_lines) if subscriber.gap_lines else b""
        subscriber.gap_lines = 0
        assert taken.startswith(gap)
        assert taken or not gap
        taken = taken.removeprefix(gap)
        if gap and not taken:
            assert not expected
        lines = whole_lines(taken)
        assert lines == [self.log[number] for number in expected[: len(lines)]]
        assert bool(lines) == bool(expected)
        subscriber.has_taken |= bool(lines)
        assert len(taken) <= max(limit_bytes, self.largest_batch)
        if len(lines) < len(expected):
            assert len(taken) + self.largest_batch >= limit_bytes  # no less than could be had
            subscriber.next_line = expected[len(lines)]
        else:
            end = self.sealed if subscriber.end is None else min(self.sealed, subscriber.end)
            subscriber.next_line = max(end, subscriber.next_line)
        if not taken and not gap:
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

    def _drop(self, subscriber: _Subscriber) -> None:
        overdue = subscriber.cursor in self.fanout.overdue()
        kept_bytes = self.backlog_bytes - self.backlog_bytes // DROP_SHARE
        first = bisect_left(self.starts, self.starts[-1] - kept_bytes) if overdue else 0
        lost = [number for number in self._ahead(subscriber, self.sealed) if number < first]
        assert self.fanout.drop(subscriber.cursor) == (len(lost), self._bytes(lost))
        subscriber.next_line = max(subscriber.next_line, first)
        subscriber.gap_lines += len(lost) if self.notices else 0
        subscriber.dropped |= overdue
        assert subscriber.cursor not in self.fanout.overdue()

    @precondition(lambda self: self.subscribers)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        """Overdue or not: one that is not overdue loses nothing."""
        self.seal()
        self._drop(data.draw(st.sampled_from(self.subscribers)))

    @rule(stalled=st.integers(0, 2))
    def end_the_turn_and_drop(self, stalled: int) -> None:
        """As a server does it under that policy."""
        self.seal()
        for subscriber in self.subscribers[stalled:]:
            self._take(subscriber, 65536)
        for cursor in self.fanout.overdue():
            self._drop(next(subscriber for subscriber in self.subscribers if subscriber.cursor is cursor))
        assert self.fanout.overdue() == []
        assert self.fanout.held_bytes <= self.backlog_bytes + self.largest_batch

    @precondition(lambda self: self.subscribers)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        subscriber = data.draw(st.sampled_from(self.subscribers))
        subscriber.cursor.finish()
        subscriber.end = len(self.log) if subscriber.end is None else subscriber.end

    @precondition(lambda self: self.subscribers)
    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        self._unsubscribe(data.draw(st.sampled_from(self.subscribers)))

    def _unsubscribe(self, subscriber: _Subscriber) -> None:
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
            assert cursor.finished == (subscriber.end is not None and not ahead and not subscriber.gap_lines)
            if cursor.caught_up:
                assert not subscriber.gap_lines
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
            if self._bytes_from(passed) > self.backlog_bytes:
                assert subscriber.cursor in overdue
            if self._bytes_from(subscriber.first) <= self.backlog_bytes:
                assert subscriber.cursor not in overdue
        assert overdue == [subscriber.cursor for subscriber in self.subscribers if subscriber.cursor in overdue]
        for fresh_bytes in (1, self._bytes_from(self.sealed), 10**7):
            late = [cursor for cursor in overdue if cursor.lag_bytes > fresh_bytes]
            assert self.fanout.overdue(fresh_bytes) == late

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
                while self._ahead(subscriber, self.sealed) or subscriber.gap_lines:
                    self._take(subscriber, 1)


FanOutModel.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestFanOut = FanOutModel.TestCase
