"""`LeanTls` moves application data as Twisted's own TLS does: all of it, in order, however it is split."""

import importlib.util
import os
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol

from tls_pair import TLS_VERSIONS, Program, TlsPair, creator, echo
from tw.core.records import HEADER_BYTES, RecordCounter
from tw.net import lean_tls
from tw.net.lean_tls import BIO_BYTES, RECORD_BYTES, LeanTls, StockTls, TlsFactory, tls_factory, usable

pytestmark = pytest.mark.usefixtures("quiet")

SIZES = [0, 1, RECORD_BYTES, RECORD_BYTES + 1, BIO_BYTES, 300 * 1024]
OVERHEAD_BYTES = 64
"""More than what TLS adds to a record."""

versions = pytest.mark.parametrize("version", TLS_VERSIONS, ids=["TLS 1.2", "TLS 1.3"])


def split(data: bytes, *cuts: int) -> list[bytes]:
    return [data[start:end] for start, end in pairwise([0, *cuts, len(data)])]


# Any payload, any split ----------------------------------------------------------------------------------------------


@versions
def test_every_split_of_three_records_gives_the_same(version: int) -> None:
    pair = TlsPair(version=version)
    for sender, receiver in pair.both_ways():
        size = 1
        at = 0
        while at < size:
            receiver.got = b""
            for part in (b"a", b"bc" * 9, b"d"):
                sender.write(part)
            data = sender.take()
            size = len(data)
            receiver.receive(*split(data, at, min(at + 7, size)))
            assert receiver.got == b"a" + b"bc" * 9 + b"d", f"split at {at} of {size}"
            at += 1
        for part in (b"a", b"bc"):
            sender.write(part)
        receiver.receive(*(bytes([byte]) for byte in sender.take()))
        assert receiver.got.endswith(b"abc")
        assert sender.hurries
        assert receiver.hurries


@given(
    version=st.sampled_from(TLS_VERSIONS),
    sizes=st.lists(st.integers(0, 200) | st.integers(0, 70_000) | st.sampled_from(SIZES), min_size=1, max_size=8),
    data=st.data(),
)
def test_any_split_of_any_payload_gives_the_same(version: int, sizes: list[int], data: st.DataObject) -> None:
    pair = TlsPair(version=version)
    for sender, receiver in pair.both_ways():
        parts = [os.urandom(size) for size in sizes]
        for part in parts:
            sender.write(part)
        stream = sender.take()
        receiver.receive(*split(stream, *sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=9)))))
        assert receiver.got == b"".join(parts)


@versions
@pytest.mark.parametrize("chunk", [1, 2, 5, 6, 50, 1000])
def test_the_handshake_may_end_anywhere_in_a_chunk(version: int, chunk: int) -> None:
    pair = TlsPair(Program(says=b"hello"), Program(echo, answers=b"welcome "), version=version, settled=False)
    pair.client.write(b" again")
    moved = True
    while moved:
        moved = False
        for sender, receiver in pair.both_ways():
            data = sender.take()
            receiver.receive(*split(data, *range(chunk, len(data), chunk)))
            moved = moved or bool(data)
    assert pair.client.got == b"welcome hello again"
    assert pair.client.hurries
    assert pair.server.hurries


def test_the_rest_of_a_record_that_looks_like_a_whole_one_is_none() -> None:
    pair = TlsPair()
    while True:
        pair.client.write(os.urandom(RECORD_BYTES))
        data = pair.client.take()
        alike = [
            at for at in range(1, len(data) - HEADER_BYTES)
            if int.from_bytes(data[at + 3 : at + 5], "big") == len(data) - at - HEADER_BYTES
        ]  # fmt: skip
        pair.server.receive(*split(data, *alike[:1]))
        if alike:
            break
    pair.client.write(b"both ")
    pair.client.write(b"arrive")
    pair.settle()
    assert pair.server.got.endswith(b"both arrive")
    assert len(pair.server.got) % RECORD_BYTES == len(b"both arrive")


# Little and much -----------------------------------------------------------------------------------------------------


@versions
@pytest.mark.parametrize("size", SIZES)
def test_a_write_of_any_size_arrives_intact_and_in_order(version: int, size: int) -> None:
    pair = TlsPair(version=version)
    payload = os.urandom(size)
    for sender, receiver in pair.both_ways():
        sender.write(b"before ")
        sender.write(payload)
        sender.wire.writeSequence([b" after", b"wards"])
        pair.settle()  # in one chunk
        assert receiver.got == b"before " + payload + b" afterwards"


@versions
def test_a_write_has_left_before_any_reactor_turns(version: int) -> None:
    pair = TlsPair(version=version)
    for sender, receiver in pair.both_ways():
        sender.write(b"at once")
        receiver.receive(sender.take())
        assert receiver.got == b"at once"


def test_many_small_records_reach_the_application_in_one_call() -> None:
    pair = TlsPair()
    for number in range(1000):
        pair.client.write(b"%03d" % number)
    pair.settle()
    assert pair.server.calls == [b"".join(b"%03d" % number for number in range(1000))]


