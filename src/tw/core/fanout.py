"""The fan-out of published lines: one shared log of batches, and a cursor into it for each subscriber.

A subscriber that keeps up is handed the very bytes object of each turn; one that falls behind costs its cursor alone,
since the log is shared. `FanOut.overdue` names those who are too slow; what becomes of them is the caller's policy:
`unsubscribe` lets go of all that they hold, `drop` of the oldest lines, and until `relieved` nothing may be published.

The use, once a reactor turn: `publish` as lines come in, `seal` at the end, `Cursor.take` for each subscriber that can
be written to, then `overdue`. Nothing but the caller's own loop visits the subscribers that have kept up.

Memory, if those overdue are dealt with at once: at most `backlog_bytes` for the furthest-behind subscriber and the
history together (or one turn, where that is more), one turn, and one batch; at worst 12 % more for small batches (see
`tw.core.batches`); `SPAN_BYTES` for each span of own lines to be skipped.
"""

from collections.abc import Sequence

from tw.core.batches import BatchLog
from tw.core.cursor import Cursor, GapNotice

# What one remembered span costs: a tuple, four integers and a place in a deque. Spans may cost as much as the backlog.
SPAN_BYTES = 200
# Dropping takes a cursor to this share below the limit. Were it the limit itself, every turn would drop a line of each
# that is stuck: a thousand of them took 5 ms a turn, which everybody else waited for.
DROP_SHARE = 32
# Under a small backlog a subscriber may still publish so often, between others, before it is called slow.
MIN_SPANS = 1024


class FanOut:
    """The log with its history, and who subscribes to it.

    A subscriber is overdue once it has left more than `backlog_bytes` of the log untaken. A new one first gets the last
    `history_lines` lines, those within `backlog_bytes`. `line_end` (LF or CRLF) closes every line that goes out, and a
    batch has up to `batch_bytes`, or one longer line. `gap_notice` makes what stands in the place of dropped lines;
    without it nothing does. Raises ValueError for values that make no sense.
    """

    __slots__ = ("_backlog_bytes", "_crowded", "_cursors", "_gap_notice", "_log", "_max_spans")

    def __init__(
        self,
        *,
        backlog_bytes: int,
        history_lines: int = 0,
        line_end: bytes = b"\n",
        batch_bytes: int = 65536,
        gap_notice: GapNotice | None = None,
    ) -> None:
        self._log = BatchLog(
            history_bytes=backlog_bytes, history_lines=history_lines, line_end=line_end, batch_bytes=batch_bytes
        )
        self._backlog_bytes = backlog_bytes
        self._gap_notice = gap_notice
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
        cursor = Cursor(self._log, echo=echo, gap_notice=self._gap_notice, beside=beside)
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

    def overdue(self, fresh_bytes: int = 0) -> list[Cursor]:
        """The cursors that have left more than `backlog_bytes` of the log untaken, in the order of their subscription.

        Call it after the subscribers had their chance to take. For the last `fresh_bytes` they have had none yet: who
        has taken everything before them is not overdue, however many they are. Own lines that a cursor skips count as
        well, as the log must keep them while that cursor is behind, and so does having too many spans of them. It costs
        nothing while nobody is overdue, and a look at every cursor otherwise.
        """
        floor = self._log.end_bytes - max(self._backlog_bytes, fresh_bytes)
        if self._log.slowest.start >= floor and not self._crowded:
            return []
        late = [cursor for cursor in self._cursors if cursor._position < floor or len(cursor._own) > self._max_spans]
        self._crowded = bool(late)
        return late

    def drop(self, cursor: Cursor) -> tuple[int, int]:
        """Drop the oldest whole lines of an overdue cursor, a little more than must go (see `DROP_SHARE`).

        A notice of how many it lost in all is what it takes next, in their place. Returns the lines and bytes that it
        has lost now. Call it when everything is sealed. One that is not overdue loses nothing.
        """
        most_bytes, most_spans = self._backlog_bytes, self._max_spans
        if cursor.lag_bytes <= most_bytes and len(cursor._own) <= most_spans:
            return 0, 0
        return cursor._drop(most_bytes - most_bytes // DROP_SHARE, most_spans - most_spans // DROP_SHARE)

    def relieved(self, cursor: Cursor) -> bool:
        """Whether an overdue cursor has come so far that it may fall behind again: to half of what makes it overdue.

        Were it the same, publishers would be paused and resumed for every batch.
        """
        return cursor.lag_bytes <= self._backlog_bytes // 2 and len(cursor._own) <= self._max_spans // 2
