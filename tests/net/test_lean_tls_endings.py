"""`LeanTls` where a connection ends: by the peer or the application, by an error, in the middle of a chunk."""

from collections.abc import Callable

import pytest
from OpenSSL import SSL

from tls_pair import Producer, Program, TlsPair, cut, echo, leave, versions
from tw.net import lean_tls
from tw.net.lean_tls import BIO_BYTES

pytestmark = pytest.mark.usefixtures("quiet")

MUCH = bytes(range(256)) * 1200
"""Several chunks' worth."""

ways = pytest.mark.parametrize("way", [0, 1], ids=["from the client", "from the server"])


def lost_with(pair: TlsPair) -> list[str | None]:
    """What the client's connection ended with, and the server's."""
    return [pair.client.lost_with, pair.server.lost_with]


def said(program: Program, data: bytes) -> bytes:
    """What TLS makes of it."""
    program.write(data)
    return program.take()


def spoilt(record: bytes) -> bytes:
    return record[:-1] + bytes([record[-1] ^ 1])


# The peer ends, or fails ---------------------------------------------------------------------------------------------


@versions
@ways
def test_data_and_close_notify_in_one_chunk_are_both_heeded(version: int, way: int) -> None:
    """What the application answers still leaves, before its own side closes."""
    pair = TlsPair(version=version)
    sender, receiver = pair.both_ways()[way]
    receiver.hears = echo
    sender.write(b"the ")
    sender.write(b"last")
    leave(sender)
    pair.settle()
    assert (receiver.calls, sender.got) == ([b"the last"], b"the last")
    assert lost_with(pair) == ["ConnectionDone", "ConnectionDone"]


@versions
@ways
def test_nothing_is_written_once_the_peer_has_closed(version: int, way: int) -> None:
    pair = TlsPair(version=version)
    sender, receiver = pair.both_ways()[way]
    leave(sender)
    receiver.receive(sender.take())
    closing = bytes(receiver.end.out)
    receiver.write(b"late")
    assert (receiver.end.out, receiver.hurries) == (closing, False)
    pair.settle()
    assert lost_with(pair) == ["ConnectionDone", "ConnectionDone"]


@versions
@ways
@pytest.mark.parametrize(
    ("alone", "hears"), [(True, lambda *_: None), (True, echo), (False, lambda *_: None), (False, echo), (False, leave)]
)
def test_a_spoilt_record_ends_the_connection_after_the_data_before_it(
    version: int, way: int, alone: bool, hears: Callable[..., None]
) -> None:
    """Whatever the application does with that data, it is told of the record, and the peer by an alert."""
    pair = TlsPair(version=version)
    sender, receiver = pair.both_ways()[way]
    receiver.hears = hears
    good, bad, more = said(sender, b"good"), spoilt(said(sender, b"bad")), said(sender, b"never seen")
    receiver.receive(*([good, bad, more] if alone else [good + bad + more]))
    receiver.write(b"late")
    pair.settle()
    assert receiver.calls == [b"good"]
    assert receiver.lost is not None
    assert sender.lost is not None
    assert "bad record mac" in str(receiver.lost.value)
    assert "alert bad record mac" in str(sender.lost.value)
    assert sender.got == (b"good" if alone and hears is echo else b"")


@versions
@ways
@pytest.mark.parametrize("name", ["SSL_read", "SSL_write"])
def test_what_pyopenssl_has_no_error_for_is_a_lost_connection(
    monkeypatch: pytest.MonkeyPatch, version: int, way: int, name: str
) -> None:
    pair = TlsPair(version=version)
    sender, receiver = pair.both_ways()[way]
    monkeypatch.setattr(SSL.Connection, "_raise_ssl_error", lambda *_: None)
    if name == "SSL_read":
        receiver.receive(spoilt(said(sender, b"bad")))
    else:
        monkeypatch.setattr(lean_tls, "_write", lambda *_: -1)
        receiver.write(b"bad")
    monkeypatch.undo()
    pair.settle()
    assert receiver.lost_with == "ConnectionLost"


