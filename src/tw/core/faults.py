"""Faults on demand: what is to happen to each message of a server, and what was done.

Which message meets which fault depends on the seed and on the number of the message alone, in the order in which the
server took them: not on what it says, nor on how it was split. So a run is repeated by its seed, where its messages
come in the same order (over one connection, say).
"""

from enum import Enum
from random import Random
from typing import NamedTuple

from tw.fault_options import FaultOptions

LINE_FEED = 10
PIECE_BYTES = 65_536
"""A line without an end counts as a message at this length: as long as the longest that pub/sub takes."""

NAMES = ("delay", "reset", "corrupt", "truncate", "status", "close")
"""What is counted."""


class Harm(Enum):
    """What happens to a message, or instead of its answer."""

    RESET = "reset"
    TRUNCATE = "truncate"
    CORRUPT = "corrupt"
    STATUS = "status"


class Fate(NamedTuple):
    """What one message meets. `place` and `change`, from 0 up to 1, say where it is harmed, and into what."""

    delay_s: float = 0.0
    harm: Harm | None = None
    status: int = 0
    place: float = 0.0
    change: float = 0.0


UNHARMED = Fate()


class Faults:
    """The faults of one server. `made` counts those that took effect; whoever makes one counts it."""

    def __init__(self, options: FaultOptions, seed: int) -> None:
        self.seed = seed
        self.close_after_bytes = options.close_after_bytes
        self.made = dict.fromkeys(NAMES, 0)
        # Not a source of secrets, but of the same numbers again.
        self._random = Random(seed).random  # noqa: S311 - to be repeated, not to be secret
        self._delay_s = options.delay_s
        self._delay_share = options.delay_percent / 100
        self._jitter_s = options.jitter_s
        self._harms: list[tuple[float, Harm, int]] = []
        limit = 0.0
        for harm, percent, status in _shares(options):
            limit += percent / 100
            self._harms.append((limit, harm, status))

    def fate(self) -> Fate:
        """Of the next message. As many numbers are drawn for each, whatever comes of them."""
        draw = self._random
        delayed, jitter, harmed, place, change = draw(), draw(), draw(), draw(), draw()
        delay_s = 0.0
        if self._delay_s is not None and delayed < self._delay_share:
            delay_s = self._delay_s + jitter * self._jitter_s
        for limit, harm, status in self._harms:
            if harmed < limit:
                return Fate(delay_s, harm, status, place, change)
        return Fate(delay_s)

    def count(self, name: str) -> None:
        self.made[name] += 1


def _shares(options: FaultOptions) -> list[tuple[Harm, float, int]]:
    return [
        (Harm.RESET, options.reset_percent, 0),
        (Harm.TRUNCATE, options.truncate_percent, 0),
        (Harm.CORRUPT, options.corrupt_percent, 0),
        *((Harm.STATUS, percent, code) for code, percent in options.statuses),
    ]


def corrupted(message: bytes, fate: Fate) -> bytes:
    """The message with one byte changed, but for a line feed at its end; the same one where there is no other byte.

    No byte becomes a line feed either: where messages end stays as it was.
    """
    size = len(message) - message.endswith(b"\n")
    if not size:
        return message
    at = int(fate.place * size)
    old = message[at]
    others = 255 if old == LINE_FEED else 254
    new = int(fate.change * others)
    for kept in sorted({old, LINE_FEED}):
        new += new >= kept  # of 256 without those one or two
    return message[:at] + bytes((new,)) + message[at + 1 :]


def truncated(message: bytes, fate: Fate) -> bytes:
    """The message without its end, a line feed included; the same one where it has a single byte.

    At least half of it stays, so that whoever knows its beginning can tell that it was cut.
    """
    size = len(message)
    least = (size + 1) // 2
    return message[: least + int(fate.place * (size - least))]


def harmed(message: bytes, fate: Fate) -> tuple[bytes, Fate]:
    """The message as its fate has it, and that fate: without its harm where there was nothing to harm."""
    if fate.harm is Harm.CORRUPT:
        changed = corrupted(message, fate)
    elif fate.harm is Harm.TRUNCATE:
        changed = truncated(message, fate)
    else:
        return message, fate
    return changed, fate if changed != message else fate._replace(harm=None)


class Messages:
    """A stream to messages: lines with their line feed, and pieces of `PIECE_BYTES` where none comes.

    The messages are the same for any split. No more is kept than was fed and not taken.
    """

    __slots__ = ("_kept", "_scanned", "_start")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._start = 0
        self._scanned = 0  # up to here there is no line feed

    def feed(self, data: bytes) -> None:
        if self._start:
            del self._kept[: self._start]
            self._scanned -= self._start
            self._start = 0
        self._kept += data

    def take(self) -> bytes | None:
        """The next whole message, or None."""
        end = self._end()
        if not end:
            return None
        start, self._start, self._scanned = self._start, end, end
        return bytes(self._kept[start:end])

    @property
    def has_message(self) -> bool:
        return self._end() > 0

    def _end(self) -> int:
        """Where the next message ends; 0 if that has not come yet."""
        limit = self._start + PIECE_BYTES
        end = self._kept.find(b"\n", self._scanned, limit) + 1
        if not end and len(self._kept) >= limit:
            return limit
        if not end:
            self._scanned = len(self._kept)
        return end

    def rest(self) -> bytes:
        """What has no end yet: a message all the same, as no more is coming."""
        rest = bytes(self._kept[self._start :])
        self._kept.clear()
        self._start = self._scanned = 0
        return rest

    @property
    def kept_bytes(self) -> int:
        """Of what was fed, not taken yet."""
        return len(self._kept) - self._start
