"""The counter's connections at their end: drained, refused, lost."""

import pytest
from twisted.internet.error import ConnectionLost

from counter_memory import Rig, StingyNumbers, get, responses
from counter_stalls import BAD, REQUEST, stalled

# Draining ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [b"", REQUEST, b"\r\n", REQUEST + b"\r\n"])
def test_an_idle_connection_is_drained_at_once(before: bytes) -> None:
    rig = Rig()
    rig.send(before)
    rig.server.drain()
    assert rig.closed
    rig.send(REQUEST)
    assert rig.site.requests == before.count(REQUEST)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("at", [1, 20, -1])
def test_a_request_under_way_is_answered_and_is_the_last(version: str, at: int) -> None:
    rig = Rig()
    request = get("/", "Connection: keep-alive", version=version)
    rig.send(request[:at])
    rig.server.drain()
    assert not rig.closed
    (answer,) = rig.ask(request[at:] + REQUEST)
    assert (answer.number, answer.headers["connection"]) == (1, "close")
    assert rig.closed


def test_a_post_under_way_is_refused_and_is_the_last() -> None:
    rig = Rig()
    rig.send(get("/", "Content-Length: 3", method="POST"))
    rig.server.drain()
    (answer,) = rig.ask(b"abc")
    assert (answer.status, answer.headers["connection"]) == (405, "close")


def test_an_unknown_method_under_way_is_waited_for() -> None:
    rig = Rig()
    rig.send(b"BR")
    rig.server.drain()
    (answer,) = rig.ask(b"EW / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (answer.status, answer.headers["connection"]) == (501, "close")


def test_a_client_that_stalls_is_drained_as_soon_as_it_reads() -> None:
    rig = Rig()
    stalled(rig)
    rig.server.drain()
    assert not rig.closed
    last = responses(rig.transport.read() + rig.transport.read())[-1]
    assert last.headers["connection"] == "close"
    assert rig.closed


def test_a_refused_client_is_not_heard_out_in_a_drain() -> None:
    rig = Rig()
    rig.send(BAD)
    rig.server.drain()
    assert rig.closed


def test_a_503_keeps_the_connection() -> None:
    rig = Rig(StingyNumbers(0))
    assert [a.status for a in rig.ask(REQUEST)] == [503]
    assert not rig.closed


# The end -------------------------------------------------------------------------------------------------------------


def test_a_lost_connection_takes_no_number_and_says_so_once() -> None:
    rig = Rig()
    rig.send(REQUEST[:-1])
    rig.lose(ConnectionLost())
    rig.send(REQUEST[-1:])
    assert rig.keeper.ends == [rig.server]
    assert rig.site.requests == 0
    assert rig.server.received_bytes == len(REQUEST)


def test_a_connection_that_is_lost_while_it_stalls_forgets_what_it_held() -> None:
    rig = Rig()
    stalled(rig)
    taken = rig.site.requests
    rig.lose()
    rig.server.resumeProducing()
    assert rig.site.requests == taken
    assert rig.server._held == b""


def test_bytes_are_counted_both_ways() -> None:
    rig = Rig()
    rig.send(REQUEST * 2)
    assert rig.server.received_bytes == 2 * len(REQUEST)
    assert rig.server.stream.sent_bytes == len(rig.transport.read())