@versions
@ways
@pytest.mark.parametrize("left_over", [0, 1, 5, 10])
def test_a_connection_that_just_goes_is_lost(version: int, way: int, left_over: int) -> None:
    """No close_notify came (RFC 8446, 6.1): something may be missing, here the rest of a record."""
    pair = TlsPair(version=version)
    sender, receiver = pair.both_ways()[way]
    receiver.receive(said(sender, b"whole") + said(sender, b"in part")[:left_over])
    cut(sender)
    pair.settle()
    assert (receiver.got, receiver.lost_with) == (b"whole", "ConnectionLost")
    receiver.wire.write(b"late")
    assert (receiver.take(), receiver.hurries) == (b"", False)


@versions
@ways
def test_a_write_that_openssl_refuses_ends_the_connection(version: int, way: int) -> None:
    pair = TlsPair(version=version)
    writer, _ = pair.both_ways()[way]
    writer.wire.getHandle().shutdown()
    writer.write(MUCH)
    writer.write(b"late")
    pair.settle()
    assert writer.lost is not None
    assert "protocol is shutdown" in str(writer.lost.value)


# The application ends ------------------------------------------------------------------------------------------------


def stopping_midway(
    monkeypatch: pytest.MonkeyPatch, pair: TlsPair, way: int, room: int, stop: Callable[[Program], None]
) -> tuple[Program, Program]:
    """A chunk comes that is handed over in several calls, and in the first one the application has enough."""
    monkeypatch.setattr(lean_tls, "BIO_BYTES", room)
    sender, receiver = pair.both_ways()[way]

    def enough(program: Program, _: bytes) -> None:
        if len(program.calls) == 1:
            stop(program)
            program.write(b"late")

    receiver.hears = enough
    receiver.receive(said(sender, MUCH))
    assert len(receiver.calls[0]) < len(MUCH)
    return sender, receiver


@versions
@ways
@pytest.mark.parametrize("room", [BIO_BYTES, 1 << 30])
def test_after_aborting_in_the_middle_of_a_chunk_no_data_comes(
    monkeypatch: pytest.MonkeyPatch, version: int, way: int, room: int
) -> None:
    pair = TlsPair(version=version)
    sender, receiver = stopping_midway(monkeypatch, pair, way, room, cut)
    pair.settle()
    assert (len(receiver.calls), receiver.lost_with) == (1, "ConnectionLost")
    assert (sender.got, sender.lost_with) == (b"", "ConnectionLost")


@versions
@ways
@pytest.mark.parametrize("room", [BIO_BYTES, 1 << 30])
def test_after_closing_in_the_middle_of_a_chunk_the_rest_comes_and_the_close_completes(
    monkeypatch: pytest.MonkeyPatch, version: int, way: int, room: int
) -> None:
    """As over plain TCP; but nothing more is written."""
    pair = TlsPair(version=version)
    sender, receiver = stopping_midway(monkeypatch, pair, way, room, leave)
    assert receiver.got == MUCH
    pair.settle()
    assert (receiver.got, sender.got) == (MUCH, b"")
    assert lost_with(pair) == ["ConnectionDone", "ConnectionDone"]


@versions
@ways
def test_with_a_producer_writes_go_on_after_closing_until_it_has_no_more(version: int, way: int) -> None:
    pair = TlsPair(version=version)
    writer, reader = pair.both_ways()[way]
    writer.wire.registerProducer(Producer(), True)
    writer.write(b"one ")
    leave(writer)
    writer.write(b"two ")
    pair.settle()
    assert (reader.got, lost_with(pair)) == (b"one two ", [None, None])
    writer.wire.unregisterProducer()
    writer.write(b"late")
    pair.settle()
    assert (reader.got, lost_with(pair)) == (b"one two ", ["ConnectionDone", "ConnectionDone"])


def test_a_producer_is_paused_while_the_transport_is_full() -> None:
    pair = TlsPair()
    for writer, reader in pair.both_ways():
        producer = Producer()
        writer.wire.registerProducer(producer, True)
        writer.write(bytes(60_000))
        assert producer.calls == []
        writer.write(bytes(10_000))
        writer.write(b"and still is")
        assert producer.calls == ["pause"]
        pair.settle()
        assert producer.calls == ["pause", "resume"]
        assert reader.got == bytes(70_000) + b"and still is"
