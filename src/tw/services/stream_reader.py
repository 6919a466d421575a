"""Following a stream of Redis's that several servers share: whatever is added to it."""

from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from tw.core.redis_rules import LinkLost, Refusal
from tw.core.relayed import START, StreamId, Unreadable, read_entries, read_last_id, write_id
from tw.errors import TwError

READ_ENTRIES = 256
READ_BYTES = 8 * 1024 * 1024
"""So many entries are asked for at once, fewer where the last ones were so large that it would be more. (One holds
a quarter of a megabyte at most, or one line, which may have 64 MiB.) With hundreds of servers on a stream so many come
while Redis answers each of them once: with fewer, they would fall behind for ever. Where full ones follow small ones an
answer may have 64 MiB, once."""

UNSEEN_ENTRIES = 32
"""So many at most where they have piled up while nothing could be taken: how large they are is not known."""

BLOCK_S = 1.0
"""How long Redis waits for an entry before it answers that there is none. What it has lost is noticed so late, where
nothing follows it."""

ANSWER_S = 5.0
"""How long it may take beyond that. A Redis that writes its file, or is paused, for less is not away."""

SURE_S = 0.5
"""Nothing is trimmed that soon after it was written. Where more time lies between two readings, it is looked whether
the last entry is still there, and so all that follow it: they are removed from the first one on."""

LOOK_S = 0.02
"""How often it is looked at whether more can be taken, while it cannot."""


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

    def skips(self) -> None:
        """Before the entry that is taken next, some may have been removed that never were."""

    def expect(self) -> Callable[[bool], None]:
        """Asked before each reading. What it gives is called if that came to the stream's end, and told whether there
        was nothing."""


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
        self._is_other = False
        self._count = READ_ENTRIES
        self._last_head: int | None = None
        self._asked_s = -inf

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
        """The link is there again, and who is at its other end may be another."""
        self._is_other = True
        if self._running is None or self._running.called:
            self.start()

    async def _follow(self) -> None:
        """Until the link is lost."""
        try:
            while not self._stopped:
                await self._have_room()
                if self._is_other:
                    self._is_other = False
                    await self._check_place()
                await self._read()
        except LinkLost:
            self._count = 1  # it may have been lost over an answer that was too much
        except Refusal as refusal:
            self._taker.hears(refusal.text)
            self._link.reset(refusal.text)
        except Unreadable:
            self._link.reset("it told of the stream in a way unknown here")

    async def _read(self) -> None:
        is_end = self._taker.expect()
        count, place = self._count, write_id(self._taker.place)
        words = ("XREAD", "COUNT", count, "BLOCK", int(BLOCK_S * 1000), "STREAMS", self._name, place)
        before_s, self._asked_s = self._asked_s, self._reactor.seconds()
        reading = self._link.call(*words, timeout_s=BLOCK_S + ANSWER_S)
        # Behind it, so that nothing can be removed in between.
        looking = self._look_for(place) if self._asked_s - before_s > SURE_S else None
        reply = await reading
        if self._stopped:
            return
        self._taker.hears(None)
        entries = read_entries(_of_one(reply)) if reply is not None else []
        if entries:
            if looking is None and self._reactor.seconds() - self._asked_s > SURE_S:
                looking = self._look_for(place)
            await self._note_skipped(looking)
        await self._take(entries)
        if not entries and await stands(self._link, self._name) < self._taker.place:
            self._taker.place = START  # the key was deleted, or restored, under a clock that had gone back
        elif len(entries) < count and not self._stopped:
            is_end(not entries)

    def _look_for(self, place: bytes) -> Deferred[Any] | None:
        """The entry there, in a list, which is empty without it; or the exception that there was."""
        if place == write_id(START):
            return None
        timeout_s = BLOCK_S + ANSWER_S
        looking = self._link.call("XREVRANGE", self._name, place, place, "COUNT", 1, timeout_s=timeout_s)
        return looking.addErrback(lambda failure: failure.value)

    async def _note_skipped(self, looking: Deferred[Any] | None) -> None:
        found = await looking if looking is not None else None
        if isinstance(found, Exception):
            raise found
        if found == []:
            self._taker.skips()

    async def _take(self, entries: list[tuple[StreamId, list[Any]]]) -> None:
        self._count = next_count(self._count, entries)
        for place, fields in entries:
            await self._have_room()
            if self._stopped:
                return
            self._taker.take(place, fields)
            self._last_head = _head(fields)

    async def _have_room(self) -> None:
        """Subscribers must be sent what there is before there is more, as after a turn's share of local publishers."""
        if self._taker.is_busy:
            await deferLater(self._reactor, 0)
        while self._taker.is_busy and not self._stopped:
            self._count = min(self._count, UNSEEN_ENTRIES)
            await deferLater(self._reactor, LOOK_S)

    async def _check_place(self) -> None:
        """A Redis that was restored, or took over from another, may have lost what was read, and have added to the rest
        at places before it, as its clock is not the other's: then begin at its beginning. What was read before is known
        by its numbers. (Where our place was only trimmed, the beginning is behind it.)"""
        place = write_id(self._taker.place)
        there = read_entries(await self._link.call("XREVRANGE", self._name, place, place, "COUNT", 1))
        if not there or self._last_head not in (None, _head(there[0][1])):
            if not there and START < self._taker.place <= await stands(self._link, self._name):
                self._taker.skips()
            self._taker.place, self._last_head = START, None


def _of_one(reply: Any) -> object:
    """What XREAD gives of the one stream that it was asked for."""
    try:
        ((_, entries),) = reply
    except (TypeError, ValueError):
        raise Unreadable("no stream that was asked for") from None
    return entries


async def stands(link: Link, name: str) -> StreamId:
    """The last place that the stream has given out; START where there is no stream. Raises Refusal, LinkLost, and
    Unreadable."""
    try:
        info = await link.call("XINFO", "STREAM", name)
    except Refusal as refusal:
        if "no such key" not in refusal.text:
            raise
        return START
    return read_last_id(info)


def next_count(count: int, entries: Sequence[tuple[StreamId, list[Any]]]) -> int:
    """How many to ask for after `entries`, where `count` were asked for: READ_BYTES at most, if they stay as large."""
    return max(1, min(READ_ENTRIES, 2 * count, READ_BYTES * max(1, len(entries)) // max(1, size_of(entries))))


def _head(fields: list[Any]) -> int:
    """What tells an entry from another at the same place: its node and number, if it is one of ours."""
    return hash(tuple(fields[:4])) if fields else 0


def size_of(entries: Sequence[tuple[StreamId, list[Any]]]) -> int:
    """What they hold, in bytes."""
    return sum(len(value) for _, fields in entries for value in fields if isinstance(value, bytes))
