"""The lines of a delivery matrix: making them, knowing them again, and verifying each once for all who get it."""

import re
from array import array
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from tw.core.payload import TOKEN_BYTES, PayloadFormat

RUN_BYTES = 5
"""Of a token, what is the run's own. The other three digits number its publishers."""

BARRIERS = 9_000_000_000
"""Numbers from here on are barriers: no lines that count, but they come in order with those."""

TIMES_IN_ALL = 1 << 18
"""Times of sending that are remembered over all publishers, 8 bytes each: more lines than `tw serve pubsub` holds for a
subscriber that is `--backlog` behind. What is older when it arrives has no latency."""

TIMES_OF_A_SOURCE = 1024
"""And of each, where there are many."""

CHUNKS = 64
CHUNK_BYTES = 65_536
"""Chunks that are known again, and how long one may be: 4 MiB. Longer ones hardly come twice."""

KNOWN_LINES = 8192
KNOWN_BYTES = 4 * 1024 * 1024
"""Payloads that are known by a look-up: twice so many, or so many bytes, at most. Later ones are made once more."""

ORDER_MODULUS = (1 << 61) - 1
ORDER_FACTOR = 1_000_003_579_531
"""An order of lines is a polynomial's value modulo a prime: two orders are taken for one with a chance of 2^-61 a line.
Chunks of lines are added to it as a whole."""

Groups = tuple[tuple[float, int], ...]
"""Times, and how many lines in a row had each."""


class Payloads:
    """The last payloads that were sent, whose and with which number: a look-up is all that it takes to verify one."""

    __slots__ = ("_before", "_bytes", "fresh")

    def __init__(self) -> None:
        self.fresh: dict[bytes, tuple[int, int]] = {}
        self._before: dict[bytes, tuple[int, int]] = {}
        self._bytes = 0

    def add(self, payload: bytes, publisher: int, number: int) -> None:
        self._bytes += len(payload)
        if self._bytes > KNOWN_BYTES or len(self.fresh) == KNOWN_LINES:
            self._before, self._bytes = self.fresh.copy(), 0
            self.fresh.clear()
        self.fresh[payload] = (publisher, number)

    def recall(self, payload: bytes) -> tuple[int, int] | None:
        """One that is no longer fresh."""
        return self._before.get(payload)


class Source:
    """One publisher: how its lines look, how many it has sent, and when."""

    __slots__ = (
        "_dues", "_mask", "_payloads", "_sents", "form", "index", "laggards", "left_at_s", "left_reason", "published",
        "target",
    )  # fmt: skip

    def __init__(self, index: int, form: PayloadFormat, payloads: Payloads, *, times: int, paced: bool) -> None:
        self.index = index
        self.form = form
        self._payloads = payloads
        self.published = 0
        # When and why it left, in seconds since the beginning; None while it is there.
        self.left_at_s: float | None = None
        self.left_reason = ""
        # In a closed loop: how many who are waited for have nothing up to the line `target` yet.
        self.target = 0
        self.laggards = 0
        room = 1 << (times.bit_length() - 1)
        self._mask = room - 1
        self._dues = array("d", bytes(8 * room))
        self._sents = array("d", bytes(8 * room)) if paced else self._dues

    @property
    def gone(self) -> bool:
        return self.left_at_s is not None

    def next_line(self, due_s: float, sent_s: float) -> bytes:
        """The next line, with its end; it counts as sent."""
        self.published = number = self.published + 1
        self._sents[number & self._mask] = sent_s
        self._dues[number & self._mask] = due_s  # the only one, where they are the same
        payload = self.form.payload(number)
        self._payloads.add(payload, self.index, number)
        return payload + b"\n"

    def barrier(self, number: int) -> bytes:
        """A line that tells whoever gets it that all before it is delivered, or lost."""
        payload = self.form.payload(BARRIERS + number)
        self._payloads.add(payload, self.index, BARRIERS + number)
        return payload + b"\n"

    def run(self, first: int, last: int) -> "Run":
        """Lines that were sent one after the other, and when."""
        dues, sents = self._groups(self._dues, first, last), self._groups(self._sents, first, last)
        return Run(self.index, first, last, dues, sents)

    def _groups(self, times: "array[float]", first: int, last: int) -> Groups:
        mask = self._mask
        first = max(first, self.published - mask)
        if first > last:
            return ()
        begin, end = times[first & mask], times[last & mask]
        if begin == end:
            return ((begin, last + 1 - first),)
        each = (times[number & mask] for number in range(first, last + 1))
        return tuple((time, len(list(same))) for time, same in groupby(each))


