"""What `--describe` adds to the servers: each client is told what was seen of it, and nothing of anybody else.

These stand beside the servers' own classes, so that without it nothing is done for a message that was not done before.
"""

import json
from collections.abc import Callable

from twisted.internet.interfaces import IAddress
from twisted.protocols.policies import ProtocolWrapper

from tw.core.description import DIGEST_FIELD, content_digest
from tw.core.forwarded import parse_forwarded, parse_forwarded_for
from tw.core.sight import RequestSight, Sight, text_of
from tw.errors import LocalError
from tw.net.sight import sight_of
from tw.protocols.answers import HEAD, CounterSite
from tw.protocols.connection import Keeper
from tw.protocols.counter import CounterServer
from tw.protocols.echo import EchoServer
from tw.protocols.requests import Requests
from tw.schema import VERSION, Json


def to_bytes(document: Json) -> bytes:
    """One line of JSON, all of it ASCII: nothing on the way has to know an encoding."""
    return json.dumps(document).encode("ascii") + b"\n"


class DescribingEcho(EchoServer):
    """Tells in its first line what it saw of the connection, and sends back every byte as ever."""

    def connectionMade(self) -> None:
        super().connectionMade()
        if not isinstance(self.transport, ProtocolWrapper):
            self._describe()

    def handshakeCompleted(self) -> None:
        super().handshakeCompleted()
        self._describe()

    def _describe(self) -> None:
        if self.stream.closing or self.stream.transport.disconnecting:
            return  # it was turned away, or its certificate was refused
        sight = sight_of(self.transport, is_server=True)
        self.stream.write(to_bytes({"v": VERSION, "describe": sight.to_json()}))


class DescribingCounter(CounterServer):
    """Answers each request with what it saw of it."""

    def __init__(self, site: CounterSite, keeper: Keeper, peer_address: IAddress | None = None) -> None:
        super().__init__(site, keeper, peer_address)
        self._sight: Sight | None = None
        self._requests = DescribingRequests(site, self._look)

    def _look(self) -> Sight:
        if self._sight is None:
            self._sight = sight_of(self.transport, is_server=True)
        return self._sight


class DescribingRequests(Requests):
    """Keeps what `Requests` only looks at: the header as it came. That is bounded as it is (`room_bytes`)."""

    __slots__ = ("_fields", "_look", "_ordinal", "_version")

    def __init__(self, site: CounterSite, look: Callable[[], Sight]) -> None:
        self._fields: list[tuple[bytes, bytes]] = []
        self._look = look
        self._ordinal = 0
        self._version = ""
        super().__init__(site)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._fields.clear()
        # Each request is parsed, also one that looks like the one before; and its body is counted.
        self._noted = self._singular = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.headed:
            self._fields.append((name, value.rstrip(b" \t")))  # RFC 9110, 5.5; the parser leaves what stands behind
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._version = self._parser.get_http_version()
        super().on_headers_complete()

    def _number(self, kind: int) -> None:
        site = self._site
        self._ordinal += 1
        try:
            number = site.take()
        except LocalError:
            super()._number(kind)  # which refuses, and tells of it
            return
        self.out.append(described(site, number, kind, self._look(), self._request()))
        if site.requested is not None:
            self._tell(number, 200)

    def _request(self) -> RequestSight:
        headers = tuple((text_of(name), text_of(value)) for name, value in self._fields)

        def values(wanted: str) -> list[str]:
            return [value for name, value in headers if name.lower() == wanted]

        return RequestSight(
            method=text_of(self._method()),
            target=text_of(self._target),
            version=self._version,
            headers=headers,
            body_bytes=self._body_bytes,
            ordinal=self._ordinal,
            forwarded=parse_forwarded(values("forwarded")),
            forwarded_for=parse_forwarded_for(values("x-forwarded-for")),
        )


def described(site: CounterSite, number: int, kind: int, sight: Sight, request: RequestSight) -> bytes:
    """The answer with `number`: what was seen, and what is sent, so that a client can tell what became of it."""
    saw = {**sight.to_json(), "http": request.to_json()}
    head = site.described_head(number, kind)

    def body_for(length: int) -> bytes:
        lines = [line.split(b": ", 1) for line in (head + _length_field(length)).split(b"\r\n")[1:-1]]
        sent = {"status": 200, "headers": [[text_of(name), text_of(value)] for name, value in lines]}
        return to_bytes({"v": VERSION, "request": number, "saw": saw, "sent": sent})

    # The body names its own length: with a digit more it grows by one, which never takes it two digits further.
    body = body_for(0)
    while (longer := body_for(len(body))) != body:
        body = longer
    digest = f"{DIGEST_FIELD}: {content_digest(body)}\r\n\r\n".encode("ascii")
    return head + _length_field(len(body)) + digest + (b"" if kind & HEAD else body)


def _length_field(length: int) -> bytes:
    return b"Content-Length: %d\r\n" % length
