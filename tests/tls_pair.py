"""Two programs and a TLS connection between them in memory: a test moves, splits and spoils what crosses it."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock

from ends import End
from handshakes import Side
from tw.net.lean_tls import tls_factory
from tw.net.tls import ServerTls, client_creator, self_signed_tls
from tw.options import TlsClientOptions

TLS_VERSIONS = [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION]
versions = pytest.mark.parametrize("version", TLS_VERSIONS, ids=["TLS 1.2", "TLS 1.3"])


@cache
def throw_away_tls() -> ServerTls:
    return self_signed_tls("localhost")


def creator(version: int, **options: Any) -> Any:
    """How a client connects that speaks no later version."""
    made = client_creator("localhost", TlsClientOptions(**options or {"insecure": True}))
    made._context.set_max_proto_version(version)
    return made


def echo(program: "Program", data: bytes) -> None:
    program.write(data)


class Program(Side):
    """Notes each call, and does with what came what `hears` says. `answers` is written when the handshake is done."""

    def __init__(
        self, hears: Callable[["Program", bytes], object] = lambda *_: None, says: bytes = b"", answers: bytes = b""
    ) -> None:
        super().__init__(says)
        self.hears = hears
        self.answers = answers
        self.calls: list[bytes] = []

    def handshakeCompleted(self) -> None:
        super().handshakeCompleted()
        self.write(self.answers)

    def dataReceived(self, data: bytes) -> None:
        assert self.lost is None
        super().dataReceived(data)
        self.calls.append(data)
        self.hears(self, data)

    @property
    def wire(self) -> Any:
        """What it writes to: the TLS connection."""
        return self.transport

    @property
    def end(self) -> End:
        """What TLS writes to."""
        end: End = self.wire.transport
        return end

    @property
    def hurries(self) -> bool:
        """Whether its TLS goes the short way."""
        return getattr(self.wire, "_short", None) is not None

    @property
    def lost_with(self) -> str | None:
        """What its connection ended with, if it did."""
        return None if self.lost is None else type(self.lost.value).__name__

    def write(self, data: bytes) -> None:
        self.wire.write(data)

    def take(self) -> bytes:
        """What TLS has made of what was written, before it crosses."""
        data = bytes(self.end.out)
        self.end.out.clear()
        return data

    def receive(self, *chunks: bytes) -> None:
        """Have these cross to it."""
        for chunk in chunks:
            self.end.protocol.dataReceived(chunk)


def leave(program: Program, _: bytes = b"") -> None:
    program.wire.loseConnection()


def cut(program: Program, _: bytes = b"") -> None:
    program.wire.abortConnection()


class Producer:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


class TlsPair:
    """A client and a server whose handshake is done, if it is `settled`."""

    def __init__(
        self,
        client: Program | None = None,
        server: Program | None = None,
        version: int = SSL.TLS1_3_VERSION,
        connects: Any = None,
        factory: Callable[..., Any] = tls_factory,
        settled: bool = True,
    ) -> None:
        self.client = client or Program()
        self.server = server or Program()
        self.clock: Any = MemoryReactorClock()
        context = throw_away_tls().context
        near = self._end(factory(connects or creator(version), True, _handing_out(self.client), self.clock))
        far = self._end(factory(context, False, _handing_out(self.server), self.clock))
        near.peer, far.peer = far, near
        self._ends = near, far
        for end in self._ends:
            end.protocol.makeConnection(end)
        if settled:
            self.settle()

    def _end(self, factory: Any) -> End:
        factory.noisy = False
        return End(factory.buildProtocol(None), "memory")

    def both_ways(self) -> list[tuple[Program, Program]]:
        """Who sends, and who receives."""
        return [(self.client, self.server), (self.server, self.client)]

    def settle(self) -> None:
        """Move bytes until nothing moves any more. What waits on one side crosses in one chunk."""
        moved = True
        while moved:
            self.clock.advance(0)
            moves = [end.move() for end in self._ends]
            moved = any(moves)
        assert self.clock.getDelayedCalls() == []


def _handing_out(program: Program) -> Any:
    factory = Factory.forProtocol(lambda: program)
    factory.noisy = False
    return factory
