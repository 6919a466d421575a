"""The fan-out of published lines: one shared log of batches, and a cursor into it for each subscriber.

A subscriber that keeps up is handed the very bytes object of each turn; one that falls behind costs its cursor alone,
since the log is shared. The slow-consumer policy is `disconnect`: `FanOut.overdue` names those who must go.

The use, once a reactor turn: `publish` as lines come in, `seal` at the end, `Cursor.take` for each subscriber that can
be written to, then `overdue`. Nothing but the caller's own loop visits the subscribers that have kept up.

Memory: at most `backlog_bytes` for the furthest-behind subscriber and the history together, one turn, and one batch;
at worst 12 % more for small batches (see `tw.core.batches`); `SPAN_BYTES` for each span of own lines to be skipped.
"""

import sys
from collections import deque
from collections.abc import Sequence

from tw.core.batches import Batch, BatchLog

# What one remembered span costs: a tuple, four integers and a place in a deque. Spans may cost as much as the backlog.
SPAN_BYTES = 200
# Under a small backlog a subscriber may still publish so often, between others, before it is called slow.
MIN_SPANS = 1024

# Where unsubscribed cursors stand: behind the end of any log, so that nothing is left to take and no batch kept alive.
_NOWHERE = Batch(sys.maxsize, sys.maxsize)


class Cursor:
    """A subscriber's place in the log, made by `FanOut.subscribe`. It holds no bytes itself."""

    __slots__ = (
        "_batch", "_end", "_log", "_odd", "_offset", "_offset_lines", "_own", "_own_bytes", "_own_lines", "_skips_own",
    )  # fmt: skip

    def __init__(self, log: BatchLog, *, echo: bool, beside: "Cursor | None" = None) -> None:
        self._log = log
        # The batch to take next, and how much of it is behind the cursor, where the history begins inside one.
        place = log.join() if beside is None else log.join_at(beside._batch)
        self._batch: Batch = place[0]
        self._offset, self._offset_lines = place[1:]
        # Spans of the log that this subscriber published and must not see: (start, line, end, end line), in order.
        self._own: deque[tuple[int, int, int, int]] = deque()
        self._own_bytes = 0
        self._own_lines = 0
        self._skips_own = not echo
        self._end: tuple[int, int] | None = None
        # Whether a batch may have to be cut, for any of these reasons: one test on the fast path instead of three.
        self._odd = self._offset > 0

    @property
    def backlog_bytes(self) -> int:
        """Bytes published for this subscriber and not taken yet, those of the unsealed turn among them."""
        end = self._log.end_bytes if self._end is None else self._end[0]
        return max(0, end - self._position - self._own_bytes)

    @property
    def backlog_lines(self) -> int:
        """Lines published for this subscriber and not taken yet: what a disconnect loses, beside `backlog_bytes`."""
        end = self._log.end_lines if self._end is None else self._end[1]
        return max(0, end - self._batch.line - self._offset_lines - self._own_lines)

    @property
    def caught_up(self) -> bool:
        """Whether the cursor stands at the end of what is sealed: `take` has nothing."""
        return self._batch.start >= self._log.tail.start

    @property
    def finished(self) -> bool:
        """Whether all that was published before `finish` has been taken."""
        return self._end is not None and self.backlog_bytes == 0

    @property
    def _position(self) -> int:
        return self._batch.start + self._offset

    def finish(self) -> None:
        """End this cursor here: it still gets what has been published up to now, and nothing later. Idempotent.

        It is for a client that has closed its sending side. Until it is unsubscribed it keeps holding the log.
        """
        if self._end is None:
            self._end = (self._log.end_bytes, self._log.end_lines)
            self._skips_own = False
            self._odd = True

    def take(self, limit_bytes: int) -> bytes:
        """Return the next whole batches, up to about `limit_bytes`, and step past them; empty when there is nothing.

        At least one batch is taken where there is one, so an over-long line comes whole, above the limit. Who has kept
        up gets the batch itself, shared with everybody, not a copy.
        """
        batch = self._batch
        following = batch.following
        log = self._log
        if following is log.tail and not self._odd:
            self._batch = following
            following.readers += 1
            batch.readers -= 1
            if not batch.readers and batch is log.slowest:
                log.advance()
            return batch.data
        if batch.start >= log.tail.start:
            return b""
        return self._take_slowly(limit_bytes)

    def _take_slowly(self, limit_bytes: int) -> bytes:
        """Take several batches, or parts of them. The cursor must not be caught up."""
        tail = self._log.tail
        batch = self._batch
        if batch.absorbed_by is not None:
            # It was merged into the one before, so the cursor stands in the middle of that.
            self._offset += batch.start - batch.absorbed_by.start
            self._odd = True
            batch = batch.absorbed_by
        origin = batch
        taken: list[bytes] = []
        size = 0
        while batch is not tail and batch.following is not None:
            piece = self._cut(batch, batch.following.start) if self._odd else batch.data
            if size and size + len(piece) > limit_bytes:
                break
            taken.append(piece)
            size += len(piece)
            batch = batch.following
            self._pass(batch)
        batch.readers += 1
        origin.readers -= 1
        self._log.advance()
        return b"".join(taken)

    def _cut(self, batch: Batch, end: int) -> bytes:
        """The part of a batch, which ends at `end`, that is ahead of the cursor, before its end, and not its own."""
        base = batch.start
        if self._end is not None:
            end = max(base, min(end, self._end[0]))
        at = self._offset
        pieces: list[bytes] = []
        for own_start, _line, own_end, _end_line in self._own:
            if own_start >= end:
                break
            pieces.append(batch.data[at : own_start - base])
            at = own_end - base
        pieces.append(batch.data[at : end - base])
        return b"".join(pieces)

    def _pass(self, batch: Batch) -> None:
        """Stand at the beginning of this batch, and forget the own spans before it."""
        self._batch = batch
        self._offset = self._offset_lines = 0
        own = self._own
        while own and own[0][0] < batch.start:
            start, line, end, end_line = own.popleft()
            passed, passed_line = min(end, batch.start), min(end_line, batch.line)
            self._own_bytes -= passed - start
            self._own_lines -= passed_line - line
            if passed < end:
                own.appendleft((passed, passed_line, end, end_line))
        self._odd = bool(own) or self._end is not None

    def _skip_own(self, start: int, line: int) -> int:
        """Remember that this subscriber published what stands between here and the log's end. Returns the spans."""
        end, end_line = self._log.end_bytes, self._log.end_lines
        self._own_bytes += end - start
        self._own_lines += end_line - line
        own = self._own
        if own and own[-1][2] == start:
            start, line, _end, _end_line = own.pop()
        own.append((start, line, end, end_line))
        self._odd = True
        return len(own)

    def _leave(self) -> None:
        self._log.leave(self._batch)
        self._batch = _NOWHERE
        self._own.clear()
        self._offset = self._offset_lines = self._own_bytes = self._own_lines = 0
        self._skips_own = False


