"""Connections on which nothing moves are closed in the stated time, and no others."""

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counter_memory import get
from served import Served, Visitor
from sockets import HandReactor
from tw.events import Closed
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServePubSubOptions
from tw.services.counter import CounterService
from tw.services.echo import EchoService
from tw.services.idle import LONGEST_LOOK_S, LOOKS
from tw.services.pubsub import PubSubService

pytestmark = pytest.mark.usefixtures("quiet")

TIMEOUT_S = 8.0
LATE_S = TIMEOUT_S / 4


def started(kind: str = "echo", idle_timeout_s: float | None = TIMEOUT_S) -> Served:
    common: dict[str, Any] = {"port": 0, "access_log": True, "idle_timeout_s": idle_timeout_s}

    def make(reactor: Any, emit: Any) -> Any:
        if kind == "counter":
            return CounterService(reactor, ServeCounterOptions(**common), emit)
        if kind == "pubsub":
            return PubSubService(reactor, ServePubSubOptions(**common), emit)
        return EchoService(reactor, ServeEchoOptions(**common), emit)

    return Served(make, HandReactor()).start()


def pass_s(served: Served, seconds: float, step_s: float = 0.125) -> None:
    """Let time pass, while every visitor reads."""
    for _ in range(round(seconds / step_s)):
        served.reactor.advance(step_s)
        for visitor in served.visitors:
            visitor.reads()
        served.settle()


def reasons(served: Served) -> list[str]:
    return [event.reason for event in served.events if isinstance(event, Closed)]


@pytest.mark.parametrize("kind", ["echo", "counter", "pubsub"])
def test_a_connection_that_never_says_a_word_is_closed(kind: str) -> None:
    served = started(kind)
    visitor = served.visit()
    pass_s(served, TIMEOUT_S - 0.5)
    assert visitor.there
    pass_s(served, LATE_S + 0.5)
    assert not visitor.there
    assert reasons(served) == ["idle"]
    assert served.reactor.getDelayedCalls() == []  # nobody is left to look at
    assert served.stop().idle == 1


def test_whoever_says_something_in_time_stays() -> None:
    served = started()
    busy, silent = served.visit(1), served.visit(2)
    for _ in range(5):
        pass_s(served, TIMEOUT_S - 0.5)
        busy.says(b".")
    assert busy.there
    assert not silent.there
    pass_s(served, TIMEOUT_S + LATE_S)
    assert not busy.there
    assert served.stop().idle == 2


def test_a_subscriber_that_gets_lines_is_not_idle_and_one_that_gets_none_is() -> None:
    served = started("pubsub")
    publisher, subscriber = served.visit(1), served.visit(2)
    for _ in range(5):
        pass_s(served, TIMEOUT_S - 0.5)
        publisher.says(b"news\n")
        served.settle()
    assert [visitor.there for visitor in (publisher, subscriber)] == [True, True]
    pass_s(served, TIMEOUT_S + LATE_S)
    assert [visitor.there for visitor in (publisher, subscriber)] == [False, False]
    served.stop()


def test_a_subscriber_abreast_of_the_others_counts_what_they_are_sent_together() -> None:
    """Real sockets are abreast; what each is sent is then not counted for each."""
    served = started("pubsub")
    place = ("127.0.0.1", served.listening[0].port or 0)
    with socket.create_connection(place) as publisher, socket.create_connection(place) as subscriber:
        subscriber.settimeout(30)
        served.reactor.turns()
        got = b""
        for _ in range(5):
            pass_s(served, TIMEOUT_S - 0.5)
            publisher.send(b"news\n")
            served.reactor.turns()
            got += subscriber.recv(1000)
        connections = served.service.listener.connections.values()
        assert [connection.abreast for connection in connections] == [True, True]
        assert got.count(b"news\n") == 5
        pass_s(served, TIMEOUT_S + LATE_S)
        assert subscriber.recv(1000) == b""
    served.reactor.turns()
    assert reasons(served) == ["idle", "idle"]
    assert served.stop().idle == 2


def test_a_kept_alive_connection_of_the_counter_is_closed_between_requests() -> None:
    served = started("counter")
    visitor = served.visit()
    pass_s(served, TIMEOUT_S - 0.5)
    visitor.says(get())
    pass_s(served, TIMEOUT_S - 0.5)
    assert visitor.there
    pass_s(served, LATE_S + 0.5)
    assert not visitor.there
    assert served.stop().idle == 1


def test_who_stops_in_the_middle_of_a_request_is_cut_off_at_the_next_look() -> None:
    served = started("counter")
    visitor = served.visit()
    visitor.says(b"GET / HT")
    pass_s(served, TIMEOUT_S + LATE_S + TIMEOUT_S / LOOKS)
    assert not visitor.there
    assert reasons(served) == ["idle"]
    served.stop()


def test_who_reads_nothing_is_cut_off() -> None:
    """Closing would wait for ever for what is written to be read."""
    served = started()
    stuck = served.visit()
    stuck.says(b"never read")
    for _ in range(200):
        served.reactor.advance(0.125)
        served.settle()
    assert not stuck.there
    assert stuck.transport.aborted
    assert reasons(served) == ["idle"]
    assert served.stop().idle == 1


def test_a_reason_that_was_there_before_stays() -> None:
    served = started()
    visitor = served.visit()
    visitor.says(b"unread")
    visitor.protocol.close_reason = "too slow"
    visitor.protocol.stream.close()
    for _ in range(200):
        served.reactor.advance(0.125)
        served.settle()
    assert reasons(served) == ["too slow"]
    served.stop()


def test_without_a_timeout_nobody_is_looked_at() -> None:
    served = started(idle_timeout_s=None)
    visitor = served.visit()
    assert served.reactor.getDelayedCalls() == []
    pass_s(served, 100, 1)
    assert visitor.there
    assert served.stop().idle == 0


def test_a_long_timeout_is_not_much_later() -> None:
    served = started(idle_timeout_s=3600)
    visitor = served.visit()
    pass_s(served, 3599, 1)
    assert visitor.there
    pass_s(served, 1 + 2 * LONGEST_LOOK_S, 1)
    assert not visitor.there
    served.stop()


@given(gaps=st.lists(st.floats(0.01, 20), min_size=1, max_size=10), timeout_s=st.sampled_from([0.1, 1.0, 7.3, 16.0]))
def test_it_closes_after_the_timeout_and_at_most_a_quarter_later(gaps: list[float], timeout_s: float) -> None:
    served = started(idle_timeout_s=timeout_s)
    visitor: Visitor = served.visit()
    moved_at_s = served.reactor.seconds()
    step_s = timeout_s / 50
    for gap in [*gaps, 4 * timeout_s]:
        until_s = served.reactor.seconds() + gap
        while visitor.there and served.reactor.seconds() < until_s:
            served.reactor.advance(step_s)
            visitor.reads()
            served.settle()
        silence_s = served.reactor.seconds() - moved_at_s
        if not visitor.there:
            assert timeout_s * 0.999 <= silence_s <= timeout_s * 1.25 + 2 * step_s
            break
        assert silence_s <= timeout_s * 1.25 + 2 * step_s
        visitor.says(b".")
        moved_at_s = served.reactor.seconds()
    assert not visitor.there
    served.stop()


def test_whom_the_server_itself_holds_is_not_idle() -> None:
    served = started()
    visitor = served.visit()
    connection = served.service.listener.connections[1]
    connection.held = True
    pass_s(served, 3 * TIMEOUT_S)
    assert visitor.there
    connection.held = False
    pass_s(served, TIMEOUT_S + LATE_S)
    assert not visitor.there
    served.stop()