class Run(NamedTuple):
    """Lines of one publisher that follow each other, other publishers' lines aside."""

    publisher: int
    first: int
    last: int
    dues: Groups
    sents: Groups


class Chunk(NamedTuple):
    """Lines in which nothing is wrong by themselves, and what they do to an order."""

    runs: tuple[Run, ...]
    order_factor: int
    order_sum: int


class Judged(NamedTuple):
    """What a line is: whose (None: no publisher's of this run), and its number (None: it is corrupted).

    Number 0 stands for a line of another part of the run.
    """

    publisher: int | None
    number: int | None


OTHER = Judged(None, None)
ANOTHER_PART = Judged(0, 0)


class LineReader:
    """Knows the lines of one part of a run, whatever stands before them."""

    def __init__(self, run: bytes, sources: Sequence[Source], first_index: int, payloads: Payloads) -> None:
        self._payloads = payloads
        self._mark = re.compile(rb"%b([0-9a-f]{%d})-" % (run, TOKEN_BYTES - RUN_BYTES))
        self._sources = sources
        self._first_index = first_index
        self._size_bytes = sources[0].form.size_bytes
        self._chunks: dict[bytes, Chunk] = {}

    def seen(self, data: bytes) -> Chunk | None:
        """What these lines are, if they have been remembered."""
        return self._chunks.get(data)

    def remember(self, data: bytes, chunk: Chunk) -> None:
        if len(data) <= CHUNK_BYTES:
            if len(self._chunks) == CHUNKS:
                del self._chunks[next(iter(self._chunks))]
            self._chunks[data] = chunk

    def chunk(self, lines: Sequence[bytes]) -> Chunk | None:
        """Lines as one chunk; None if one of them is a barrier, another's, harmed or not in its place."""
        spans: dict[int, list[int]] = {}
        total, width = 0, len(self._sources)
        payloads, recall, size = self._payloads.fresh, self._payloads.recall, self._size_bytes
        for line in lines:
            payload = line[-size:]
            found = payloads.get(payload) or recall(payload) or self._ordinary(line)
            if found is None:
                return None
            publisher, number = found
            if number >= BARRIERS:
                return None
            span = spans.get(publisher)
            if span is None:
                spans[publisher] = [number, number]
            elif number == span[1] + 1:
                span[1] = number
            else:
                return None
            total = (total * ORDER_FACTOR + number * width + publisher) % ORDER_MODULUS
        runs = tuple(self._sources[publisher].run(first, last) for publisher, (first, last) in spans.items())
        return Chunk(runs, pow(ORDER_FACTOR, len(lines), ORDER_MODULUS), total)

    def _ordinary(self, line: bytes) -> tuple[int, int] | None:
        """Whose line it is, and its number; None for everything that is not as it was sent in this part of the run."""
        publisher, number = self.judge(line)
        return (publisher, number) if publisher is not None and number else None

    def order_key(self, publisher: int, number: int) -> int:
        """What one line adds to an order."""
        return number * len(self._sources) + publisher

    def judge(self, line: bytes) -> Judged:
        """What a line is: all of it is verified."""
        payload = line[-self._size_bytes :]
        found = self._payloads.fresh.get(payload) or self._payloads.recall(payload)
        if found is not None:
            return Judged(*found)
        start = max(0, len(line) - self._size_bytes)  # where the payload of an unharmed line begins
        mark = self._mark.match(line, start) or self._mark.search(line)
        if mark is None:
            return OTHER
        publisher = int(mark[1], 16) - self._first_index
        if not 0 <= publisher < len(self._sources):
            return ANOTHER_PART
        source = self._sources[publisher]
        number = source.form.number(line, mark.start())
        if number is None or line[mark.start() :] != source.form.payload(number):
            return Judged(publisher, None)
        if number < BARRIERS and not 0 < number <= source.published:
            return Judged(publisher, None)
        return Judged(publisher, number)