class FanOut:
    """The log with its history, and who subscribes to it.

    A subscriber is overdue once it has left more than `backlog_bytes` of the log untaken. A new one first gets the last
    `history_lines` lines, those within `backlog_bytes`. `line_end` (LF or CRLF) closes every line that goes out, and a
    batch has up to `batch_bytes`, or one longer line. Raises ValueError for values that make no sense.
    """

    __slots__ = ("_backlog_bytes", "_crowded", "_cursors", "_log", "_max_spans")

    def __init__(
        self, *, backlog_bytes: int, history_lines: int = 0, line_end: bytes = b"\n", batch_bytes: int = 65536
    ) -> None:
        self._log = BatchLog(
            history_bytes=backlog_bytes, history_lines=history_lines, line_end=line_end, batch_bytes=batch_bytes
        )
        self._backlog_bytes = backlog_bytes
        self._max_spans = max(MIN_SPANS, backlog_bytes // SPAN_BYTES)
        # Whether a cursor has passed that. Its lines need not: they may be as short as a line feed.
        self._crowded = False
        # A dict for its order: who came first is named first.
        self._cursors: dict[Cursor, None] = {}

    @property
    def published_bytes(self) -> int:
        """All bytes ever published, as they go out: with prefixes and line ends."""
        return self._log.end_bytes

    @property
    def published_lines(self) -> int:
        """All lines ever published."""
        return self._log.end_lines

    @property
    def held_bytes(self) -> int:
        """Bytes of lines that the log keeps now, for whoever lags, for the history, and of the unsealed turn."""
        return self._log.held_bytes

    def subscribe(self, *, echo: bool = True, beside: Cursor | None = None) -> Cursor:
        """Make a cursor for what is published from now on, after the history. Without `echo` it skips its own lines.

        With `beside` the new one stands where that cursor does. Raises ValueError for one that is unsubscribed, or has
        anything to skip.
        """
        if beside is not None and (beside not in self._cursors or beside._odd):
            raise ValueError("beside must be subscribed, and skip nothing")
        cursor = Cursor(self._log, echo=echo, beside=beside)
        self._cursors[cursor] = None
        return cursor

    def unsubscribe(self, cursor: Cursor) -> None:
        """Forget a cursor, with its backlog. Idempotent; the cursor then has nothing to take any more."""
        if cursor in self._cursors:
            del self._cursors[cursor]
            cursor._leave()

    def publish(self, source: Cursor | None, prefix: bytes, lines: Sequence[bytes]) -> None:
        """Add `prefix`, line and line end for each line to this turn. Prefix and lines must not hold a LF.

        `source` is the publisher's cursor, if it has one; an unsubscribed one may still publish.
        """
        if not lines:
            return
        log = self._log
        start, line = log.end_bytes, log.end_lines
        log.append(prefix, lines)
        if source is not None and source._skips_own and source._skip_own(start, line) > self._max_spans:
            self._crowded = True

    def seal(self) -> bool:
        """Close the turn: what was published in it may be taken. Returns whether that was anything."""
        return self._log.seal()

    def overdue(self) -> list[Cursor]:
        """The cursors that have left more than `backlog_bytes` of the log untaken, in the order of their subscription.

        Call it after the subscribers had their chance to take. Own lines that a cursor skips count as well, as the log
        must keep them while that cursor is behind, and so does having too many spans of them. It costs nothing while
        nobody is overdue, and a look at every cursor otherwise.
        """
        floor = self._log.end_bytes - self._backlog_bytes
        if self._log.slowest.start >= floor and not self._crowded:
            return []
        late = [cursor for cursor in self._cursors if cursor._position < floor or len(cursor._own) > self._max_spans]
        self._crowded = bool(late)
        return late
