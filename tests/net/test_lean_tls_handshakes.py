"""`LeanTls` and handshakes: where it starts, one that fails, and a second one on the same connection."""

import os
from contextlib import suppress
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock

from tls_pair import Producer, Program, TlsPair, creator, cut, echo, leave, throw_away_tls, versions
from tw.net import lean_tls
from tw.net.tls import self_signed_tls

pytestmark = pytest.mark.usefixtures("quiet")

NOBODYS_PIN = "sha256//" + "A" * 43 + "="


def noting(monkeypatch: pytest.MonkeyPatch) -> list[Program]:
    """Gives the programs whose TLS enters the short way, as they come."""
    entered: list[Program] = []

    class Noted(lean_tls._ShortWay):
        def __init__(self, wrapper: Any, *rest: Any) -> None:
            entered.append(wrapper.wrappedProtocol)
            super().__init__(wrapper, *rest)

    monkeypatch.setattr(lean_tls, "_ShortWay", Noted)
    return entered


def wreck(program: Program) -> None:
    """OpenSSL refuses the next write."""
    program.wire.getHandle().shutdown()


@versions
@pytest.mark.parametrize(("stop", "ending"), [(leave, "ConnectionDone"), (cut, "ConnectionLost"), (wreck, "Error")])
def test_an_application_may_stop_when_the_handshake_is_done(
    monkeypatch: pytest.MonkeyPatch, version: int, stop: Any, ending: str
) -> None:
    entered = noting(monkeypatch)

    class Stopping(Program):
        def handshakeCompleted(self) -> None:
            stop(self)
            self.write(b"late")

    pair = TlsPair(server=Stopping(), version=version)
    pair.server.write(b"later")
    pair.settle()
    assert (pair.client.got, pair.server.lost_with) == (b"", ending)
    assert pair.server not in entered


@versions
def test_whoever_fails_verification_gets_no_data_and_no_short_way(
    monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    entered = noting(monkeypatch)
    client, server = Program(says=b"secret", answers=b"secret"), Program(says=b"hello", answers=b"hello")
    TlsPair(client, server, version, creator(version, pin=NOBODYS_PIN))
    assert (client.got, server.got, client.lost_with) == (b"", b"", "PinMismatch")
    assert client not in entered


def test_whoever_passes_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    entered = noting(monkeypatch)
    pair = TlsPair()
    assert entered == [pair.client, pair.server]


def shaking_again(pair: TlsPair, context: SSL.Context | None = None) -> None:
    """The server asks for a second handshake (RFC 5246, 7.4.1.1); TLS 1.3 has none."""
    connection = pair.server.wire.getHandle()
    if context is not None:
        connection.set_context(context)
    connection.renegotiate()
    with suppress(SSL.WantReadError):
        connection.do_handshake()
    pair.server.wire._flushSendBIO()


def test_a_second_handshake_is_answered_and_data_goes_on() -> None:
    pair = TlsPair(server=Program(echo), version=SSL.TLS1_2_VERSION)
    pair.server.write(b"before ")
    shaking_again(pair)
    pair.server.write(b"behind ")
    pair.settle()
    assert pair.server.wire.getHandle().total_renegotiations() == 1
    pair.client.write(b"after")
    pair.settle()
    assert pair.client.got == b"before behind after"
    assert pair.client.hurries


@pytest.mark.parametrize("first", [b"", b"short ", bytes(100_000)])
def test_what_is_written_during_a_second_handshake_waits_for_its_end(first: bytes) -> None:
    pair = TlsPair(server=Program(echo), version=SSL.TLS1_2_VERSION)
    producer = Producer()
    pair.client.wire.registerProducer(producer, True)
    shaking_again(pair)
    pair.client.receive(pair.server.take())
    pair.client.write(first)
    pair.client.write(b"and more")
    assert producer.calls == ["pause"]
    pair.settle()
    assert pair.client.got == first + b"and more"
    assert producer.calls == ["pause", "resume"]


def test_where_a_second_handshake_begins_in_the_middle_of_a_write_the_rest_waits() -> None:
    pair = TlsPair(version=SSL.TLS1_2_VERSION)
    shaking_again(pair)
    asking = [pair.server.take()]
    write = pair.client.end.write

    def write_and_be_asked(data: bytes) -> None:
        write(data)
        if asking:
            pair.client.receive(asking.pop())

    pair.client.end.write = write_and_be_asked  # type: ignore[method-assign]
    payload = os.urandom(200_000)
    pair.client.write(payload)
    assert not pair.client.hurries
    pair.settle()
    assert pair.server.got == payload


def test_data_behind_a_second_handshake_with_another_key_is_nobodys() -> None:
    version = SSL.TLS1_2_VERSION
    pair = TlsPair(version=version, connects=creator(version, pin=throw_away_tls().pin))
    shaking_again(pair, self_signed_tls("localhost").context.getContext())
    for _ in range(2):
        pair.client.receive(pair.server.take())
        pair.server.receive(pair.client.take())
    pair.server.write(b"from a stranger")
    pair.settle()
    assert (pair.client.calls, pair.client.lost_with) == ([], "PinMismatch")
    assert pair.server.lost_with == "ConnectionLost"


@pytest.mark.parametrize("lean", [True, False])
def test_a_factory_that_refuses_gives_no_connection(monkeypatch: pytest.MonkeyPatch, lean: bool) -> None:
    monkeypatch.setattr(lean_tls, "usable", lambda: lean)

    class Refusing(Factory[Any]):
        def buildProtocol(self, addr: Any) -> None:
            return None

    made = lean_tls.tls_factory(throw_away_tls().context, False, Refusing(), MemoryReactorClock())
    assert made.buildProtocol(IPv4Address("TCP", "192.0.2.1", 5)) is None


@pytest.mark.parametrize("short", [True, False], ids=["lean", "stock"])
@pytest.mark.parametrize("who", ["client", "server"])
def test_a_close_notify_in_the_middle_of_a_handshake_ends_it(
    monkeypatch: pytest.MonkeyPatch, who: str, short: bool
) -> None:
    """RFC 8446, 6.1 does not forbid it, and OpenSSL reports an end without a word of why."""
    monkeypatch.setattr(lean_tls, "usable", lambda: short)
    pair = TlsPair(settled=False)
    program = getattr(pair, who)
    pair.server.receive(pair.client.take())
    program.receive(bytes.fromhex("15 0303 0002 01 00"))
    pair.settle()
    assert program.lost_with == "ConnectionLost"
