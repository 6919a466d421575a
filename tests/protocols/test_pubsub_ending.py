"""Every way in which a pub/sub client's connection ends: half-close, farewell, expulsion, drain; and its deadlines."""

import pytest
from twisted.internet.error import ConnectionAborted
from twisted.internet.task import Clock

from pubsub_memory import FAREWELL, Client
from tw.protocols.pubsub import LINGER_S

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def client(clock: Clock) -> Client:
    return Client(clock)


def test_a_publisher_that_half_closes_gets_what_was_ordered_and_then_the_end(client: Client) -> None:
    client.transport.reads = False
    client.server.dataReceived(b"mine\nno end")
    client.hub.order(b"x" * 70_000)
    client.server.deliver()
    client.hub.order(b"another's")
    client.server.readConnectionLost()
    client.hub.order(b"later")
    assert client.hub.lines == [b"mine", b"no end"]
    assert not client.transport.disconnecting  # it has not been sent yet
    got = client.transport.read() + client.transport.read()
    assert got == b"mine\nno end\n".replace(b"no end\n", b"x" * 70_000 + b"\nanother's\nno end\n")
    assert client.transport.disconnecting
    client.lose()
    assert client.hub.lines == [b"mine", b"no end"]


def test_a_silent_subscriber_that_half_closes_stays(client: Client) -> None:
    client.server.readConnectionLost()
    assert client.hub.told == ["half-closed"]
    client.hub.order(b"on and on")
    client.server.deliver()
    assert client.transport.read() == b"on and on\n"
    assert not client.transport.disconnecting
    client.lose()


def test_a_farewell_comes_last_and_its_reader_is_given_time(clock: Clock, client: Client) -> None:
    client.hub.order(b"ordered")
    client.server.finish(FAREWELL, "because")
    client.server.finish(b"again\n", "another reason")
    assert client.transport.read() == b"ordered\n" + FAREWELL
    client.server.deliver()  # as the hub does at the end of a turn
    assert client.transport.read() == b""
    assert client.server.close_reason == "because"
    assert client.transport.half_closed  # closing outright would reset the connection under what it still sends
    assert not client.transport.disconnecting
    client.server.readConnectionLost()
    assert client.transport.disconnecting
    client.lose()


def test_who_does_not_read_its_farewell_is_cut_off(clock: Clock, client: Client) -> None:
    client.server.finish(FAREWELL)
    clock.advance(LINGER_S - 0.1)
    assert not client.transport.aborted
    clock.advance(0.1)
    assert client.transport.aborted
    client.lose(ConnectionAborted())


@pytest.mark.parametrize("farewell", [FAREWELL, b""])
def test_who_is_told_to_go_is_cut_off_with_a_backlog_that_it_never_reads(
    clock: Clock, client: Client, farewell: bytes
) -> None:
    client.transport.reads = False
    client.hub.order(b"x" * 70_000)
    client.server.deliver()
    client.hub.order(b"in the log")
    client.server.finish(farewell, "line too long")
    clock.advance(LINGER_S - 0.1)
    assert not client.transport.aborted
    clock.advance(0.1)
    assert client.transport.aborted
    client.lose(ConnectionAborted())


def test_who_is_told_to_go_without_a_word_is_cut_off_while_it_is_being_closed(clock: Clock, client: Client) -> None:
    client.server.finish(b"", "line too long")
    assert client.transport.disconnecting
    clock.advance(LINGER_S)
    assert client.transport.aborted
    client.lose(ConnectionAborted())


def test_without_a_farewell_it_is_simply_closed(clock: Clock, client: Client) -> None:
    client.hub.order(b"ordered")
    client.server.finish()
    assert client.transport.read() == b"ordered\n"
    assert client.transport.disconnecting
    assert not client.transport.half_closed
    assert clock.getDelayedCalls() == []
    client.lose()


