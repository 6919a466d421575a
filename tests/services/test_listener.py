"""The listener holds every connection: it tells of each, sums them up, and drains them all in time."""

import os
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.defer import ensureDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from running import Running
from served import Served, Visitor
from sockets import HandReactor
from tw.events import Closed, Opened, Refused
from tw.serve_options import ServeEchoOptions as Options
from tw.services.echo import EchoService

pytestmark = pytest.mark.usefixtures("quiet")


def started(options: Options | None = None) -> Served:
    options = options or Options(port=0, access_log=True)
    return Served(lambda reactor, emit: EchoService(reactor, options, emit), HandReactor()).start()


# What is told of a connection -----------------------------------------------------------------------------------------


def test_the_access_log_tells_of_the_beginning_and_the_end() -> None:
    served = started()
    served.reactor.advance(2)
    visitor = served.visit(port=77)
    served.reactor.advance(3)
    visitor.says(b"12345")
    assert visitor.reads() == b"12345"
    visitor.leaves()
    assert served.events == [
        Opened(id=1, peer="192.0.2.1:77"),
        Closed(id=1, peer="192.0.2.1:77", reason="closed", received_bytes=5, sent_bytes=5, duration_s=3.0),
    ]
    served.stop()


def test_connections_are_numbered_and_a_unix_peer_is_its_number() -> None:
    served = started()
    factory = served.service.listener.ports[0].factory
    served.visit()
    visitors = [Visitor(factory, UNIXAddress(None)), Visitor(factory, IPv6Address("TCP", "::1", 5))]
    assert served.events == [
        Opened(id=1, peer="192.0.2.1:5"),
        Opened(id=2, peer="unix:2"),
        Opened(id=3, peer="[::1]:5"),
    ]
    for visitor in visitors:
        visitor.leaves()
    served.stop()


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (ConnectionDone(), "closed"),
        (ConnectionAborted(), "aborted"),
        (ConnectionLost(), "lost"),
        (SSL.Error([("SSL routines", "", "http request")]), "TLS: http request"),
        (RuntimeError("odd\x1b"), "odd\\x1b"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_the_reason_of_an_end_is_told(end: Exception, reason: str) -> None:
    served = started()
    served.visit().leaves(end)
    closed = served.events[-1]
    assert isinstance(closed, Closed)
    assert closed.reason == reason
    served.stop()


def test_a_reason_of_the_servers_own_goes_first() -> None:
    served = started()
    visitor = served.visit()
    visitor.protocol.close_reason = "too slow"
    visitor.leaves(ConnectionAborted())
    closed = served.events[-1]
    assert isinstance(closed, Closed)
    assert closed.reason == "too slow"
    served.stop()


def test_without_an_access_log_nothing_is_told_and_all_is_counted() -> None:
    served = started(Options(port=0))
    for size in (10, 20):
        visitor = served.visit()
        visitor.says(bytes(size))
        visitor.leaves()
    served.reactor.advance(4)
    assert served.events == []
    summary = served.stop()
    assert (summary.service, summary.connections, summary.duration_s) == ("echo", 2, 4.0)
    assert (summary.received_bytes, summary.sent_bytes, summary.refused, summary.cut_off) == (30, 30, 0, 0)


def test_an_end_that_is_told_twice_counts_once() -> None:
    served = started()
    visitor = served.visit()
    visitor.says(b"once")
    visitor.leaves()
    told = len(served.events)
    visitor.protocol.connectionLost(Failure(ConnectionDone()))
    assert len(served.events) == told
    assert served.stop().received_bytes == 4


def test_who_is_refused_is_told_and_counted_even_without_an_access_log() -> None:
    served = started(Options(port=0))
    served.service.listener.refuse(served.visit(port=9).protocol, "no room")
    assert served.events == [Refused(peer="192.0.2.1:9", reason="no room")]
    assert served.stop().refused == 1


# Draining -------------------------------------------------------------------------------------------------------------


def test_nobody_there_is_nobody_to_wait_for() -> None:
    assert started().stop().connections == 0


def test_idle_connections_close_at_once() -> None:
    served = started()
    visitors = [served.visit(), served.visit()]
    assert served.stop().cut_off == 0  # on a clock that has not moved
    assert [visitor.there for visitor in visitors] == [False, False]


def test_nobody_is_let_in_while_it_stops() -> None:
    served = started()
    visitor = served.visit()
    factory = served.service.listener.ports[0].factory
    visitor.transport.write(b"not read yet")
    stopping = served.stopping()
    assert not stopping.over
    assert factory.buildProtocol(None) is None
    visitor.reads()
    served.settle()
    assert stopping.result.connections == 1


def test_the_stop_waits_for_what_is_written_and_no_longer() -> None:
    served = started(Options(port=0, drain_timeout_s=5.0))
    slow, quick = served.visit(), served.visit()
    slow.says(b"on its way")
    stopping = served.stopping()
    assert not quick.there
    assert slow.there
    served.reactor.advance(4.9)
    assert not stopping.over
    assert slow.reads() == b"on its way"
    served.settle()
    assert stopping.result.cut_off == 0
    assert served.reactor.getDelayedCalls() == []


def test_who_does_not_read_is_cut_off_when_the_time_is_over() -> None:
    served = started(Options(port=0, drain_timeout_s=5.0, access_log=True))
    stuck = served.visit()
    stuck.says(b"never read")
    stopping = served.stopping()
    served.reactor.advance(5.0)
    assert stuck.transport.aborted
    assert not stopping.over  # the transport has not told yet
    served.settle()
    assert stopping.result.cut_off == 1
    closed = served.events[-1]
    assert isinstance(closed, Closed)
    assert closed.reason == "drain timeout"
    assert served.reactor.getDelayedCalls() == []


def test_a_port_that_closes_at_once_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of a plugin's endpoint may."""
    reactor = MemoryReactorClock()  # its ports give no Deferred
    monkeypatch.setattr(
        "tw.services.ports.server_endpoint", lambda reactor, text: TCP4ServerEndpoint(reactor, 7, interface="::1")
    )
    events: list[Any] = []
    service = EchoService(reactor, Options(listen=("plugin:7",)), events.append)
    (told,) = Running(ensureDeferred(service.start())).result
    assert (told.pid, told.port) == (os.getpid(), 7)
    assert Running(ensureDeferred(service.stop())).result.connections == 0
