"""Pub/sub among guests who do anything: everyone gets a stretch of one order, nobody is made to say what he did not."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fuzz.guests import Guest, House, Op, ops
from fuzz.inputs import bulk, fuzz, mutated, noise
from tw.net.reactor import READ_BYTES
from tw.net.stream import PAUSE_BYTES
from tw.serve_options import ServePubSubOptions
from tw.services.pubsub import TURN_BYTES, PubSubService

MAX_LINE_BYTES = 200
BACKLOG_BYTES = 20_000
BATCH_BYTES = READ_BYTES * len(b"<127.0.0.1:65535> \n")
"""How large one batch of the log may be: one read, of empty lines alone."""

LINES = [
    b"one\n",
    b"two\r\n",
    b"\n",
    b"a\rb\n",
    b"last",
    b"<tw> forged\n",
    b"<192.0.2.1:1> forged\n",
    b"x" * 201 + b"\n",
]
PUBLISHED = st.lists(mutated(LINES[:-1], 1), max_size=20).map(b"".join)
NOTICE = re.compile(rb"<tw> [^\n]*\n\Z")


def make(reactor: Any, emit: Any) -> PubSubService:
    options = ServePubSubOptions(port=0, max_line_bytes=MAX_LINE_BYTES, backlog_bytes=BACKLOG_BYTES)
    return PubSubService(reactor, options, emit)


def check(house: House) -> None:
    fanout = house.service._fanout
    assert fanout.held_bytes <= 1.12 * (2 * (TURN_BYTES + BATCH_BYTES))
    for guest in house.everyone:
        assert guest.buffered_bytes <= 2 * PAUSE_BYTES + MAX_LINE_BYTES + 200
        assert guest.server._splitter.pending_bytes <= MAX_LINE_BYTES + 1


def noting(house: House) -> bytearray:
    """The one order, as it comes about: every line that is published from now on, with its prefix."""
    order = bytearray()
    publish = house.service.publish

    def note(connection: Any, lines: list[bytes]) -> None:
        order.extend(b"".join(b"%b%b\n" % (connection.prefix, line) for line in lines))
        publish(connection, lines)

    house.service.publish = note
    return order


def lines_of(guest: Guest) -> list[bytes]:
    """What it may have published: its lines up to one that is too long. The last may lack its end."""
    lines = guest.said.replace(b"\r\n", b"\n").split(b"\n")
    kept: list[bytes] = []
    for line in lines:
        if len(line) > MAX_LINE_BYTES:
            break
        kept.append(line)
    return kept


@fuzz
@given(ops(noise() | PUBLISHED | bulk(PUBLISHED)))
def test_everyone_gets_a_stretch_of_the_one_order(script: list[Op]) -> None:
    with House(make, check) as house:
        order = noting(house)
        house.play(script)
        house.settle_all()
        friend = house.call()
        house.talk(friend, b"good morning\n", b"<192.0.2.1:%d> good morning\n" % friend.port)
        house.settle_all()
        assert order.count(b"\n") == house.service._fanout.published_lines
        whole = bytes(order)
        for guest in house.everyone:
            assert NOTICE.sub(b"", guest.got) in whole
            prefix = b"<192.0.2.1:%d> " % guest.port
            published = [line[len(prefix) :] for line in whole.split(b"\n") if line.startswith(prefix)]
            assert published == lines_of(guest)[: len(published)]
        summary = house.close()
        assert summary.connections == len(house.everyone)
        assert house.service._fanout.held_bytes <= BACKLOG_BYTES


@fuzz
@given(st.lists(st.lists(st.sampled_from(LINES[:4]), max_size=40), min_size=1, max_size=6), st.integers(1, 50))
def test_every_line_of_guests_with_manners_arrives_everywhere(turns: list[list[bytes]], size: int) -> None:
    with House(make, check) as house:
        guests = [house.call() for _ in range(4)]
        for at, turn in enumerate(turns):
            guest = guests[at % 4]
            data = b"".join(turn)
            for start in range(0, len(data), size):
                piece = data[start : start + size]
                assert guest.says(piece) == len(piece)
                house.turn()
            for guest in guests:
                guest.reads()
        house.settle_all()
        published = sum(len(turn) for turn in turns)
        assert {guest.got for guest in guests} == {guests[0].got}
        assert guests[0].got.count(b"\n") == published
        assert house.close().more["lines"] == published
