"""Who is let in: limits by number, by host and by network, and what is told of those who are not."""

import socket

import pytest

from admitted import Guests
from sockets import HandReactor
from tw.errors import UsageError
from tw.events import Refused
from tw.serve_options import ServeEchoOptions
from tw.services.admission import Admission

pytestmark = pytest.mark.usefixtures("quiet")

# By number ------------------------------------------------------------------------------------------------------------


def test_one_too_many_is_refused_told_and_counted_until_another_leaves() -> None:
    guests = Guests(max_connections=2)
    first = guests.comes("192.0.2.1")
    assert first is not None
    assert guests.lets_in("192.0.2.2")
    assert not guests.lets_in("192.0.2.3")
    assert guests.refused == [Refused(peer="192.0.2.3:5", reason="too many connections (max 2)")]
    first.leaves()
    assert guests.lets_in("192.0.2.3")
    summary = guests.stop()
    assert (summary.connections, summary.refused) == (3, 1)
    assert summary.refusals == {"too many connections (max 2)": 1}


def test_a_unix_peer_counts_as_any_and_is_told_without_a_number() -> None:
    guests = Guests(max_connections=1)
    assert guests.lets_in(None)
    assert not guests.lets_in(None)
    assert [event.peer for event in guests.refused] == ["unix:0"]
    guests.stop()


def test_an_end_that_is_told_twice_makes_room_once() -> None:
    guests = Guests(max_connections=2)
    first, second = guests.comes("192.0.2.1"), guests.comes("192.0.2.1")
    assert first is not None
    assert second is not None
    first.leaves()
    first.leaves()
    assert guests.lets_in("192.0.2.1")
    assert not guests.lets_in("192.0.2.1")
    guests.stop()


def test_who_waits_is_not_accepted_and_comes_in_when_one_leaves() -> None:
    guests = Guests(max_connections=2, on_full="wait")
    one, two, three, four = (guests.knocks() for _ in range(4))
    assert guests.open == 2
    three.send(b"me too")
    one.close()
    guests.turns()
    assert guests.open == 2
    assert three.recv(100) == b"me too"
    with pytest.raises(BlockingIOError):
        four.recv(1)
    two.close()
    guests.turns()
    assert guests.open == 2
    assert guests.refused == []
    summary = guests.stop()
    assert (summary.connections, summary.refused) == (4, 0)
    assert summary.accept_pauses >= 2


def test_a_full_server_that_waits_uses_no_time_for_it_and_stops_as_any() -> None:
    guests = Guests(max_connections=1, on_full="wait")
    guests.knocks()
    guests.knocks()
    port = guests.served.service.listener.ports[0]
    assert port not in guests.served.reactor.getReaders()
    assert guests.served.reactor.getDelayedCalls() == []
    assert guests.stop().connections >= 1


def test_where_no_gate_stands_who_should_wait_is_refused() -> None:
    """A plugin's port, or a peer that is known only after it was accepted (PROXY)."""
    guests = Guests(max_connections=1, on_full="wait")
    assert guests.lets_in("192.0.2.1")
    assert not guests.lets_in("192.0.2.2")
    guests.stop()


def test_those_who_are_no_connections_yet_take_a_place() -> None:
    admission = Admission(HandReactor(), ServeEchoOptions(max_connections=2))
    admission.entered("192.0.2.1")
    assert admission.refusal("192.0.2.1") is None
    admission.beside = lambda: 1
    assert admission.refusal("192.0.2.1") == "too many connections (max 2)"


# By host --------------------------------------------------------------------------------------------------------------


def test_one_host_may_have_so_many_and_others_are_not_concerned() -> None:
    guests = Guests(max_per_host=2)
    first = guests.comes("192.0.2.1")
    assert first is not None
    assert guests.lets_in("::ffff:192.0.2.1")  # the same, on a listener of `::`
    assert not guests.lets_in("192.0.2.1")
    assert guests.lets_in("192.0.2.2")
    assert [event.reason for event in guests.refused] == ["too many connections of one host (max 2)"]
    first.leaves()
    assert guests.lets_in("192.0.2.1")
    guests.stop()


def test_all_addresses_of_an_ipv6_64_are_one_host() -> None:
    guests = Guests(max_per_host=1)
    assert guests.lets_in("2001:db8:1:2::1")
    assert not guests.lets_in("2001:db8:1:2:ffff::1")
    assert guests.lets_in("2001:db8:1:3::1")
    guests.stop()


def test_unix_peers_are_no_host() -> None:
    guests = Guests(max_per_host=1)
    assert all(guests.lets_in(None) for _ in range(3))
    guests.stop()


