"""A stream as Redis keeps it, links to it that break as a test says, and a pub/sub service over them."""

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail

from served import Served, Visitor
from sockets import HandReactor
from tw.core.redis_rules import LinkLost, Refusal
from tw.core.relayed import fields_of, node_name
from tw.errors import ConnectError, ProtocolError, TwError
from tw.events import ViaChanged
from tw.serve_options import ServePubSubOptions
from tw.services.pubsub import PubSubService
from tw.services.stream_relay import StreamRelay
from tw.services.stream_start import NO_PLACE

WHERE = "--via memory"

NOTHING = object()
"""No entry, told at once."""


class Stream:
    """What Redis holds under one key."""

    def __init__(self) -> None:
        self.entries: list[tuple[bytes, list[bytes]]] = []
        self.added = 0
        self.refusals: dict[str, str] = {}
        """What it answers in place of a command's own answer, by the command."""

    def add(self, *fields: bytes) -> bytes:
        self.added += 1
        self.entries.append((b"1000-%d" % self.added, list(fields)))
        return self.entries[-1][0]

    def after(self, place: bytes, count: int) -> list[list[Any]]:
        number = int(place.partition(b"-")[2]) if place != b"0-0" else 0
        return [list(entry) for entry in self.entries if int(entry[0].partition(b"-")[2]) > number][:count]

    def up_to(self, place: bytes, first: bytes, count: int) -> list[list[Any]]:
        number = self.added if place == b"+" else int(place.partition(b"-")[2])
        least = 0 if first == b"-" else int(first.partition(b"-")[2])
        found = [list(entry) for entry in self.entries if least <= int(entry[0].partition(b"-")[2]) <= number]
        return found[::-1][:count]

    @property
    def bodies(self) -> list[bytes]:
        return [fields[7] for _, fields in self.entries]


class Link:
    """`services.stream_reader.Link`. A command is carried out when the test says so."""

    where = WHERE

    def __init__(self, stream: Stream, away: Callable[[str], object], back: Callable[[], object]) -> None:
        self.stream = stream
        self._away = away
        self._back = back
        self.problem: str | None = "not connected yet"
        self.waiting: deque[tuple[tuple[Any, ...], Deferred[Any]]] = deque()
        self.resets: list[str] = []
        self.is_stopped = False
        self.is_there = True
        self.most = 0
        """How many entries were asked back for at once."""

    async def start(self) -> None:
        if not self.is_there:
            raise ConnectError("refused", WHERE)
        self.problem = None

    async def stop(self) -> None:
        self.is_stopped = True
        self._fail()

    def reset(self, reason: str) -> None:
        self.resets.append(reason)

    def lost_error(self, reason: str) -> TwError:
        return ProtocolError(reason, WHERE)

    def call(self, *words: Any, timeout_s: float = 2.0) -> Deferred[Any]:
        if self.problem is not None:
            return fail(LinkLost(self.problem))
        assert timeout_s > 0
        answer: Deferred[Any] = Deferred()
        name = words[0].decode() if isinstance(words[0], bytes) else words[0]
        self.waiting.append(((name, *words[1:]), answer))
        return answer

    # What a test does -------------------------------------------------------------------------------------------------

    def carry_out(self) -> bool:
        """The first command that waits; False where there is none, or it waits for entries."""
        if not self.waiting:
            return False
        words, answer = self.waiting[0]
        refusal = self.stream.refusals.get(words[0])
        if words[0] == "XADD" and words[2] == NO_PLACE:
            refusal = refusal or "ERR The ID specified in XADD must be greater than 0-0"
        if words[0] == "XINFO" and not self.stream.added:
            refusal = refusal or "ERR no such key"
        if refusal is not None:
            self.waiting.popleft()
            answer.errback(Refusal(refusal))
            return True
        reply = self._reply(words)
        if reply is None:
            return False
        if words[0] == "XREVRANGE":
            self.most = max(self.most, len(reply))
        self.waiting.popleft()
        if not answer.called:
            answer.callback(None if reply is NOTHING else reply)
        return True

    def finds_nothing(self) -> None:
        """Redis has waited long enough for an entry."""
        words, answer = self.waiting.popleft()
        assert words[0] == "XREAD"
        answer.callback(None)

    def lose(self, *, carried_out: int = 0) -> None:
        """The connection breaks. So many of the commands under way are carried out, and none is answered."""
        for words, _ in list(self.waiting)[:carried_out]:
            self._reply(words)
        self.problem = "lost"
        self._away("lost")
        self._fail()

    def find(self) -> None:
        """It is there again."""
        self.problem = None
        self._back()

    def _fail(self) -> None:
        while self.waiting:
            _, answer = self.waiting.popleft()
            if not answer.called:
                answer.errback(LinkLost("lost"))

    def _reply(self, words: tuple[Any, ...]) -> Any:
        stream = self.stream
        if words[0] == "XADD":
            assert words[2:6] == (b"MAXLEN", b"~", 100_000, b"*")
            return stream.add(*words[6:])
        if words[0] == "XREAD":
            entries = stream.after(words[-1], words[2])
            return [[words[-2], entries]] if entries else None if "BLOCK" in words else NOTHING
        if words[0] == "XREVRANGE":
            until, first = (word.encode() if isinstance(word, str) else word for word in words[2:4])
            return stream.up_to(until, first, words[-1])
        if words[0] == "TIME":
            return [b"1", b"0"]
        assert words[0] == "XINFO"
        return [b"length", len(stream.entries), b"last-generated-id", b"1000-%d" % stream.added]


class Node(Served):
    """A service over a stream in memory, its clients, and its two links."""

    def __init__(self, stream: Stream, **options: Any) -> None:
        self.links: list[Link] = []

        def open_link(away: Callable[[str], object], back: Callable[[], object]) -> Link:
            self.links.append(Link(stream, away, back))
            return self.links[-1]

        chosen = ServePubSubOptions(**{"port": 0, "prefix": False, **options})

        def make(reactor: Any, emit: Any) -> PubSubService:
            def relay(floor: Any) -> StreamRelay:
                return StreamRelay(reactor, floor, emit, open_link, name="lines", chance=b"\1" * 8, echo=chosen.echo)

            return PubSubService(reactor, chosen, emit, relay)

        super().__init__(make, HandReactor())
        self.stream = stream
        self.writer, self.reader = self.links

    def start(self) -> "Node":
        starting = self.attempt()
        self.move()
        self.listening = starting.result
        return self

    def move(self) -> None:
        """Carry out what there is to be carried out, until nothing moves."""
        moved = True
        while moved:
            self.settle()
            moved = self.writer.carry_out() | self.reader.carry_out()
        self.settle()

    def is_read_from(self, visitor: Visitor) -> bool:
        return bool(visitor.transport.producerState == "producing")

    def end(self) -> dict[str, int]:
        """Stop it, with Redis answering, and give what it has counted."""
        stopping = self.stopping()
        self.move()
        for visitor in self.visitors:
            visitor.reads()
        self.settle()
        assert all(link.is_stopped for link in self.links)
        assert self.reactor.getDelayedCalls() == []
        return dict(stopping.result.more)


OTHER = node_name((0, 0), b"\2" * 8)


def other(stream: Stream, number: int, total: int, *lines: bytes, is_again: bool = False) -> None:
    """What another node has published."""
    stream.add(*fields_of(OTHER, number, total, b"".join(line + b"\n" for line in lines), is_again=is_again))


def states(node: Node) -> list[str | None]:
    return [event.problem for event in node.events if isinstance(event, ViaChanged)]
