"""The log under the fan-out: batches of whole lines, in one order, kept as long as somebody needs them.

All lines of one reactor turn are joined once, into one batch (or several, where they are many). A batch is an immutable
bytes object that any number of readers share. Batches are linked forwards, so a reader keeps all that follows it alive,
and what nobody can reach is freed without further bookkeeping.

Memory. The log keeps what its furthest-behind reader has not passed, and what the history needs. A batch costs about
250 bytes beside its data (object, bytes header, two integers), so batches that stay are merged until two neighbours
hold more than `MERGE_BYTES` together: at worst 250 bytes for 2 KiB, 12 %, however short the lines and the turns are.
"""

from collections.abc import Sequence

# Merging copies 2 KiB a turn on average (0.1 us), and only while a reader lags or a history is kept.
MERGE_BYTES = 4096

# Lines are joined so many at a time. Joining 2,000 lines of 64 bytes (more than a batch) whole, only to cut them again,
# took 56 us in place of 22, most of it page faults for the large temporaries.
JOIN_LINES = 256


class Batch:
    """Whole lines, and a link to the batch after it. The last one of a log is empty and still open.

    `start` and `line` count the bytes and lines of the whole log before this batch, `readers` those who stand at it.
    One that was merged into the batch before names it in `absorbed_by`; it stays for those who stood at it.
    """

    __slots__ = ("absorbed_by", "data", "following", "line", "readers", "start")

    def __init__(self, start: int, line: int) -> None:
        self.start = start
        self.line = line
        self.readers = 0
        self.data = b""
        self.following: Batch | None = None
        self.absorbed_by: Batch | None = None