def test_a_record_that_comes_alone_is_not_even_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = TlsPair(server=Program(echo))
    monkeypatch.delattr(RecordCounter, "feed")
    for size in (1, 1000, RECORD_BYTES):
        pair.client.write(bytes(size))
        pair.settle()
        assert len(pair.client.calls.pop()) == size


def test_openssl_is_asked_no_more_often_than_there_are_records(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = TlsPair()
    read = lean_tls._read
    reads: list[int] = []
    monkeypatch.setattr(lean_tls, "_read", lambda *arguments: reads.append(read(*arguments)) or reads[-1])
    for size in (1, 2, 3):
        pair.client.write(bytes(size))
    pair.settle()
    assert reads == [1, 2, 3]


def test_a_long_chunk_and_a_long_write_go_through_openssl_in_pieces() -> None:
    """Its buffers never shrink, so that each connection would keep the longest."""
    pair = TlsPair()
    written: list[int] = []
    write = pair.client.end.write
    pair.client.end.write = lambda data: (written.append(len(data)), write(data))[1]  # type: ignore[method-assign]
    pair.client.write(bytes(1 << 20))
    pair.settle()
    assert pair.server.got == bytes(1 << 20)
    assert max(written) <= BIO_BYTES + BIO_BYTES // RECORD_BYTES * OVERHEAD_BYTES
    assert max(len(call) for call in pair.server.calls) <= BIO_BYTES + RECORD_BYTES


def test_more_than_there_is_room_for_is_handed_over_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean_tls, "BIO_BYTES", 1 << 30)
    pair = TlsPair()
    payload = os.urandom(1 << 20)
    pair.client.write(payload)
    pair.settle()
    assert pair.server.got == payload
    assert 1 < len(pair.server.calls) < 9


@pytest.mark.parametrize("limit", [1, 512, 1000])
def test_all_is_sent_where_openssl_takes_less_than_it_is_given(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """As it does for a peer that takes short records only (RFC 6066, 4)."""
    pair = TlsPair()
    write = lean_tls._write
    monkeypatch.setattr(lean_tls, "_write", lambda ssl, data, size: write(ssl, data, min(size, limit)))
    payload = os.urandom(300 * limit)
    for part in (payload[:1], payload[1 : limit + 1], payload[limit + 1 :]):
        pair.server.write(part)
    pair.settle()
    assert pair.client.got == payload


@pytest.mark.parametrize("factory", [tls_factory, TLSMemoryBIOFactory])
@versions
def test_what_is_written_before_and_at_the_end_of_the_handshake_keeps_its_order(version: int, factory: Any) -> None:
    pair = TlsPair(Program(says=b"1 ", answers=b"2"), Program(says=b"3 ", answers=b"4"), version, factory=factory)
    assert (pair.server.got, pair.client.got) == (b"1 2", b"3 4")


# Without the short way -----------------------------------------------------------------------------------------------


class Without:
    """Another's attributes but one."""

    def __init__(self, whole: Any, name: str) -> None:
        self._whole = whole
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            raise AttributeError(name)
        return getattr(self._whole, name)


def asked_again() -> bool:
    """The answer is kept otherwise."""
    return bool(usable.__wrapped__())


def test_with_all_private_names_the_short_way_is_taken() -> None:
    assert asked_again()
    assert usable()
    assert isinstance(TlsPair().client.wire, LeanTls)


@pytest.mark.parametrize("name", lean_tls.NEEDED)
def test_a_name_that_openssls_binding_lacks_closes_the_short_way(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(lean_tls, "_lib", Without(lean_tls._lib, name))
    assert not asked_again()


@pytest.mark.parametrize("name", lean_tls.NEEDED_OF_CONNECTION)
def test_a_name_that_a_connection_lacks_closes_the_short_way(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    whole = SSL.Connection
    monkeypatch.setattr(SSL, "Connection", lambda *arguments: Without(whole(*arguments), name))
    assert not asked_again()


@pytest.mark.parametrize("name", lean_tls.NEEDED_OF_TWISTED)
def test_a_name_that_twisteds_protocol_lacks_closes_the_short_way(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(lean_tls, "TLSMemoryBIOProtocol", Without(TLSMemoryBIOProtocol, name))
    assert not asked_again()


@pytest.mark.parametrize("name", ["_lib", "_ffi"])
def test_without_openssls_binding_it_can_still_be_imported(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    spec = importlib.util.find_spec("tw.net.lean_tls")
    assert spec is not None
    assert spec.loader is not None
    again = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as changed:
        changed.delattr(SSL, name)
        spec.loader.exec_module(again)
    assert not again.usable()


@versions
def test_without_the_short_way_twisteds_own_does_the_same(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    monkeypatch.setattr(lean_tls, "usable", lambda: False)
    assert type(tls_factory(creator(version), True, None, object())) is TlsFactory
    pair = TlsPair(Program(says=b"hello "), Program(echo, answers=b"welcome "), version)
    assert type(pair.client.wire) is type(pair.server.wire) is StockTls
    payload = os.urandom(300 * 1024)
    pair.client.write(payload)
    pair.settle()
    assert pair.client.got == b"welcome hello " + payload
    pair.client.wire.loseConnection()
    pair.settle()
    assert [pair.client.lost_with, pair.server.lost_with] == ["ConnectionDone", "ConnectionDone"]
