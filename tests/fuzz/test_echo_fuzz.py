"""The echo server among guests who do anything: what comes back is what was sent, and nothing piles up."""

from typing import Any

from hypothesis import given

from fuzz.guests import House, Op, ops
from fuzz.inputs import fuzz, noise
from tw.net.stream import PAUSE_BYTES
from tw.serve_options import ServeEchoOptions
from tw.services.echo import EchoService

READ_BYTES = 65_536
"""What Twisted's transports read at once: an echo holds no more than what made it pause, and one read."""


def make(reactor: Any, emit: Any) -> EchoService:
    return EchoService(reactor, ServeEchoOptions(port=0), emit)


def check(house: House) -> None:
    for guest in house.everyone:
        assert guest.buffered_bytes <= PAUSE_BYTES + READ_BYTES
        assert guest.said.startswith(guest.got)


@fuzz
@given(ops(noise()))
def test_every_byte_comes_back_and_no_more(script: list[Op]) -> None:
    with House(make, check) as house:
        house.play(script)
        house.talk(house.call(), b"good morning" * 9000, b"good morning" * 9000)
        house.settle_all()
        for guest in house.everyone:
            if guest.faithful:
                assert guest.got == guest.said
        summary = house.close()
        assert summary.connections == len(house.everyone)
        if all(guest.faithful for guest in house.everyone):
            assert summary.received_bytes == summary.sent_bytes == sum(len(guest.said) for guest in house.everyone)
