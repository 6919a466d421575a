"""The echo probe over UDP: with `tw`'s own server, and over a network that harms datagrams."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import CannotListenError, MessageLengthError

from memory import Network
from running import ClientRig, Notes
from tw.errors import AnswerTimeout, ConnectError, ExitCode, ProtocolError, UsageError
from tw.options import TlsClientOptions
from tw.probe_options import ProbeEchoOptions
from tw.probes.udp import UdpEchoPing
from tw.probes.udp_route import LAST_READ_S, MAX_PACKET_BYTES
from tw.serve_options import ServeEchoOptions
from tw.services.echo import EchoService

WHERE = "127.0.0.1:1234/udp"


@pytest.fixture(autouse=True)
def server(net: Network) -> EchoService:
    service = EchoService(net, ServeEchoOptions(udp=True), lambda event: None)
    net.run(service.start())
    return service


class Rig(ClientRig):
    def __init__(self, net: Network, notes: Notes, **options: Any) -> None:
        super().__init__(net, notes, UdpEchoPing(net, ProbeEchoOptions(udp=True, **options), notes, net.measured))

    @property
    def bound(self) -> list[Any]:
        """The probe's own ports that are open: the server's is the one other."""
        return [place for place in self.net.ports if place not in (1234, ("udp", 1234))]


def test_the_matching_server_gets_a_good_verdict(net: Network, notes: Notes, server: EchoService) -> None:
    rig = Rig(net, notes, count=3, interval_s=1.0, size_bytes=100)
    net.pass_s(2.0 + LAST_READ_S)
    assert rig.running.result is None
    report = rig.report
    assert (report.ok, report.sent, report.received, report.sent_bytes) == (True, 3, 3, 300)
    assert (report.probe, report.target, rig.code) == ("echo", WHERE, ExitCode.OK)
    assert (report.duration_s, report.connect_ms.min) == (2.0, None)
    assert rig.bound == []
    assert net.run(server.stop()).result.more["datagrams"] == 3


def harmed(*choices: Callable[[bytes], list[bytes]]) -> Callable[[bytes], list[bytes]]:
    """A network that harms one answer after the other."""
    left = list(choices)
    return lambda datagram: left.pop(0)(datagram) if left else [datagram]


def lost(datagram: bytes) -> list[bytes]:
    return []


def doubled(datagram: bytes) -> list[bytes]:
    return [datagram, datagram]


def cut(datagram: bytes) -> list[bytes]:
    return [datagram[:-1]]


def intact(datagram: bytes) -> list[bytes]:
    return [datagram]


@pytest.mark.parametrize(
    ("harm", "counts"),
    [(lost, (2, 1, 0, 0)), (doubled, (3, 0, 1, 0)), (cut, (2, 0, 0, 1))],
)
def test_what_the_network_does_to_the_last_datagram_is_told(
    net: Network, notes: Notes, harm: Callable[[bytes], list[bytes]], counts: tuple[int, ...]
) -> None:
    net.harm = harmed(intact, intact, harm)
    rig = Rig(net, notes, count=3, interval_s=1.0, timeout_s=2.0)
    net.pass_s(4.0 + LAST_READ_S)
    assert rig.running.result is None
    report = rig.report
    assert (report.received, report.lost, report.duplicated, report.corrupted) == counts
    assert rig.code == ExitCode.BAD_VERDICT
    assert rig.bound == []


def test_not_one_answer_is_a_timeout(net: Network, notes: Notes) -> None:
    net.harm = lost
    rig = Rig(net, notes, count=2, interval_s=1.0, timeout_s=2.0)
    net.pass_s(3.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert rig.bound == []
    assert rig.report.lost == 2


def test_a_closed_port_refuses(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, target=":9")
    assert isinstance(rig.running.error, ConnectError)
    assert str(rig.running.error) == ("port unreachable (127.0.0.1:9/udp); is the server running there, with --udp?")
    assert rig.bound == []


def test_a_port_that_closes_after_good_answers_has_left_in_the_middle(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=3)
    net.pass_s(0.5)
    rig.client._refused()
    net.settle()
    assert isinstance(rig.running.error, ProtocolError)
    assert (rig.report.received, rig.bound) == (1, [])


def test_a_run_that_is_cut_short_leaves_nothing_behind(net: Network, notes: Notes) -> None:
    net.harm = lost
    rig = Rig(net, notes, count=3)
    net.pass_s(0.5)
    report = rig.cancel()
    assert (report.lost, report.sent, rig.bound) == (0, 1, [])


@pytest.mark.parametrize(("size", "window"), [(20, 32), (2048, 32), (8192, 8), (65_507, 1)])
def test_no_more_is_under_way_than_a_receiver_has_room_for(net: Network, notes: Notes, size: int, window: int) -> None:
    arrived: list[bytes] = []
    net.harm = lambda datagram: arrived.append(datagram) or []
    rig = Rig(net, notes, count=100, interval_s=0.0, size_bytes=size, timeout_s=2.0)
    assert len(arrived) == window
    rig.cancel()


# Before anything is sent ---------------------------------------------------------------------------------------------


def test_a_name_is_looked_up_in_the_family_that_is_asked_for(net: Network, notes: Notes) -> None:
    net.names["both.example"] = ["::1", "127.0.0.1"]
    rig = Rig(net, notes, target="both.example:1234", family=4, count=1)
    net.pass_s(LAST_READ_S)
    assert rig.running.result is None
    assert rig.report.target == "both.example:1234/udp"


def test_a_name_that_nobody_knows(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, target="nobody.example")
    assert isinstance(rig.running.error, ConnectError)
    assert rig.running.error.what == "no such host"


def test_a_name_server_that_does_not_answer_is_not_waited_for_longer_than_the_timeout(
    net: Network, notes: Notes
) -> None:
    net.silent.add("slow.example")
    rig = Rig(net, notes, target="slow.example", timeout_s=2.0)
    net.pass_s(2.0)
    assert str(rig.running.error) == "resolving the name timed out (slow.example); check the name server"
    assert isinstance(rig.running.error, ConnectError)
    net.lookups[0].addressResolved(IPv4Address("UDP", "127.0.0.1", 1234))
    net.lookups[0].resolutionComplete()


@pytest.mark.parametrize(
    ("step", "error", "what"),
    [
        ("connect", OSError(101, "Network is unreachable"), "cannot send: network is unreachable"),
        ("write", PermissionError(1, "Operation not permitted"), "cannot send: operation not permitted"),
        ("write", MessageLengthError("message too long"), "cannot send: message too long"),
    ],
)
def test_what_the_kernel_refuses_to_send_ends_the_run(
    net: Network, notes: Notes, step: str, error: Exception, what: str
) -> None:
    net.udp_errors[step] = error
    rig = Rig(net, notes)
    assert isinstance(rig.running.error, ConnectError)
    assert str(rig.running.error) == f"{what} ({WHERE}); check the address and the route"
    assert rig.bound == []


def test_a_full_send_buffer_is_a_lost_datagram(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, count=2, interval_s=1.0, timeout_s=0.5)
    net.udp_errors["write"] = BlockingIOError()
    net.pass_s(1.5 + LAST_READ_S)
    assert rig.running.result is None
    assert (rig.report.received, rig.report.lost) == (1, 1)


@pytest.mark.parametrize(
    ("options", "source"),
    [({}, ""), ({"bind": "127.0.0.9"}, "127.0.0.9"), ({"target": "[::1]:1234"}, "::"), ({"family": 4}, "")],
)
def test_the_source_address(net: Network, notes: Notes, options: dict[str, Any], source: str) -> None:
    asked: list[tuple[int, str, int]] = []
    listen = net.listenUDP

    def note(port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> Any:
        asked.append((port, interface, maxPacketSize))
        return listen(port, protocol, interface, maxPacketSize)

    net.listenUDP = note
    rig = Rig(net, notes, count=1, **options)
    net.pass_s(LAST_READ_S)
    assert rig.running.result is None
    assert asked == [(0, source, MAX_PACKET_BYTES)]


def test_a_socket_that_cannot_be_had(net: Network, notes: Notes) -> None:
    net.udp_errors["listen"] = CannotListenError("192.0.2.9", 0, OSError(99, "Cannot assign requested address"))
    rig = Rig(net, notes)
    assert str(rig.running.error) == "cannot listen: cannot assign requested address (127.0.0.1:1234/udp)"
    assert isinstance(rig.running.error, ConnectError)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"bind": "eth0"}, "not an IP address"),
        ({"bind": "::1", "family": 4}, "the source address is of the other family"),
    ],
)
def test_a_source_address_that_makes_no_sense(net: Network, notes: Notes, options: dict[str, Any], what: str) -> None:
    rig = Rig(net, notes, **options)
    assert isinstance(rig.running.error, UsageError)
    assert rig.running.error.what == what


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"target": "unix:/tmp/s"}, "UDP needs a host and a port"),
        ({"target": "echos://h", "verify": TlsClientOptions(insecure=True)}, "UDP needs a host and a port"),
        ({"wait_for_s": 5.0}, "--wait-for beside --udp"),
        ({"verify": TlsClientOptions(insecure=True)}, "--insecure without TLS"),
    ],
)
def test_what_makes_no_sense_over_udp(net: Network, notes: Notes, options: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError) as caught:
        UdpEchoPing(net, ProbeEchoOptions(udp=True, **options), notes, net.measured)
    assert caught.value.what == what
