"""A pub/sub client's connection: the same lines however they are split, and deliveries in order."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from counter_memory import Keeper, TcpTransport
from pubsub_memory import FAREWELL, Client, Hub
from tw.core.fanout import FanOut
from tw.protocols.pubsub import FOR_THE_RELAY, FOR_THE_SLOW, PubSubServer

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def client(clock: Clock) -> Client:
    return Client(clock)


# What the client sends ------------------------------------------------------------------------------------------------


def outcome(pieces: list[bytes], end: Callable[[Client], None]) -> tuple[list[bytes], list[str], int]:
    clock = Clock()
    client = Client(clock)
    for piece in pieces:
        client.server.dataReceived(piece)
    end(client)
    client.lose()
    assert clock.getDelayedCalls() == []
    return client.hub.lines, client.hub.told, client.server.received_bytes


streams = st.lists(st.sampled_from([b"a", b"bc", b"\r", b"\n", b"\r\n", b"\xff", b"x" * 9, b"y" * 11])).map(b"".join)
ends = st.sampled_from([lambda client: None, lambda client: client.server.readConnectionLost()])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(streams, st.lists(st.integers(0, 60)), ends)
def test_every_split_gives_the_same_lines(data: bytes, cuts: list[int], end: Callable[[Client], None]) -> None:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:stop] for start, stop in pairwise(places)]
    assert outcome(pieces, end) == outcome([data] if data else [], end)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"one\ntwo\r\n", [b"one", b"two"]),
        (b"one\ntwo", [b"one", b"two"]),
        (b"one\rtwo\n\n", [b"one\rtwo", b""]),
        (b"end\r", [b"end\r"]),
        (b"0123456789\n", [b"0123456789"]),
        (b"", []),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_end_in_lf_or_crlf_and_the_last_one_with_its_sender(data: bytes, lines: list[bytes], size: int) -> None:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert outcome(pieces, lambda client: None) == (lines, ["leave"], len(data))


def test_a_connection_that_breaks_off_has_no_last_line(client: Client) -> None:
    client.server.dataReceived(b"whole\nhal")
    client.lose(ConnectionLost())
    assert client.hub.lines == [b"whole"]


def test_the_lines_before_one_that_is_too_long_still_count_and_nothing_after_it(clock: Clock, client: Client) -> None:
    client.server.dataReceived(b"first\n" + b"x" * 11 + b"\nnever\n")
    client.server.dataReceived(b"never\n")
    assert client.hub.told == ["too long", "leave"]
    assert client.hub.lines == [b"first"]
    assert client.transport.read() == b"first\n" + FAREWELL
    assert client.server.received_bytes == 30
    client.lose()
    assert client.hub.lines == [b"first"]


def test_a_subscriber_that_reads_slowly_is_still_read_from(client: Client) -> None:
    client.server.pauseProducing()
    assert client.transport.is_reading
    client.server.dataReceived(b"heard\n")
    assert client.hub.lines == [b"heard"]
    client.lose()


def test_who_is_held_for_two_reasons_is_read_from_when_both_are_gone(client: Client) -> None:
    states = []
    for change in (
        lambda: client.server.hold(FOR_THE_SLOW),
        lambda: client.server.hold(FOR_THE_RELAY),
        lambda: client.server.release(FOR_THE_SLOW),
        lambda: client.server.release(FOR_THE_RELAY),
    ):
        change()
        states.append((client.server.held, client.transport.producerState))
    assert states == [(True, "paused")] * 3 + [(False, "producing")]
    client.lose()


# What the client gets -------------------------------------------------------------------------------------------------


def test_what_is_there_when_it_comes_is_delivered_at_once(clock: Clock) -> None:
    hub = Hub()
    hub.fanout = FanOut(backlog_bytes=1 << 20, history_lines=2)
    hub.order(b"1", b"2", b"3")
    server, transport = PubSubServer(Keeper(), None, hub, clock), TcpTransport()
    server.makeConnection(transport)
    assert transport.read() == b"2\n3\n"
    server.connectionLost(Failure(ConnectionDone()))


def test_a_paused_subscriber_catches_up_in_order_when_it_reads_again(client: Client) -> None:
    client.transport.reads = False
    wanted = b""
    for number in range(100):
        line = b"%05d" % number + b"x" * 5000
        wanted += line + b"\n"
        client.hub.order(line)
        client.server.deliver()
    assert client.transport.largest_bytes < 65_536 * 2  # the rest waits in the log
    got = b""
    while data := client.transport.read():
        got += data
    assert got == wanted
    client.lose()


def test_nothing_is_delivered_after_the_end(client: Client) -> None:
    client.lose()
    client.hub.order(b"late")
    client.server.deliver()
    assert client.transport.read() == b""
    assert client.hub.told == ["leave"]
    assert client.keeper.ends == [client.server]
