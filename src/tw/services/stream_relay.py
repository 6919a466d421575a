"""Several pub/sub servers as one: lines go into a stream of Redis's, and come back in the stream's order, to everybody.

What is published in one reactor turn is one entry, if not too many are on their way already. Nothing is delivered here
that has not come back; what has not is held, and no more than `HOLD_BYTES` of it: then nothing is read from publishers.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from twisted.logger import Logger
from twisted.python.failure import Failure

from tw.core.counted import counted
from tw.core.follower import Follower
from tw.core.outbox import Outbox, Outgoing
from tw.core.redis_rules import LinkLost, Refusal
from tw.core.relayed import Relayed, StreamId, fields_of, node_name, read_entry
from tw.events import ViaChanged
from tw.net.reactor import at_turn_end
from tw.protocols.pubsub import PubSubServer
from tw.services.listener import Emit
from tw.services.publishers import Publishers
from tw.services.relay import Floor
from tw.services.stream_end import Ending
from tw.services.stream_reader import ANSWER_S, Link, StreamReader
from tw.services.stream_start import StreamStart

BATCH_BYTES = 256 * 1024
"""About what an entry holds at most: as much as is shared out in one go (see `services.pubsub`)."""

HOLD_BYTES = 4 * 1024 * 1024
"""Of what is not back; then publishers are held, until it is half of that. With 1 ms to Redis and back it lets 4 GB/s
pass, with 50 ms 80 MB/s. What each publisher had sent already comes on top: one read."""

SLOWEST_BYTES_S = 256 * 1024
"""A way to Redis that lets so much pass each second is slow, and not broken."""

DEFAULT_MAXLEN = 100_000
"""Entries. A few hundred bytes each on a server with little to do, 26 GB in all where every one of them is full."""

OpenLink: TypeAlias = Callable[[Callable[[str], object], Callable[[], object]], Link]
"""Makes a link that calls the first when it is lost, with the reason, and the second when it is back."""


class StreamRelay:
    """`services.relay.Relay` over a stream. `open_link` makes the two links that it needs, `chance` gives 8 bytes."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        floor: Floor,
        emit: Emit,
        open_link: OpenLink,
        *,
        name: str,
        chance: bytes,
        echo: bool,
        maxlen: int = DEFAULT_MAXLEN,
    ) -> None:
        self._reactor = reactor
        self._floor = floor
        self._emit = emit
        self._name = name
        self._chance = chance
        self._echo = echo
        self._maxlen = maxlen
        self._node = b""
        self._outbox: Outbox[PubSubServer] = Outbox(batch_bytes=BATCH_BYTES)
        self._follower = Follower()
        self._publishers = Publishers(reactor, floor)
        # Those whose end waits until the batch of this number is back.
        self._ends: dict[int, list[PubSubServer]] = {}
        self._then: dict[PubSubServer, Callable[[], None]] = {}
        self._turn_noted = False
        self._away: dict[str, str] = {}
        self._writer = open_link(lambda reason: self._is_away("writer", reason), self._writer_is_back)
        self._read_link = open_link(lambda reason: self._is_away("reader", reason), self._reader_is_back)
        self._reader = StreamReader(reactor, self._read_link, name, self)
        self._ending = Ending(reactor, self._writer, name, lambda: not self._outbox.awaited, lambda: self.place)

    # What the service calls -------------------------------------------------------------------------------------------

    async def start(self, history_lines: int, history_bytes: int) -> None:
        await self._writer.start()
        await self._read_link.start()
        start = StreamStart(self._writer, self._read_link, self._name)
        now, stands, found = await start.look(history_lines, history_bytes)
        for place, batch in found:
            reading = self._follower.read(place, batch)
            if reading is not None and history_lines:
                self._floor.order(None, b"", reading.batch.lines)
        self._follower.begin(max(stands, self._follower.place), now)
        self._node = node_name(self._follower.place, self._chance)
        self._reader.start()

    def publish(self, connection: PubSubServer, lines: list[bytes]) -> None:
        connection.relay_number = self._outbox.add(connection, connection.prefix, lines)
        if not self._turn_noted:
            self._turn_noted = True
            at_turn_end(self._reactor, self._end_turn)
        if self._outbox.held_bytes > HOLD_BYTES:
            self._publishers.hold()
        if self._publishers.are_held:
            self._publishers.hold_one(connection)

    def when_ordered(self, connection: PubSubServer, then: Callable[[], None]) -> None:
        if connection.relay_number <= self._outbox.number_back:
            then()
        elif connection not in self._then:
            self._then[connection] = then
            self._ends.setdefault(connection.relay_number, []).append(connection)

    def joined(self, connection: PubSubServer) -> None:
        if self._publishers.are_held:
            self._publishers.hold_one(connection)

    def left(self, connection: PubSubServer) -> None:
        self._then.pop(connection, None)

    async def finish(self, within_s: float) -> None:
        self._publishers.hold()
        self._send()
        await self._ending.wait(within_s)
        self._reader.stop()
        if lines := self._outbox.untaken_lines:
            self._log.warn("Redis did not take {lines} in time", lines=counted(lines, "lines"))

    async def stop(self) -> None:
        self._reader.stop()
        await self._writer.stop()
        await self._read_link.stop()

    def summary(self) -> Mapping[str, int]:
        return {
            "relayed_batches": self._follower.batches,
            "repeated_batches": self._follower.repeated,
            "foreign_entries": self._follower.foreign,
            "relay_dropped_lines": self._follower.lost_lines,
            # Before the end they are on their way, and no news.
            "unrelayed_lines": self._outbox.untaken_lines if self._ending.has_begun else 0,
        }

    # Writing ----------------------------------------------------------------------------------------------------------

    def _end_turn(self) -> None:
        self._turn_noted = False
        self._send()

    def _send(self) -> None:
        if self._writer.problem is not None:
            return
        for batch in self._outbox.due():
            fields = fields_of(self._node, batch.number, batch.total_lines, batch.body, is_again=batch.is_again)
            words: tuple[bytes | str | int, ...] = (b"XADD", self._name, b"MAXLEN", b"~", self._maxlen, b"*", *fields)
            # What was sent before it must pass first.
            timeout_s = ANSWER_S + self._outbox.held_bytes // SLOWEST_BYTES_S
            self._writer.call(*words, timeout_s=timeout_s).addCallbacks(
                self._taken, self._not_taken, callbackArgs=(batch,)
            )

    def _taken(self, _: object, batch: Outgoing[PubSubServer]) -> None:
        self._outbox.taken(batch.number)
        if self._away:
            self._is_back_again("writing")
        self._send()

    def _not_taken(self, failure: Failure) -> None:
        """Whether one was written before the link was lost is not known: all are sent again, when it is back.

        Where Redis refuses one (its memory is full), those behind it may have been written. They are sent again as
        well; if it is written then, after them, readers have counted it as lost, and drop it: never unnoticed. So that
        it happens when a refusal comes, at most, and not when it ends, one at a time is tried from then on.
        """
        refusal = failure.value
        if isinstance(refusal, Refusal):
            self._is_away("writing", refusal.text)
            self._outbox.refused()
            self._writer.reset(refusal.text)
        elif not isinstance(refusal, LinkLost):
            self._log.failure("unhandled error while writing to the stream", failure)

    def _writer_is_back(self) -> None:
        self._outbox.resend()
        self._is_back_again("writer")
        self._send()

    # Reading (services.stream_reader.Taker) ---------------------------------------------------------------------------

    @property
    def place(self) -> StreamId:
        return self._follower.place

    @place.setter
    def place(self, place: StreamId) -> None:
        self._follower.place = place

    @property
    def is_busy(self) -> bool:
        return self._floor.is_busy

    def hears(self, refusal: str | None) -> None:
        if refusal is not None:
            self._is_away("reading", refusal)
        elif self._away:
            self._is_back_again("reading")

    def take(self, place: StreamId, fields: list[Any]) -> None:
        """An entry of the stream's."""
        batch = read_entry(fields)
        if batch is not None and batch.node == self._node and batch.number > self._outbox.number_closed:
            batch = None  # somebody has taken our name
        reading = self._follower.read(place, batch)
        if reading is not None:
            self._tell_lost(reading.lost_lines)
            if reading.batch.node == self._node:
                self._take_own(reading.batch)
            elif reading.batch.lines:
                self._floor.order(None, b"", reading.batch.lines)
        self._ending.look()

    def skips(self) -> None:
        self._follower.skip()

    def expect(self) -> Callable[[bool], None]:
        number = self._outbox.taken_and_missing()
        return lambda is_nothing: self._are_missing(number, is_nothing)

    def _take_own(self, batch: Relayed) -> None:
        gone = self._outbox.back(batch.number)
        if batch.lines:
            self._order_own(gone[-1], batch.lines)
        self._are_back(gone)

    def _order_own(self, batch: Outgoing[PubSubServer], lines: list[bytes]) -> None:
        if self._echo:
            self._floor.order(None, b"", lines)
            return
        first = 0
        for connection, count in batch.spans:
            self._floor.fall_behind(connection)  # it must skip what it has published
            self._floor.order(connection.cursor, b"", lines[first : first + count])
            first += count

    def _are_missing(self, number: int, is_nothing: bool) -> None:
        """This batch was in the stream before that was read to its end, and did not come: it was removed, or lost."""
        gone = self._outbox.back(number)
        if gone:
            self._tell_lost(self._follower.give_up(self._node, number, gone[-1].total_lines))
            self._are_back(gone)
        if is_nothing:
            self._ending.nothing_left()

    def _tell_lost(self, lines: int) -> None:
        if lines:
            self._log.warn("{lines} lost: gone from the stream before being read", lines=counted(lines, "lines"))
            self._floor.tell_all(f"dropped {lines} lines")

    def _are_back(self, gone: list[Outgoing[PubSubServer]]) -> None:
        for batch in gone:
            for connection in self._ends.pop(batch.number, ()):
                then = self._then.pop(connection, None)
                if then is not None:
                    then()
        if not self._ending.has_begun and self._outbox.held_bytes <= HOLD_BYTES // 2:
            self._publishers.release()
        self._send()  # the answers of those that are back may be late

    def _reader_is_back(self) -> None:
        self._is_back_again("reader")
        self._reader.is_back()

    # Whether it is there ----------------------------------------------------------------------------------------------

    def _is_away(self, what: str, reason: str) -> None:
        first = not self._away
        self._away[what] = reason
        if first:
            self._emit(ViaChanged(problem=f"{self._writer.where}: {reason}"))

    def _is_back_again(self, what: str) -> None:
        if self._away.pop(what, None) is not None and not self._away:
            self._emit(ViaChanged(problem=None))
