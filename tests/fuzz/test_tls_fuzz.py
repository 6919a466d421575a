"""A TLS server among guests who say anything for a handshake: whoever can do one is served all the same."""

import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogEvent

from fuzz.guests import Guest, House, Op, ops
from fuzz.inputs import bulk, fuzz, mutated, noise
from tw.net.stream import PAUSE_BYTES
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServePubSubOptions
from tw.services.counter import CounterService
from tw.services.echo import EchoService
from tw.services.pubsub import PubSubService

SERVICES: dict[str, Any] = {
    "echo": lambda reactor, emit: EchoService(reactor, ServeEchoOptions(port=0, tls_self_signed=True), emit),
    "counter": lambda reactor, emit: CounterService(reactor, ServeCounterOptions(port=0, tls_self_signed=True), emit),
    "pubsub": lambda reactor, emit: PubSubService(reactor, ServePubSubOptions(port=0, tls_self_signed=True), emit),
}

ASKS = {"echo": b"hello", "counter": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "pubsub": b"hello\n"}
ANSWERS = {"echo": b"hello", "counter": b"I am request #1\n", "pubsub": b"> hello\n"}


def machine() -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    return context.wrap_bio(incoming, outgoing), incoming, outgoing


def hello() -> bytes:
    tls, _, outgoing = machine()
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


HELLO = hello()
RECORDS = [
    HELLO,
    HELLO[:5],
    HELLO + HELLO,
    b"\x15\x03\x03\x00\x02\x01\x00",
    b"\x16\x03\x01\xff\xff",
    b"\x17\x03\x03\x40\x00x",
]


def converse(house: House, guest: Guest, ask: bytes, end: bytes) -> bytes:
    """A guest with manners: shake hands, ask, and read up to `end`."""
    tls, incoming, outgoing = machine()
    got = b""
    asked = False
    for _ in range(200):
        try:
            if not asked:
                tls.do_handshake()
                tls.write(ask)
                asked = True
            got += tls.read(65_536)
        except ssl.SSLWantReadError:
            pass
        if got.endswith(end):
            break
        out = outgoing.read()
        assert guest.says(out) == len(out)
        house.turn()
        incoming.write(guest.reads())
    return got


def check(house: House) -> None:
    for guest in house.everyone:
        assert guest.buffered_bytes <= 2 * PAUSE_BYTES


@pytest.mark.parametrize("service", SERVICES)
def test_whoever_can_shake_hands_is_served(service: str, logged: list[LogEvent]) -> None:
    @fuzz
    @given(ops(noise() | mutated(RECORDS) | bulk(st.sampled_from(RECORDS))))
    def among(script: list[Op]) -> None:
        with House(SERVICES[service], check) as house:
            house.play(script)
            friend = house.call()
            assert converse(house, friend, ASKS[service], ANSWERS[service]).endswith(ANSWERS[service])
            friend.leaves()
            for guest in house.everyone:
                guest.leaves()
            house.reactor.turns(5)
            house.close()
        assert logged == []

    among()
