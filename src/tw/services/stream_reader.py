"""Reading a stream of Redis's that several servers share: its end at the start, then whatever is added."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeAlias, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from tw.core.redis_rules import LinkLost, Refusal, refusal_error
from tw.core.relayed import START, StreamId, read_id, write_id
from tw.errors import TwError

READ_ENTRIES = 32
READ_BYTES = 8 * 1024 * 1024
"""So many entries are asked for at once, fewer where the last ones were so large that it would be more. (One holds
a quarter of a megabyte at most, or one line.)"""

BLOCK_S = 1.0
"""How long Redis waits for an entry before it answers that there is none. What it has lost is noticed so late, where
nothing follows it."""

ANSWER_S = 5.0
"""How long it may take beyond that. A Redis that writes its file, or is paused, for less is not away."""

LOOK_S = 0.02
"""How often it is looked at whether more can be taken, while it cannot."""

SCAN_ENTRIES = 128
SCAN_BYTES = 1024 * 1024
"""So much of the stream is read at the start, whatever the history: it tells which nodes there are, and how far each
is, so that what is lost of them later can be counted."""

T = TypeVar("T")
Entry: TypeAlias = tuple[StreamId, list[Any]]


class Link(Protocol):
    """A connection to Redis that is kept up (`net.redis.RedisLink`)."""

    where: str

    @property
    def problem(self) -> str | None: ...

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def reset(self, reason: str) -> None: ...
    def lost_error(self, reason: str) -> TwError: ...
    def call(self, *words: bytes | str | int, timeout_s: float = ...) -> Deferred[Any]: ...


class Taker(Protocol):
    """Who gets the entries."""

    place: StreamId
    """The last entry that was taken."""

    @property
    def is_busy(self) -> bool: ...

    def take(self, place: StreamId, fields: list[Any]) -> None: ...
    def hears(self, refusal: str | None) -> None:
        """Each answer: what Redis refuses to give, or None where it gives what it is asked for."""

    def expect(self) -> Callable[[], None]:
        """Asked before each reading. What it gives is called if there was nothing to read."""


class StreamReader:
    """Follows the stream `name` over a link of its own, since a blocking command holds up what comes after it."""

    _log = Logger()

    def __init__(self, reactor: Any, link: Link, name: str, taker: Taker) -> None:
        self._reactor = reactor
        self._link = link
        self._name = name
        self._taker = taker
        self._running: Deferred[None] | None = None
        self._stopped = False
        self._count = READ_ENTRIES

    async def last(self, is_enough: Callable[[list[Any]], bool]) -> list[Entry]:
        """The last entries, in their order: some, and as many more as are needed until `is_enough`, asked with each
        one's fields from the last one on. Raises TwError."""
        found: list[Entry] = []
        size, until = 0, b"+"
        while True:
            more = await self._at_start(self._back_from(until))
            size += sum(_size(fields) for _, fields in more)
            for entry in more:
                found.append(entry)
                enough = is_enough(entry[1])
            if len(more) < READ_ENTRIES or (enough and (len(found) >= SCAN_ENTRIES or size >= SCAN_BYTES)):
                return found[::-1]
            until = write_id(_before(found[-1][0]))

    async def stands(self) -> StreamId:
        """The last place that the stream has given out, though nothing may be left there. Raises TwError."""
        return await self._at_start(self._stands())

    async def _back_from(self, until: bytes) -> list[Entry]:
        reply = await self._link.call("XREVRANGE", self._name, until, "-", "COUNT", READ_ENTRIES)
        return [(read_id(entry[0]), entry[1] or []) for entry in reply]

    async def _stands(self) -> StreamId:
        try:
            info = await self._link.call("XINFO", "STREAM", self._name)
        except Refusal as refusal:
            if "no such key" not in refusal.text:
                raise
            return START
        return read_id(dict(zip(info[::2], info[1::2], strict=False)).get(b"last-generated-id"))

    async def _at_start(self, asking: Coroutine[Any, Any, T]) -> T:
        try:
            return await asking
        except Refusal as refusal:
            raise refusal_error(refusal.text, self._link.where) from None
        except LinkLost as lost:
            raise self._link.lost_error(str(lost)) from None

    def start(self) -> None:
        """Follow on from the taker's place."""
        self._running = Deferred.fromCoroutine(self._follow())
        self._running.addErrback(self._has_failed)

    def stop(self) -> None:
        """Take nothing more. Safe to call again; not while an entry is taken."""
        self._stopped = True
        if self._running is not None:
            self._running.cancel()

    def _has_failed(self, failure: Failure) -> None:
        """A fault of ours must not be the end of it: on the next link it goes on where it was."""
        if not self._stopped:
            self._log.failure("unhandled error while following the stream", failure)
            self._link.reset("a fault of tw's own")

    def is_back(self) -> None:
        """The link is there again."""
        if self._running is None or self._running.called:
            self.start()

    async def _follow(self) -> None:
        """Until the link is lost."""
        try:
            await self._check_place()
            while not self._stopped:
                await self._have_room()
                is_nothing = self._taker.expect()
                place = write_id(self._taker.place)
                words = ("XREAD", "COUNT", self._count, "BLOCK", int(BLOCK_S * 1000), "STREAMS", self._name, place)
                reply = await self._link.call(*words, timeout_s=BLOCK_S + ANSWER_S)
                if self._stopped:
                    return
                self._taker.hears(None)
                if reply is None:
                    is_nothing()
                else:
                    await self._take(reply[0][1])
        except LinkLost:
            self._count = 1  # it may have been lost over an answer that was too much
        except Refusal as refusal:
            self._taker.hears(refusal.text)
            self._link.reset(refusal.text)

    async def _take(self, entries: list[Any]) -> None:
        size = sum(_size(fields or []) for _, fields in entries)
        self._count = max(1, min(READ_ENTRIES, 2 * self._count, READ_BYTES * len(entries) // max(1, size)))
        for place, fields in entries:
            await self._have_room()
            if self._stopped:
                return
            # The fields of one that was removed meanwhile are missing.
            self._taker.take(read_id(place), fields or [])

    async def _have_room(self) -> None:
        """Subscribers must be sent what there is before there is more, as after a turn's share of local publishers."""
        if self._taker.is_busy:
            await deferLater(self._reactor, 0)
        while self._taker.is_busy and not self._stopped:
            await deferLater(self._reactor, LOOK_S)

    async def _check_place(self) -> None:
        """A Redis that was restored, or lost its data, may stand before what was read: then begin at its beginning.

        What was read before is known by its numbers.
        """
        if await self._stands() < self._taker.place:
            self._taker.place = START


def _size(fields: list[Any]) -> int:
    return sum(len(value) for value in fields if isinstance(value, bytes))


def _before(place: StreamId) -> StreamId:
    """The place before (Redis 6.2 has a sign for it; 5 has not)."""
    milliseconds, number = place
    return (milliseconds, number - 1) if number else (max(0, milliseconds - 1), 2**64 - 1)
