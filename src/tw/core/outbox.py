"""What a node has published and not got back yet: numbered batches on their way to the stream that servers share.

A batch is open (lines are added to it), closed, sent, taken (the stream's answer is in), and at last back: read from
the stream, at its place among everybody's. When a connection is lost, what was sent and not taken is sent again, with
the same numbers and in the same order; readers drop what they have read before (see `tw.core.follower`).

Memory: `held_bytes`, which the caller bounds by publishing nothing while it is too much.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

Owner = TypeVar("Owner")

WINDOW = 32
"""So many batches may be on their way. While more are, lines gather in the open one: where the engine is slow or far
away, batches grow and do not become more."""

BATCH_COST = 400
"""What a batch costs in memory beside its lines: an object, four integers, two queue places."""

SPAN_COST = 100
"""What it costs to remember whose the next lines are: a tuple, an integer, a place in a list."""

JOIN_LINES = 256
"""So many lines are joined at once (see `tw.core.batches`); a batch grows in steps of them."""


class Outgoing(Generic[Owner]):
    """One batch. `spans` say, in order, whose so many lines are; `total_lines` count the node's up to its end."""

    __slots__ = ("_parts", "body", "held_bytes", "lines", "number", "size", "spans", "total_lines")

    def __init__(self, number: int, lines_before: int) -> None:
        self.number = number
        self.total_lines = lines_before
        self.lines = 0
        self.size = 0
        self.held_bytes = BATCH_COST
        self.spans: list[tuple[Owner, int]] = []
        self._parts: list[bytes] = []
        self.body = b""

    def add(self, owner: Owner, block: bytes, lines: int) -> None:
        self._parts.append(block)
        self.size += len(block)
        self.lines += lines
        self.total_lines += lines
        self.held_bytes += len(block)
        if self.spans and self.spans[-1][0] is owner:
            lines += self.spans.pop()[1]
        else:
            self.held_bytes += SPAN_COST
        self.spans.append((owner, lines))

    def close(self) -> None:
        self.body = b"".join(self._parts)
        self._parts = []


class Outbox(Generic[Owner]):
    """The batches of one node. Batches grow to about `batch_bytes`, or hold one longer step of lines.

    The use: `add` as lines come in, `due` at the end of a turn and whenever one was `taken`, `back` for each own batch
    that was read from the stream, `resend` when the connection is lost, `refused` before that where it was given up.
    """

    def __init__(self, *, batch_bytes: int, window: int = WINDOW) -> None:
        if batch_bytes < 1 or window < 1:
            raise ValueError("batch_bytes and window must be positive")
        self._batch_bytes = batch_bytes
        self._window = window
        self._closed: deque[Outgoing[Owner]] = deque()
        self._open: Outgoing[Owner] = Outgoing(1, 0)
        # All batches up to this number are: back, taken, sent.
        self._back = self._taken = self._sent = 0
        self._is_refused = False
        self.held_bytes = 0
        """What all batches that are not back hold in memory, about."""

    @property
    def number_closed(self) -> int:
        """The last batch that may have been sent."""
        return self._open.number - 1

    @property
    def number_back(self) -> int:
        """Up to this batch all are back."""
        return self._back

    @property
    def untaken_lines(self) -> int:
        """Lines that the stream is not known to hold."""
        return self._open.lines + sum(batch.lines for batch in self._closed if batch.number > self._taken)

    @property
    def awaited(self) -> bool:
        """Whether anything was published that is not back."""
        return bool(self._open.lines) or self.number_closed > self._back

    def add(self, owner: Owner, prefix: bytes, lines: Sequence[bytes]) -> int:
        """Publish `prefix`, line and LF for each of one or more lines. Gives the number of the last one's batch."""
        joint = b"\n" + prefix
        for first in range(0, len(lines), JOIN_LINES):
            step = lines[first : first + JOIN_LINES]
            block = b"".join((prefix, joint.join(step), b"\n"))
            if self._open.lines and self._open.size + len(block) > self._batch_bytes:
                self._close()
            before = self._open.held_bytes if self._open.lines else 0
            self._open.add(owner, block, len(step))
            self.held_bytes += self._open.held_bytes - before
        return self._open.number

    def _close(self) -> None:
        batch = self._open
        batch.close()
        self._closed.append(batch)
        self._open = Outgoing(batch.number + 1, batch.total_lines)

    def due(self) -> Iterator[Outgoing[Owner]]:
        """What is to be sent now, each batch as it is given out counted as sent."""
        window = 1 if self._is_refused else self._window
        while self._sent - self._taken < window:
            if self._sent + 1 == self._open.number:
                if not self._open.lines:
                    return
                self._close()
            self._sent += 1
            yield self._closed[self._sent - self._back - 1]

    def taken(self, number: int) -> None:
        """The stream has this batch, and with it all before."""
        self._taken = max(self._taken, number)
        self._is_refused = False

    def refused(self) -> None:
        """The stream takes nothing for now: until it does, one batch at a time is tried, since those behind one that is
        refused must not be taken."""
        self._is_refused = True

    def resend(self) -> None:
        """The connection is lost: what was sent and not taken is due again."""
        self._sent = self._taken

    def back(self, number: int) -> list[Outgoing[Owner]]:
        """This batch was read from the stream: it is forgotten, as all before it, which will not come any more.

        Gives those that were not back before; the last one is that which was read, unless it had been back. Raises
        ValueError for one that was never given out.
        """
        if number > self.number_closed:
            raise ValueError(f"batch {number} was never sent")
        gone = []
        while self._back < number:
            batch = self._closed.popleft()
            self._back += 1
            self.held_bytes -= batch.held_bytes
            gone.append(batch)
        # What is back need not be sent again, though the answer may have been lost with a connection.
        self._taken = max(self._taken, number)
        self._sent = max(self._sent, number)
        return gone

    def taken_and_missing(self) -> int:
        """The last batch that the stream has taken and that is not back; 0 if there is none."""
        return self._taken if self._taken > self._back else 0
