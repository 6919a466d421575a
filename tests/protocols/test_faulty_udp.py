"""Echo over UDP with faults: late and harmed datagrams, and no more of them held than fit."""

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import FakeDatagramTransport

from tw.core.faults import Faults
from tw.fault_options import FaultOptions
from tw.protocols.faulty_echo import UDP_HELD_BYTES, FaultyUdpEchoServer

FROM = ("192.0.2.1", 5000)


def udp(**options: float) -> tuple[FaultyUdpEchoServer, FakeDatagramTransport, Clock, Faults]:
    clock, faults, transport = Clock(), Faults(FaultOptions(**options), 1), FakeDatagramTransport()  # type: ignore[arg-type]
    server = FaultyUdpEchoServer(clock, faults)
    server.makeConnection(transport)
    return server, transport, clock, faults


def test_datagrams_are_late_and_harmed_and_never_reset() -> None:
    server, transport, clock, faults = udp(delay_s=1.0, corrupt_percent=30.0, truncate_percent=30.0, reset_percent=40.0)
    for _ in range(100):
        server.datagramReceived(b"0123456789", FROM)
    assert transport.written == []
    clock.advance(1.0)
    came = [datagram for datagram, _ in transport.written]
    assert sum(len(each) < 10 for each in came) == faults.made["truncate"] > 20
    assert sum(len(each) == 10 and each != b"0123456789" for each in came) == faults.made["corrupt"] > 20
    assert (len(came), faults.made["delay"], faults.made["reset"]) == (100, 100, 0)
    assert server.sent_bytes == sum(map(len, came))


def test_delayed_datagrams_are_bounded_and_the_rest_is_lost() -> None:
    server, transport, clock, _ = udp(delay_s=1.0)
    for _ in range(100):
        server.datagramReceived(bytes(65_000), FROM)
    assert server.dropped == 100 - UDP_HELD_BYTES // (65_000 + 512)
    clock.advance(1.0)
    assert len(transport.written) + server.dropped == 100
    server.datagramReceived(b"again", FROM)
    server.stopProtocol()
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("port", [7, 1023])
def test_a_service_that_would_answer_is_not_answered_late_either(port: int) -> None:
    server, transport, clock, _ = udp(delay_s=1.0)
    server.datagramReceived(b"loop", ("192.0.2.1", port))
    assert (transport.written, clock.getDelayedCalls(), server.ignored) == ([], [], 1)
