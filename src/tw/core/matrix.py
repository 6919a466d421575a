"""The delivery matrix: what became of every publisher's lines at every subscriber.

Each publisher has a token of its own, numbers its lines from 1, and sends them in order. A subscriber should get each
of them once, in that order, whatever comes in between.

What all subscribers get is the same, mostly. So a line is verified once, when the first of them gets it, and so is a
whole chunk: a chunk that was seen before costs a subscriber a look-up and an addition for each publisher in it.
"""

import re
from collections.abc import Iterable, Sequence

from tw.core.coarse import CoarseTimes
from tw.core.lines import LineSplitter
from tw.core.matrix_lines import (
    BARRIERS,
    ORDER_FACTOR,
    ORDER_MODULUS,
    TIMES_IN_ALL,
    TIMES_OF_A_SOURCE,
    Chunk,
    LineReader,
    Payloads,
    Run,
    Source,
)
from tw.core.matrix_pair import Pair
from tw.core.payload import PayloadFormat

MAX_TIMED_PAIRS = 1000
"""Pairs up to which each has latencies of its own, 2 KiB; above, a subscriber's pairs share them."""

GAPS_IN_ALL = 1 << 19
"""Gaps that are remembered over all pairs, 80 bytes each: 40 MiB."""

GAPS_OF_A_PAIR = 4096

FOREIGN_LINE_BYTES = 128 * 1024
"""What a line may hold beside a payload, so that other people's lines pass: twice what `tw serve pubsub` takes if it is
not told otherwise. Each subscriber may hold an unfinished one in memory."""

NOTICE = b"<tw> "
"""What the server's own lines begin with (DESIGN, section 5)."""

_DROPPED = re.compile(rb"<tw> dropped (\d{1,18}) lines")
_NOTICE_BYTES = 200


class Row:
    """One subscriber's account. `pairs` is by publisher."""

    __slots__ = (
        "dropped_notices", "foreign", "index", "last_notice", "left_at_s", "left_reason", "order", "pairs",
        "received_bytes", "splitter", "times",
    )  # fmt: skip

    def __init__(self, index: int, pairs: list[Pair], times: CoarseTimes, limit_bytes: int) -> None:
        self.index = index
        self.pairs = pairs
        self.splitter = LineSplitter(limit_bytes)
        self.foreign = 0
        self.received_bytes = 0
        # Lines that the server says it has dropped, and the last thing it said.
        self.dropped_notices = 0
        self.last_notice = b""
        # Stands for all the lines that came, in their order.
        self.order = 0
        # When and why it left, in seconds since the beginning; None while it is there.
        self.left_at_s: float | None = None
        self.left_reason = ""
        self.times = times

    def total(self, name: str) -> int:
        """The sum of a count over its pairs."""
        return sum(getattr(pair, name) for pair in self.pairs)