def test_a_host_that_has_left_is_forgotten() -> None:
    """Else a month of passers-by would be kept."""
    guests = Guests(max_per_host=1)
    for number in range(100):
        visitor = guests.comes(f"192.0.2.{number}")
        assert visitor is not None
        visitor.leaves()
    assert guests.served.service.listener.admission._per_host == {}
    guests.stop()


# By network -----------------------------------------------------------------------------------------------------------


def test_with_an_allow_everyone_else_is_turned_away_but_unix_peers() -> None:
    guests = Guests(allow=("10.0.0.0/8", "2001:db8::/32"))
    hosts = ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", None, "192.0.2.1", "::1", "::ffff:192.0.2.1")
    assert [guests.lets_in(host) for host in hosts] == [True, True, True, True, False, False, False]
    assert {event.reason for event in guests.refused} == {"not allowed"}
    guests.stop()


def test_a_deny_wins_and_without_an_allow_all_others_come_in() -> None:
    both = Guests(allow=("10.0.0.0/8",), deny=("10.6.6.6",))
    assert [both.lets_in(host) for host in ("10.6.6.5", "10.6.6.6", "192.0.2.1")] == [True, False, False]
    assert [event.reason for event in both.refused] == ["denied", "not allowed"]
    both.stop()
    only = Guests(deny=("10.6.6.6", "::/0"))
    assert [only.lets_in(host) for host in ("10.6.6.6", "::1", "192.0.2.1", None)] == [False, False, True, True]
    only.stop()


def test_who_is_turned_away_takes_no_room() -> None:
    guests = Guests(deny=("10.0.0.0/8",), max_connections=1)
    assert not guests.lets_in("10.0.0.1")
    assert guests.lets_in("192.0.2.1")
    guests.stop()


@pytest.mark.parametrize("option", ["allow", "deny"])
def test_a_network_that_is_none_is_a_usage_error(option: str) -> None:
    with pytest.raises(UsageError) as caught:
        Admission(HandReactor(), ServeEchoOptions(**{option: ("10.0.0.1/8",)}))
    assert str(caught.value) == (
        f"'10.0.0.1/8' has host bits set (--{option}); write 10.0.0.0/8, or 10.0.0.1 for that address alone"
    )


def test_the_lists_hold_for_datagrams_too() -> None:
    guests = Guests(udp=True, deny=("127.0.0.1",))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", guests.served.listening[1].port or 0))
        client.setblocking(False)
        client.send(b"let me in")
        guests.turns()
        with pytest.raises(BlockingIOError):
            client.recv(100)
        place = client.getsockname()
    assert guests.refused == [Refused(peer=f"127.0.0.1:{place[1]}", reason="denied")]
    summary = guests.stop()
    assert (summary.refused, summary.more["datagrams"], summary.sent_bytes) == (1, 1, 0)


def test_a_datagram_from_who_is_allowed_is_answered() -> None:
    guests = Guests(udp=True, allow=("127.0.0.0/8",))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", guests.served.listening[1].port or 0))
        client.send(b"let me in")
        guests.turns()
        assert client.recv(100) == b"let me in"
    guests.stop()


# By rate --------------------------------------------------------------------------------------------------------------


def test_over_the_rate_connections_wait_for_their_turn() -> None:
    guests = Guests(accept_rate=2)
    for _ in range(5):
        guests.knocks()
    assert guests.open == 2  # one second's worth at once
    guests.served.reactor.advance(0.5)
    guests.turns()
    assert guests.open == 3
    guests.served.reactor.advance(0.49)
    guests.turns()
    assert guests.open == 3
    guests.served.reactor.advance(0.5)
    guests.turns()
    guests.served.reactor.advance(0.5)
    guests.turns()
    assert guests.open == 5
    summary = guests.stop()
    assert (summary.connections, summary.refused) == (5, 0)
    assert summary.accept_pauses >= 2


def test_who_leaves_makes_no_room_in_the_rate() -> None:
    guests = Guests(accept_rate=2)
    first, *_ = (guests.knocks() for _ in range(3))
    first.close()
    guests.turns()
    assert guests.open == 1
    assert guests.stop().accept_pauses == 1


def test_who_is_turned_away_has_used_a_turn() -> None:
    guests = Guests(accept_rate=2, deny=("127.0.0.1",))
    for _ in range(5):
        guests.knocks()
    assert len(guests.refused) == 2
    guests.stop()


def test_a_stop_does_not_wait_for_the_rate() -> None:
    guests = Guests(accept_rate=1)
    guests.knocks()
    guests.knocks()
    assert len(guests.served.reactor.getDelayedCalls()) == 1
    assert guests.stop().connections == 1