def test_over_tls_a_farewell_is_followed_by_the_close(clock: Clock) -> None:
    client = Client(clock, tls=True)
    client.server.finish(FAREWELL)
    assert client.transport.read() == FAREWELL
    assert client.transport.disconnecting
    assert not client.transport.half_closed
    client.lose()


def test_an_expelled_client_loses_its_backlog_and_is_told_last(clock: Clock, client: Client) -> None:
    client.transport.reads = False
    client.hub.order(b"x" * 70_000)
    client.server.deliver()
    client.hub.order(b"lost")
    client.server.expel(FAREWELL, "slow consumer")
    assert client.hub.told == ["leave"]
    assert client.server.close_reason == "slow consumer"
    client.server.dataReceived(b"unheard\n")
    client.server.finish(b"never\n")
    assert client.transport.read() == b"x" * 70_000 + b"\n" + FAREWELL
    assert client.transport.half_closed
    assert client.transport.read() == b""
    assert client.hub.lines == []
    clock.advance(LINGER_S)
    assert client.transport.aborted
    client.lose(ConnectionAborted())


def test_a_half_closed_client_that_is_expelled_need_not_close_once_more(clock: Clock, client: Client) -> None:
    client.server.readConnectionLost()
    client.server.expel(FAREWELL, "slow consumer")
    assert client.transport.read() == FAREWELL
    assert client.transport.disconnecting
    client.lose()


def test_an_expelled_client_without_a_farewell_is_cut_off_as_well(clock: Clock, client: Client) -> None:
    client.transport.reads = False
    client.hub.order(b"x" * 70_000)
    client.server.deliver()
    client.server.expel(b"", "slow consumer")
    assert client.transport.disconnecting
    clock.advance(LINGER_S)
    assert client.transport.aborted
    client.lose(ConnectionAborted())


def test_draining_sends_what_is_ordered_and_reads_on_until_the_close(client: Client) -> None:
    """Reading goes on: over TLS the peer's answer to the close must be seen, and TCP would reset what is unread."""
    client.hub.order(b"ordered")
    client.server.drain()
    assert client.transport.read() == b"ordered\n"
    assert client.transport.disconnecting
    assert client.transport.is_reading
    client.server.dataReceived(b"too late\n")
    assert client.hub.lines == []
    assert client.server.close_reason == "drained"
    client.lose()


def test_a_line_that_had_not_ended_when_the_server_parted_is_not_published(client: Client) -> None:
    client.server.dataReceived(b"half a li")
    client.server.drain()
    client.lose()
    assert client.hub.lines == []


def test_draining_waits_for_a_reader_that_is_behind(client: Client) -> None:
    client.transport.reads = False
    client.hub.order(b"x" * 70_000)
    client.server.deliver()
    client.hub.order(b"y")
    client.server.drain()
    assert not client.transport.disconnecting
    assert client.transport.read() + client.transport.read() == b"x" * 70_000 + b"\ny\n"
    assert client.transport.disconnecting
    client.lose()


def test_a_stop_does_not_wait_for_who_has_been_told_and_does_not_leave(clock: Clock, client: Client) -> None:
    client.server.finish(FAREWELL, "line too long")
    assert client.transport.half_closed
    client.server.writeConnectionLost()
    client.server.drain()
    assert client.transport.disconnecting
    assert not client.transport.aborted
    assert client.server.close_reason == "line too long"
    client.lose()
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("tls", [False, True])
def test_a_stop_aborts_who_does_not_take_its_farewell(clock: Clock, tls: bool) -> None:
    client = Client(clock, tls=tls)
    client.server.finish(FAREWELL, "line too long")
    client.server.drain()
    assert client.transport.aborted
    client.lose(ConnectionAborted())


def test_a_stop_lets_who_goes_by_itself_take_what_is_under_way(client: Client) -> None:
    client.server.dataReceived(b"mine\n")
    client.server.readConnectionLost()
    client.server.drain()
    assert client.transport.read() == b"mine\n"
    assert client.transport.disconnecting
    assert not client.transport.aborted
    client.lose()