class Matrix:
    """The account of `publishers` times `subscribers` pairs.

    `run` is what tells this run's tokens from others': 5 hexadecimal digits; a part of the run (its warm-up, say) has
    publishers' numbers from `first_index`, and takes no notice of another part's lines. Sizes are checked by the
    options. `paced`: in an open loop a line has two times, when it was due and when it was sent.
    """

    def __init__(
        self, run: bytes, publishers: int, subscribers: int, size_bytes: int, *, first_index: int = 0,
        paced: bool = False,
    ) -> None:  # fmt: skip
        payloads = Payloads()
        times = max(TIMES_OF_A_SOURCE, TIMES_IN_ALL // publishers)
        forms = (
            PayloadFormat(b"%b%03x" % (run, first_index + index), size_bytes, line_feed=False)
            for index in range(publishers)
        )
        self.sources = [Source(index, form, payloads, times=times, paced=paced) for index, form in enumerate(forms)]
        self._reader = LineReader(run, self.sources, first_index, payloads)
        pairs = publishers * subscribers
        gaps = max(8, min(GAPS_OF_A_PAIR, GAPS_IN_ALL // pairs))
        self.timed_pairs = pairs <= MAX_TIMED_PAIRS
        self.rows: list[Row] = []
        for index in range(subscribers):
            shared = CoarseTimes()
            own = [Pair(gaps, CoarseTimes() if self.timed_pairs else shared) for _ in range(publishers)]
            self.rows.append(Row(index, own, shared, size_bytes + FOREIGN_LINE_BYTES))
        self.latencies: list[tuple[float, int]] = []
        """Latencies since somebody last took them from here, and how many lines had each."""
        self.services: list[tuple[float, int]] = []
        """Likewise, from when a line was sent: in an open loop alone."""
        self.delivered = 0
        """Good deliveries in all."""
        self.bad = 0
        """Duplicated, reordered and corrupted ones."""
        self.outstanding = 0
        """Pairs that the barrier which is expected has yet to reach."""
        self.ready: list[Source] = []
        """Publishers of which everyone who is waited for has enough, since somebody last took them from here."""
        self._barrier = 0
        self._paced = paced

    @property
    def published(self) -> int:
        return sum(source.published for source in self.sources)

    def owed(self, source: Source) -> int:
        """How many of a publisher's lines everybody should get. Of one that is gone, those up to the last that anybody
        has: nobody can tell whether the server took the others, and they are lost to nobody."""
        if not source.gone:
            return source.published
        return max((row.pairs[source.index].next - 1 for row in self.rows), default=0)

    def follow(self, before: "Matrix") -> None:
        """Go on where an earlier part of the run has ended: with its half lines, and without who has left."""
        for row, old in zip(self.rows, before.rows, strict=True):
            row.splitter, row.left_at_s, row.left_reason = old.splitter, old.left_at_s, old.left_reason
        for source, old_source in zip(self.sources, before.sources, strict=True):
            source.left_at_s, source.left_reason = old_source.left_at_s, old_source.left_reason

    # What arrives ----------------------------------------------------------------------------------------------------

    def receive(self, row: Row, data: bytes, now_s: float) -> None:
        """Note what a subscriber has received, split anyhow."""
        row.received_bytes += len(data)
        splitter = row.splitter
        if not splitter.pending_bytes and data.endswith(b"\n"):
            chunk = self._reader.seen(data)
            if chunk is not None:
                self._apply(row, chunk, now_s)
                return
            lines = splitter.feed(data)
            chunk = self._reader.chunk(lines)
            if chunk is not None:
                self._reader.remember(data, chunk)
        else:
            lines = splitter.feed(data)
            chunk = self._reader.chunk(lines)
        if chunk is None:
            self._receive_each(row, lines, now_s)
        else:
            self._apply(row, chunk, now_s)

    def _apply(self, row: Row, chunk: Chunk, now_s: float) -> None:
        """Note a chunk in which all is well in itself: each publisher's lines are numbered in a row."""
        row.order = (row.order * chunk.order_factor + chunk.order_sum) % ORDER_MODULUS
        for run in chunk.runs:
            publisher, first, last, _, _ = run
            pair = row.pairs[publisher]
            source = self.sources[publisher]
            if pair.next != first:
                for number in range(first, last + 1):
                    self._add(pair, source, number, now_s)
                continue
            after = last + 1
            pair.next = after
            pair.delivered += after - first
            self.delivered += after - first
            if first <= source.target < after and pair.awaited:
                self._caught_up(source)
            self._time(pair, run, now_s)

    def _add(self, pair: Pair, source: Source, number: int, now_s: float) -> None:
        before = pair.next
        if not pair.add(number):
            self.bad += 1
            return
        self.delivered += 1
        self.bad += number < before
        if before <= source.target < pair.next and pair.awaited:
            self._caught_up(source)
        self._time(pair, source.run(number, number), now_s)

    def _time(self, pair: Pair, run: Run, now_s: float) -> None:
        for due_s, count in run.dues:
            pair.times.record(now_s - due_s, count)
            self.latencies.append((now_s - due_s, count))
        if self._paced:
            self.services.extend((now_s - sent_s, count) for sent_s, count in run.sents)

    def _receive_each(self, row: Row, lines: Iterable[bytes], now_s: float) -> None:
        """One line after the other: there is a barrier among them, or something is wrong."""
        for line in lines:
            publisher, number = self._reader.judge(line)
            if publisher is None:
                self._receive_other(row, line)
            elif number is None:
                row.pairs[publisher].corrupted += 1
                self.bad += 1
            elif number >= BARRIERS:
                self._pass_barrier(row.pairs[publisher], number - BARRIERS)
            elif number:
                self._add(row.pairs[publisher], self.sources[publisher], number, now_s)
                row.order = (row.order * ORDER_FACTOR + self._reader.order_key(publisher, number)) % ORDER_MODULUS

    @staticmethod
    def _receive_other(row: Row, line: bytes) -> None:
        """A line of the server's own, or of other people's."""
        if not line.startswith(NOTICE):
            row.foreign += 1
            return
        dropped = _DROPPED.fullmatch(line)
        if dropped is not None:
            row.dropped_notices += int(dropped[1])
        else:
            row.last_notice = line[:_NOTICE_BYTES]

    def _pass_barrier(self, pair: Pair, barrier: int) -> None:
        pair.barrier = max(pair.barrier, barrier)
        if pair.outstanding and pair.barrier >= self._barrier:
            pair.outstanding = False
            self.outstanding -= 1

    # Barriers --------------------------------------------------------------------------------------------------------

    def expect(self, barrier: int) -> None:
        """Have `outstanding` count the pairs that this barrier has yet to reach: of those who are there, and that the
        barrier before has reached. Barriers count from 1."""
        self._barrier = barrier
        self.outstanding = 0
        for row in self.rows:
            for pair, source in zip(row.pairs, self.sources, strict=True):
                there = row.left_at_s is None and not source.gone
                pair.outstanding = there and pair.barrier == barrier - 1
                self.outstanding += pair.outstanding

    def has_outstanding(self, source: Source) -> bool:
        """Whether this publisher's barrier has yet to reach somebody."""
        return any(row.pairs[source.index].outstanding for row in self.rows)

    @staticmethod
    def _forget(pair: Pair) -> int:
        """Expect no barrier here any more. Returns how many were."""
        was, pair.outstanding = pair.outstanding, False
        return int(was)

    # Who is waited for -----------------------------------------------------------------------------------------------

    def await_rows(self, rows: Sequence[Row]) -> None:
        """Have publishers wait for these subscribers, each for those whom its first barrier has reached."""
        for row in rows:
            for pair in row.pairs:
                pair.awaited = pair.joined and row.left_at_s is None

    def aim(self, source: Source, number: int) -> bool:
        """Have `source.laggards` count those who are waited for and have nothing of it up to `number`: once nobody is
        left of them, the source is in `ready`. Returns whether anybody is waited for."""
        source.target = number
        awaited = [pair for pair in (row.pairs[source.index] for row in self.rows) if pair.awaited]
        source.laggards = sum(pair.next <= number for pair in awaited)
        return bool(awaited)

    def _caught_up(self, source: Source) -> None:
        source.laggards -= 1
        if not source.laggards:
            self.ready.append(source)

    # Who leaves ------------------------------------------------------------------------------------------------------

    def leave(self, row: Row, at_s: float, reason: str) -> None:
        """Note that a subscriber is gone, and when; nobody waits for it any more."""
        if row.left_at_s is not None:
            return
        row.left_at_s, row.left_reason = at_s, reason
        for pair, source in zip(row.pairs, self.sources, strict=True):
            self.outstanding -= self._forget(pair)
            if pair.awaited:
                pair.awaited = False
                if pair.next <= source.target:
                    self._caught_up(source)

    def lose(self, source: Source, at_s: float, reason: str) -> None:
        """Note that a publisher is gone, and when: its barriers will not come."""
        source.left_at_s, source.left_reason = at_s, reason
        for row in self.rows:
            self.outstanding -= self._forget(row.pairs[source.index])
