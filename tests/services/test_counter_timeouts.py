"""The counter's patience: slow headers, slow bodies, idle connections, and clients that do not read."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.python.failure import Failure

from counter_memory import TcpTransport, get, responses
from counter_service import Running, result
from tw.events import Closed
from tw.protocols.counter import CounterServer
from tw.serve_options import ServeCounterOptions

HEADER_S, BODY_S, KEEPALIVE_S, SEND_S = 8.0, 12.0, 16.0, 20.0
LATE_S = 2.0
"""Two sweeps."""


@pytest.fixture
def running() -> Running:
    options = ServeCounterOptions(
        port=0,
        access_log=True,
        header_timeout_s=HEADER_S,
        body_timeout_s=BODY_S,
        keepalive_timeout_s=KEEPALIVE_S,
        send_timeout_s=SEND_S,
    )
    return Running(options).start()


def lived(running: Running, is_over: Callable[[], bool], each: Callable[[], None] = lambda: None) -> float:
    """Turn the clock until it is over, doing something in each quarter of a second; gives how long that took."""
    began_s = running.reactor.seconds()
    for _ in range(1000):
        if is_over():
            return running.reactor.seconds() - began_s
        each()
        running.reactor.advance(0.25)
    raise AssertionError("it is not over")


def in_time(took_s: float, limit_s: float) -> bool:
    return limit_s <= took_s <= limit_s + LATE_S


def close(running: Running, protocol: CounterServer, reason: Any = None) -> str:
    """The transport closes; gives the reason that the event tells."""
    protocol.connectionLost(Failure(reason or ConnectionDone()))
    closed = running.events[-1]
    assert isinstance(closed, Closed)
    return closed.reason


# Headers and bodies --------------------------------------------------------------------------------------------------


def test_a_header_that_comes_byte_by_byte_is_a_408(running: Running) -> None:
    protocol, transport = running.connect()
    rest = iter(get("/", "X: " + "y" * 1000))
    took_s = lived(running, lambda: transport.half_closed, lambda: protocol.dataReceived(bytes([next(rest)])))
    (answer,) = responses(transport.read())
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert answer.body == b"408 Request Timeout: the header took too long\n"
    assert in_time(took_s, HEADER_S)
    protocol.dataReceived(get())
    assert transport.read() == b""
    assert close(running, protocol) == "header timeout"
    assert running.stop().more == {"requests": 0, "errors": 1, "timeouts": 1}


def test_who_never_asks_is_closed_without_a_word(running: Running) -> None:
    """Browsers connect ahead of need: a 408 would be taken for the answer to what they ask next."""
    protocol, transport = running.connect()
    assert in_time(lived(running, lambda: transport.disconnecting), HEADER_S)
    assert transport.read() == b""
    assert close(running, protocol) == "header timeout"
    assert running.stop().more["timeouts"] == 1


def test_line_ends_alone_do_not_prolong_anything(running: Running) -> None:
    for before, limit_s in ((b"", HEADER_S), (get(), KEEPALIVE_S)):
        protocol, transport = running.connect()
        protocol.dataReceived(before)
        transport.read()
        took_s = lived(running, lambda: transport.disconnecting, lambda: protocol.dataReceived(b"\r\n"))  # noqa: B023
        assert in_time(took_s, limit_s)
        assert transport.read() == b""


def test_a_later_header_has_its_own_time(running: Running) -> None:
    protocol, transport = running.connect()
    for _ in range(5):
        protocol.dataReceived(get()[:20])
        running.reactor.advance(HEADER_S - 1)
        protocol.dataReceived(get()[20:])
    protocol.dataReceived(get()[:20])
    assert in_time(lived(running, lambda: transport.half_closed), HEADER_S)
    assert [answer.status for answer in responses(transport.read())] == [200] * 5 + [408]


def test_who_pipelines_slowly_is_never_ended_although_each_look_meets_half_a_request(running: Running) -> None:
    protocol, transport = running.connect()
    protocol.dataReceived(get()[:20])
    for _ in range(200):
        running.reactor.advance(0.5)
        protocol.dataReceived(get()[20:] + get()[:20])
    assert {answer.status for answer in responses(transport.read())} == {200}
    assert not transport.half_closed


@pytest.mark.parametrize("kind", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("method", ["GET", "POST", "BREW"])
def test_a_body_that_comes_byte_by_byte_is_a_408(running: Running, kind: str, method: str) -> None:
    protocol, transport = running.connect()
    protocol.dataReceived(get("/", kind, method=method))
    piece = b"a" if "Length" in kind else b"1\r\na\r\n"
    took_s = lived(running, lambda: transport.half_closed, lambda: protocol.dataReceived(piece))
    assert [answer.status for answer in responses(transport.read())] == [408]
    assert in_time(took_s, BODY_S)
    assert close(running, protocol) == "body timeout"


def test_an_unknown_method_without_an_end_is_a_408_too(running: Running) -> None:
    protocol, transport = running.connect()
    protocol.dataReceived(get() + b"BRE")
    assert in_time(lived(running, lambda: transport.half_closed), HEADER_S)
    assert [answer.status for answer in responses(transport.read())] == [200, 408]


# Idle connections ----------------------------------------------------------------------------------------------------


def test_an_idle_connection_is_closed_without_a_word_and_without_being_counted(running: Running) -> None:
    protocol, transport = running.connect()
    for _ in range(4):
        protocol.dataReceived(get())
        running.reactor.advance(KEEPALIVE_S - 1)
        assert not transport.disconnecting
    transport.read()
    protocol.dataReceived(get())
    assert in_time(lived(running, lambda: transport.disconnecting), KEEPALIVE_S)
    assert len(responses(transport.read())) == 1
    assert close(running, protocol) == "keep-alive timeout"
    assert running.stop().more == {"requests": 5, "errors": 0, "timeouts": 0}


# Clients that do not read --------------------------------------------------------------------------------------------


def stall(protocol: CounterServer, transport: TcpTransport) -> None:
    transport.reads = False
    protocol.dataReceived(get() * 3000)
    assert not transport.is_reading


def test_a_client_that_takes_nothing_is_cut_off(running: Running) -> None:
    protocol, transport = running.connect()
    stall(protocol, transport)
    assert in_time(lived(running, lambda: transport.aborted), SEND_S)
    assert close(running, protocol, ConnectionAborted()) == "send timeout"
    assert running.stop().more["timeouts"] == 1


def test_a_client_that_takes_a_little_is_not(running: Running) -> None:
    protocol, transport = running.connect()
    stall(protocol, transport)
    for _ in range(20):
        running.reactor.advance(SEND_S - 1)
        left = transport.value()[1:]
        transport.clear()
        transport.io.write(left)
    assert not transport.aborted


def test_what_a_stalled_client_has_begun_is_not_held_against_it(running: Running) -> None:
    """It is not read from, so that nothing of it can come."""
    protocol, transport = running.connect()
    stall(protocol, transport)
    assert protocol._requests.begun
    running.reactor.advance(HEADER_S + LATE_S)
    assert (transport.aborted, transport.half_closed) == (False, False)


def test_a_refused_client_that_does_not_read_is_cut_off_in_the_end(running: Running) -> None:
    protocol, transport = running.connect()
    transport.reads = False
    protocol.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    assert transport.half_closed
    assert in_time(lived(running, lambda: transport.aborted), SEND_S)
    assert close(running, protocol, ConnectionAborted()) == "send timeout"


def test_a_peer_that_never_answers_the_end_is_cut_off(running: Running) -> None:
    """Over TLS a connection ends when its peer has said so too."""
    protocol, transport = running.connect()
    transport.TLS = True
    protocol.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    assert transport.disconnecting
    assert in_time(lived(running, lambda: transport.aborted), 4.0)
    assert close(running, protocol, ConnectionAborted()) == "aborted"
    assert running.stop().more["timeouts"] == 0


# The sweep -----------------------------------------------------------------------------------------------------------


def test_without_connections_there_is_no_timer(running: Running) -> None:
    assert running.reactor.getDelayedCalls() == []
    running.ask(get())
    running.reactor.advance(2)
    assert running.reactor.getDelayedCalls() == []
    protocol, _ = running.connect()
    assert len(running.reactor.getDelayedCalls()) == 1
    protocol.connectionLost(Failure(ConnectionDone()))
    running.reactor.advance(2)
    assert running.reactor.getDelayedCalls() == []


def test_a_thousand_connections_and_requests_share_one_timer(running: Running) -> None:
    connected = [running.connect() for _ in range(1000)]
    for protocol, _ in connected:
        protocol.dataReceived(get() + get()[:20])
    assert len(running.reactor.getDelayedCalls()) == 1
    running.reactor.advance(0)
    for _ in range(int(4 * (HEADER_S + LATE_S))):
        running.reactor.advance(0.25)
    assert all(transport.half_closed for _, transport in connected)


def test_waits_are_ended_while_the_server_stops_and_no_timer_is_left(running: Running) -> None:
    protocol, transport = running.connect()
    protocol.dataReceived(get()[:20])
    stopped = ensureDeferred(running.service.stop())
    running.reactor.advance(1)
    protocol.dataReceived(get()[20:])
    protocol.connectionLost(Failure(ConnectionDone()))
    assert result(stopped).more["requests"] == 1
    assert running.reactor.getDelayedCalls() == []
    assert len(responses(transport.read())) == 1