class BatchLog:
    """A chain of batches: kept ones, those of the unsealed turn, and the open one that lines are added to.

    `history_lines` is how many lines are kept for readers to come, as far as they lie within the last `history_bytes`.
    Readers enter with `join`, leave with `leave`, step along `following` (counting `readers` up and down) up to the
    `tail`, and call `advance` when the `slowest` batch has lost its last reader. Senseless values raise ValueError.
    """

    __slots__ = (
        "_batch_bytes", "_history", "_history_bytes", "_history_lines", "_joint", "_line_end", "_open", "_parts",
        "end_bytes", "end_lines", "slowest", "tail",
    )  # fmt: skip

    def __init__(self, *, history_bytes: int, history_lines: int, line_end: bytes, batch_bytes: int) -> None:
        if history_bytes < 1 or batch_bytes < 1 or history_lines < 0:
            raise ValueError("sizes must be positive, and the history not negative")
        if line_end not in (b"\n", b"\r\n"):
            raise ValueError("line_end must be LF or CRLF")  # cuts and counts look for LF
        self._history_bytes = history_bytes
        self._history_lines = history_lines
        self._line_end = line_end
        self._batch_bytes = batch_bytes
        # Everything ever appended, the unsealed turn included.
        self.end_bytes = 0
        self.end_lines = 0
        self._parts: list[bytes] = []
        self._open = Batch(0, 0)
        # Up to the tail the log is sealed. The others are at the tail, or before it while something is kept: the first
        # batch that has a reader, the first one that the history needs, and the last one that may still grow.
        self.tail = self.slowest = self._history = self._joint = self._open

    @property
    def held_bytes(self) -> int:
        """Bytes of lines that are kept now: for whoever lags, for the history, and of the unsealed turn."""
        return self.end_bytes - min(self._history.start, self.slowest.start)

    def append(self, prefix: bytes, lines: Sequence[bytes]) -> None:
        """Add `prefix`, line and line end for each of one or more lines to this turn. Neither may hold a LF."""
        if len(lines) > JOIN_LINES:
            for first in range(0, len(lines), JOIN_LINES):
                self.append(prefix, lines[first : first + JOIN_LINES])
            return
        end = self._line_end
        block = (end + prefix).join(lines)
        size = len(prefix) + len(block) + len(end)
        if self.end_bytes - self._open.start + size > self._batch_bytes:
            self._close()
            if size > self._batch_bytes:
                self._append_large(b"".join((prefix, block, end)))
                return
        self._parts += (prefix, block, end)
        self.end_bytes += size
        self.end_lines += len(lines)

    def _append_large(self, data: bytes) -> None:
        """Cut what is too much for one batch between lines; a line that is too long for one has it to itself."""
        start = 0
        while start < len(data):
            limit = start + self._batch_bytes
            end = data.rfind(b"\n", start, limit) + 1 or data.find(b"\n", limit) + 1
            self._close()
            self._parts.append(data[start:end])
            self.end_bytes += end - start
            self.end_lines += data.count(b"\n", start, end)
            start = end

    def seal(self) -> bool:
        """Close the turn: readers may now go to the end of what was appended. Returns whether that was anything."""
        self._close()
        if self.tail is self._open:
            return False
        self._merge()
        self.tail = self._open
        self._trim_history()
        self.advance()
        return True

    def join(self) -> tuple[Batch, int, int]:
        """Enter a reader at the start of the history: its batch, and how many bytes and lines of that to skip.

        Lines of the unsealed turn are there as history, or skipped: a reader gets what comes after it.
        """
        self._close()
        self._trim_history()
        batch = self._history
        data = batch.data
        # The first whole line within the limit; `offset - 1`, since a line may begin at the very offset.
        offset = max(0, self.end_bytes - self._history_bytes - batch.start)
        if offset:
            offset = data.find(b"\n", offset - 1) + 1
        lines = data.count(b"\n", 0, offset)
        while batch.line + lines < self.end_lines - self._history_lines:
            offset = data.find(b"\n", offset) + 1
            lines += 1
        batch.readers += 1
        if batch.start < self.slowest.start:
            self.slowest = batch
        return batch, offset, lines

    def join_at(self, batch: Batch) -> tuple[Batch, int, int]:
        """Enter a reader where another stands, at the beginning of `batch`. What it gives is as `join`'s."""
        (batch.absorbed_by or batch).readers += 1
        return batch, 0, 0

    def leave(self, batch: Batch) -> None:
        """Count out a reader that stood at this batch."""
        (batch.absorbed_by or batch).readers -= 1
        self.advance()

    def advance(self) -> None:
        """Let go of the batches that every reader has passed."""
        batch = self.slowest
        while batch is not self.tail and not batch.readers and batch.following is not None:
            batch = batch.following
        self.slowest = batch
        first = batch if batch.start <= self._history.start else self._history
        if self._joint.start < first.start:
            self._joint = first

    def _close(self) -> None:
        """End the open batch, if it has any lines, and begin another."""
        if self._parts:
            self._open.data = b"".join(self._parts)
            self._parts = []
            after = Batch(self.end_bytes, self.end_lines)
            self._open.following = after
            self._open = after

    def _merge(self) -> None:
        """Merge what stayed of the turn before into its predecessor, while that is small.

        Readers that stand at a merged batch find out by themselves (`absorbed_by`), so none is visited. A joint is
        never absorbed in its turn: one step always leads home.
        """
        joint = self._joint
        while joint is not self.tail and (batch := joint.following) is not None and batch is not self.tail:
            if len(joint.data) + len(batch.data) > MERGE_BYTES:
                joint = batch
                continue
            joint.data += batch.data
            joint.readers += batch.readers
            joint.following = batch.following
            batch.absorbed_by, batch.following, batch.data = joint, None, b""
            if batch is self.slowest:
                self.slowest = joint
            if batch is self._history:
                self._history = joint
        self._joint = joint

    def _trim_history(self) -> None:
        """Let go of the batches that hold nothing of the history any more."""
        line = self.end_lines - self._history_lines
        start = self.end_bytes - self._history_bytes
        batch = self._history
        while (after := batch.following) is not None and (after.line <= line or after.start <= start):
            batch = after
        self._history = batch
