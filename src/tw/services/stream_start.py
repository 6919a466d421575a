"""How a server comes to a stream that others may be using already: may it write there, what does the end hold."""

from typing import NamedTuple, TypeAlias

from tw.core.redis_rules import LinkLost, Refusal, refusal_error
from tw.core.relayed import START, Relayed, StreamId, read_entries, read_entry, write_id
from tw.errors import ProtocolError
from tw.services.stream_reader import Link, next_count, size_of, stands

SCAN_ENTRIES = 128
SCAN_BYTES = 1024 * 1024
"""So much of the stream is read at the start, whatever the history: it tells which nodes there are, and how far each
is, so that what is lost of them later can be counted."""

STRANGE_ENTRIES = 10_000
"""So many are looked through in vain for a history: others' in a stream that somebody else uses as well, and those that
were sent again. It may have millions of them."""

NO_PLACE = "0-0"
"""No entry can have it: XADD with it meets all that keeps a real one from being added, and adds nothing."""

Found: TypeAlias = tuple[StreamId, Relayed | None]


class Beginning(NamedTuple):
    """`now` by Redis's clock; the last `place` that the stream has given out, though nothing may be left there; and its
    last entries, in their order: some, and as many more as the history takes. None stands for somebody else's."""

    now: StreamId
    place: StreamId
    found: list[Found]


class StreamStart:
    """Asks before anything is followed or published, each link for what it is to do. All raise TwError."""

    def __init__(self, writer: Link, reader: Link, name: str) -> None:
        self._writer = writer
        self._reader = reader
        self._name = name

    async def look(self, history_lines: int, history_bytes: int) -> Beginning:
        try:
            now = await self._now()
            # Asked before the entries: where none is left, it tells where those to come are from.
            place = await stands(self._reader, self._name)
            await self._try_writing()
            # Of those who may look at the stream some may not follow it, and would hear of nothing.
            await self._reader.call("XREAD", "COUNT", 1, "STREAMS", self._name, write_id(place))
            return Beginning(now, place, await self._last(history_lines, history_bytes))
        except Refusal as refusal:
            raise refusal_error(refusal.text, self._reader.where) from None
        except LinkLost as lost:
            raise self._reader.lost_error(str(lost)) from None
        except (ValueError, TypeError):
            raise ProtocolError("the stream was told of in a way unknown here", self._reader.where) from None

    async def _now(self) -> StreamId:
        try:
            seconds, microseconds = map(int, await self._reader.call("TIME"))
        except Refusal:
            return START  # not everyone may ask, and then it is not known
        return seconds * 1000 + microseconds // 1000, 0

    async def _try_writing(self) -> None:
        try:
            await self._writer.call("XADD", self._name, NO_PLACE, "n", "")
        except Refusal as refusal:
            if refusal.code != "ERR" or "XADD" not in refusal.text or "unknown command" in refusal.text:
                raise

    async def _last(self, history_lines: int, history_bytes: int) -> list[Found]:
        found: list[Found] = []
        count, looked, looked_bytes, lines, size, until = 1, 0, 0, 0, 0, b"+"
        while True:
            reply = await self._reader.call("XREVRANGE", self._name, until, "-", "COUNT", count)
            entries = read_entries(reply)
            for place, fields in entries:
                batch = read_entry(fields)
                found.append((place, batch))
                if batch is not None:
                    lines += len(batch.lines)
                    size += sum(map(len, batch.lines)) + len(batch.lines)
            looked += len(entries)
            looked_bytes += size_of(entries)
            is_enough = lines >= history_lines or size >= history_bytes or looked >= history_lines + STRANGE_ENTRIES
            if len(entries) < count or (is_enough and (looked >= SCAN_ENTRIES or looked_bytes >= SCAN_BYTES)):
                return found[::-1]
            count, until = next_count(count, entries), write_id(_before(found[-1][0]))


def _before(place: StreamId) -> StreamId:
    """The place before (Redis 6.2 has a sign for it; 5 has not)."""
    milliseconds, number = place
    return (milliseconds, number - 1) if number else (max(0, milliseconds - 1), 2**64 - 1)
