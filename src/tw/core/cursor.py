"""A subscriber's place in the shared log: what it has yet to take, what of that is its own, and what it has lost."""

import sys
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from tw.core.batches import Batch, BatchLog

GapNotice: TypeAlias = Callable[[int], bytes]
"""Makes what stands in the place of so many dropped lines: whole lines, ends included."""

# Where unsubscribed cursors stand: behind the end of any log, so that nothing is left to take and no batch kept alive.
_NOWHERE = Batch(sys.maxsize, sys.maxsize)


class Cursor:
    """A subscriber's place in the log, made by `FanOut.subscribe`. It holds no bytes itself."""

    __slots__ = (
        "_batch", "_end", "_gap_lines", "_gap_notice", "_log", "_odd", "_offset", "_offset_lines", "_own", "_own_bytes",
        "_own_lines", "_skips_own",
    )  # fmt: skip

    def __init__(
        self, log: BatchLog, *, echo: bool, gap_notice: GapNotice | None = None, beside: "Cursor | None" = None
    ) -> None:
        self._log = log
        # Lines that were dropped here and whose notice has not been taken yet; always 0 where there are no notices.
        self._gap_lines = 0
        self._gap_notice = gap_notice
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
    def lag_bytes(self) -> int:
        """How far the cursor is behind the log's end: what it makes the log keep, its own lines among them."""
        return max(0, self._log.end_bytes - self._position)

    @property
    def caught_up(self) -> bool:
        """Whether the cursor stands at the end of what is sealed: `take` has nothing."""
        return self._batch.start >= self._log.tail.start and not self._gap_lines

    @property
    def finished(self) -> bool:
        """Whether all that was published before `finish` has been taken."""
        return self._end is not None and not self._gap_lines and self.backlog_bytes == 0

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
        if batch.start >= log.tail.start and not self._gap_lines:
            return b""
        return self._take_slowly(limit_bytes)

    def _take_slowly(self, limit_bytes: int) -> bytes:
        """Take several batches, or parts of them. The cursor must not be caught up."""
        tail = self._log.tail
        batch = origin = self._standing()
        taken: list[bytes] = []
        size = 0
        if self._gap_lines and self._gap_notice is not None:
            taken.append(self._gap_notice(self._gap_lines))
            self._gap_lines = 0
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

    def _standing(self) -> Batch:
        """The batch that the cursor stands in. Where its own was merged into the one before, in the middle of that."""
        batch = self._batch
        home = batch.absorbed_by
        if home is None:
            return batch
        self._offset += batch.start - home.start
        self._offset_lines += batch.line - home.line
        self._batch = home
        self._odd = True
        return home

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

    def _pass(self, batch: Batch, offset: int = 0, offset_lines: int = 0) -> None:
        """Stand in this batch, so many bytes and lines from its beginning, and forget the own spans before that."""
        self._batch = batch
        self._offset, self._offset_lines = offset, offset_lines
        place, place_line = batch.start + offset, batch.line + offset_lines
        own = self._own
        while own and own[0][0] < place:
            start, line, end, end_line = own.popleft()
            passed, passed_line = min(end, place), min(end_line, place_line)
            self._own_bytes -= passed - start
            self._own_lines -= passed_line - line
            if passed < end:
                own.appendleft((passed, passed_line, end, end_line))
        self._odd = offset > 0 or bool(own) or self._end is not None or self._gap_lines > 0

    def _drop(self, lag_bytes: int, most_spans: int) -> tuple[int, int]:
        """Pass over the oldest whole lines, until at most so much is left ahead. Returns the lost lines and bytes.

        Everything must be sealed. Own lines, and lines after the end, are passed over but not lost.
        """
        lines, size = self.backlog_lines, self.backlog_bytes
        log, own = self._log, self._own
        place = log.tail.start - lag_bytes
        if len(own) > most_spans:
            place = max(place, own[len(own) - most_spans - 1][2])
        batch = origin = self._standing()
        while batch is not log.tail and batch.following is not None and batch.following.start <= place:
            batch = batch.following
        # `- 1`, since a line may begin at the very place. In the batch where the cursor stands it never goes back.
        offset = max(0, place - batch.start)
        if offset:
            offset = batch.data.find(b"\n", offset - 1) + 1
        if batch is origin:
            offset = max(offset, self._offset)
        if offset and offset == len(batch.data) and batch.following is not None:
            batch, offset = batch.following, 0
        self._pass(batch, offset, batch.data.count(b"\n", 0, offset))
        batch.readers += 1
        origin.readers -= 1
        log.advance()
        lost_lines, lost_bytes = lines - self.backlog_lines, size - self.backlog_bytes
        if lost_lines and self._gap_notice is not None:
            self._gap_lines += lost_lines
            self._odd = True
        return lost_lines, lost_bytes

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
        self._offset = self._offset_lines = self._own_bytes = self._own_lines = self._gap_lines = 0
        self._skips_own = False
