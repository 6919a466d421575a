"""The echo probe over a stream: with `tw`'s own server, and with peers that harm what passes."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.protocols.tls import TLSMemoryBIOFactory

from ends import Peer
from memory import Network
from running import ClientRig, Notes
from tw.core.target import HostTarget
from tw.errors import AnswerTimeout, ExitCode, ProtocolError, UsageError
from tw.net.tls import self_signed_tls
from tw.options import TlsClientOptions
from tw.probe_options import ProbeEchoOptions
from tw.probes.echo import LAST_READ_S, EchoPing, echo_target, talk
from tw.serve_options import ServeEchoOptions
from tw.services.echo import EchoService

PORT = 1234


class Rig(ClientRig):
    def __init__(self, net: Network, notes: Notes, **options: Any) -> None:
        super().__init__(net, notes, EchoPing(net, ProbeEchoOptions(**options), notes, net.measured))


def echoing(peer: Peer, data: bytes) -> None:
    peer.say(data)


def over_tls(context: Any, net: Network) -> Callable[[Any], Any]:
    return lambda factory: TLSMemoryBIOFactory(context, False, factory, net)


# With its own server -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True])
def test_the_matching_server_gets_a_good_verdict(net: Network, notes: Notes, tls: bool) -> None:
    service = EchoService(net, ServeEchoOptions(tls_self_signed=tls), lambda event: None)
    (listening,) = net.run(service.start()).result
    rig = Rig(net, notes, count=3, interval_s=1.0, tls=tls, verify=TlsClientOptions(pin=listening.pin))
    net.pass_s(2.0 + LAST_READ_S)
    assert rig.running.result is None
    report = rig.report
    assert (report.ok, report.sent, report.received, report.received_bytes) == (True, 3, 3, 192)
    assert (report.duration_s, rig.code) == (2.0, ExitCode.OK)
    assert notes.outcomes == ["ok"] * 3
    assert rig.client._connector.connect_times.count == 1
    net.settle()
    assert service.listener.connections == {}
    assert net.run(service.stop()).result.connections == 1


def test_the_end_of_the_stream_ends_the_run_at_once(net: Network, notes: Notes) -> None:
    service = EchoService(net, ServeEchoOptions(), lambda event: None)
    net.run(service.start())
    rig = Rig(net, notes, count=1)
    assert rig.running.over
    assert net.seconds() == 0.0


def test_a_server_that_leaves_the_end_open_is_not_waited_for(net: Network, notes: Notes) -> None:
    net.scripted(PORT, echoing, Peer.stay)
    rig = Rig(net, notes, count=1)
    assert not rig.running.over
    net.pass_s(LAST_READ_S)
    assert rig.running.result is None
    assert rig.report.ok


# With peers that harm what passes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True])
def test_a_copy_of_the_last_answer_is_seen(net: Network, notes: Notes, tls: bool) -> None:
    server = self_signed_tls("127.0.0.1")
    net.scripted(PORT, lambda peer, data: peer.say(data * 2), wrapped=over_tls(server.context, net) if tls else same)
    rig = Rig(net, notes, count=2, tls=tls, verify=TlsClientOptions(pin=server.pin if tls else None))
    net.pass_s(1.0 + LAST_READ_S)
    assert rig.running.result is None
    assert (rig.report.duplicated, rig.code) == (2, ExitCode.BAD_VERDICT)


def same(factory: Any) -> Any:
    return factory


def test_a_byte_too_many_at_the_end_is_seen(net: Network, notes: Notes) -> None:
    net.scripted(PORT, lambda peer, data: peer.say(data + b"!"))
    rig = Rig(net, notes, count=1)
    net.pass_s(LAST_READ_S)
    report = rig.report
    assert (report.received, report.corrupted) == (1, 1)


def test_an_answer_that_stops_short_is_corrupted_and_not_lost(net: Network, notes: Notes) -> None:
    seen: list[bytes] = []

    def answers(peer: Peer, data: bytes) -> None:
        seen.append(data)
        peer.say(data if len(seen) == 1 else data[:30])

    net.scripted(PORT, answers)
    rig = Rig(net, notes, count=2, interval_s=1.0, timeout_s=2.0)
    net.pass_s(3.0 + LAST_READ_S)
    assert rig.running.result is None
    report = rig.report
    assert (report.received, report.corrupted, report.lost) == (1, 1, 0)
    assert notes.samples[-1].detail == "differs from byte 30 of 64"


def test_an_answer_that_never_comes_is_lost_and_the_connection_is_cut(net: Network, notes: Notes) -> None:
    seen: list[bytes] = []

    def answers(peer: Peer, data: bytes) -> None:
        seen.append(data)
        if len(seen) != 1:
            peer.say(data)

    net.scripted(PORT, answers, Peer.stay)
    rig = Rig(net, notes, count=2, interval_s=1.0, timeout_s=2.0)
    net.pass_s(2.0 + LAST_READ_S)
    assert rig.running.result is None
    assert (rig.report.lost, rig.report.received) == (1, 1)
    assert net.ends[0].aborted


def test_no_answer_at_all_is_a_timeout(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, count=2, interval_s=1.0, timeout_s=2.0)
    net.pass_s(3.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    report = rig.report
    assert (report.ok, report.lost, report.error) == (False, 2, rig.running.error)


@pytest.mark.parametrize(("leave", "how"), [(Peer.leave, "closed"), (Peer.cut, "broke")])
def test_a_peer_that_leaves_in_the_middle_ends_the_run(
    net: Network, notes: Notes, leave: Callable[[Peer], None], how: str
) -> None:
    net.scripted(PORT, lambda peer, data: leave(peer))
    rig = Rig(net, notes, count=3)
    assert isinstance(rig.running.error, ProtocolError)
    assert rig.running.error.what == f"the peer {how} the connection in the middle"
    report = rig.report
    assert (report.sent, report.received, report.lost, report.ok) == (1, 0, 1, False)


def test_a_peer_that_leaves_in_the_middle_of_tls_is_no_bug(net: Network, notes: Notes) -> None:
    server = self_signed_tls("127.0.0.1")
    net.scripted(PORT, lambda peer, data: peer.leave(), wrapped=over_tls(server.context, net))
    rig = Rig(net, notes, tls=True, verify=TlsClientOptions(pin=server.pin))
    assert isinstance(rig.running.error, ProtocolError)


def test_a_peer_that_leaves_after_the_last_answer_is_no_fault(net: Network, notes: Notes) -> None:
    def answers(peer: Peer, data: bytes) -> None:
        peer.say(data)
        peer.leave()

    net.scripted(PORT, answers)
    rig = Rig(net, notes, count=1)
    assert rig.running.result is None
    assert rig.report.ok


# Ending --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after_s", [0.5, 1.1])
def test_a_run_that_is_cut_short_leaves_nothing_behind(net: Network, notes: Notes, after_s: float) -> None:
    """Between two samples, and while the end of the stream is waited for."""
    net.scripted(PORT, echoing, Peer.stay)
    rig = Rig(net, notes, count=2, interval_s=1.0)
    net.pass_s(after_s)
    assert not rig.running.over
    report = rig.cancel()
    assert not net.ends[0].connected
    assert (report.lost, report.received, report.ok) == (0, 1 + (after_s > 1), False)


def test_what_a_target_means(net: Network) -> None:
    assert echo_target(ProbeEchoOptions()) == HostTarget("127.0.0.1", PORT)
    assert echo_target(ProbeEchoOptions(family=6)) == HostTarget("::1", PORT)
    assert echo_target(ProbeEchoOptions(bind="::1", tls=True)) == HostTarget("::1", PORT, tls=True)
    assert echo_target(ProbeEchoOptions(family=6, target=":7")) == HostTarget("127.0.0.1", 7)
    assert echo_target(ProbeEchoOptions(target="echos://h")) == HostTarget("h", PORT, tls=True)
    with pytest.raises(UsageError):
        EchoPing(net, ProbeEchoOptions(target="http://h"), Notes(), net.measured)


def test_talking_goes_to_the_same_place(net: Network, notes: Notes) -> None:
    talking = talk(net, ProbeEchoOptions(target="h:7", idle_s=3.0), notes)
    assert (talking._connector.where, talking._idle_s) == ("h:7", 3.0)


# What came of each ----------------------------------------------------------------------------------------------------


def test_answers_that_stop_coming_are_told_as_stalled_and_single_losses_are_not(net: Network, notes: Notes) -> None:
    seen: list[bytes] = []

    def answers(peer: Peer, data: bytes) -> None:
        seen.append(data)
        if len(seen) in (1, 3):  # not the second, and nothing any more from the fourth on
            peer.say(data)

    net.scripted(PORT, answers)
    rig = Rig(net, notes, count=5, interval_s=1.0, timeout_s=2.0)
    net.pass_s(7.0)
    assert rig.running.result is None
    report = rig.report
    assert report.harm is not None
    assert (report.lost, report.errors, report.harm.stalled) == (3, {"timeout": 3}, 2)


def test_what_comes_after_a_stall_ends_it(net: Network, notes: Notes) -> None:
    net.scripted(PORT, lambda peer, data: net.callLater(3.0, peer.say, data))
    rig = Rig(net, notes, count=2, interval_s=4.0, timeout_s=2.0)
    net.pass_s(20.0)
    assert rig.running.result is None
    assert rig.report.harm is not None
    assert (rig.report.lost, rig.report.harm.stalled) == (1, 1)


def test_bytes_of_an_answer_are_something(net: Network, notes: Notes) -> None:
    """A server that trickles has not stalled."""

    def trickles(peer: Peer, data: bytes) -> None:
        for at in range(20):
            net.callLater(1.0 + at, peer.say, data[at : at + 1])

    net.scripted(PORT, trickles)
    rig = Rig(net, notes, count=1, timeout_s=10.0)
    net.pass_s(30.0)
    assert rig.report.harm is not None
    assert rig.report.harm.stalled == 0


def test_a_corrupted_answer_is_waited_for_no_longer_even_where_its_number_is_gone(net: Network, notes: Notes) -> None:
    net.scripted(PORT, lambda peer, data: peer.say(data[:12] + b"X" + data[13:]))
    rig = Rig(net, notes, count=2, interval_s=1.0)
    net.pass_s(1.0 + LAST_READ_S)
    report = rig.report
    assert (report.corrupted, report.errors, notes.outcomes) == (2, {}, ["corrupted", "corrupted"])
    assert report.harm is not None
    first = report.harm.first_fault
    assert first is not None
    assert (first.kind, first.number, first.offset) == ("corrupted", 1, 12)
    assert notes.samples[0].detail == "differs from byte 12 of 64"


@pytest.mark.parametrize("end", [Peer.leave, Peer.cut])
def test_half_an_answer_before_the_end_is_told(net: Network, notes: Notes, end: Callable[[Peer], None]) -> None:
    def breaks_off(peer: Peer, data: bytes) -> None:
        peer.say(data[:30])
        net.callLater(0.5, end, peer)

    net.scripted(PORT, breaks_off)
    rig = Rig(net, notes, count=2, interval_s=1.0)
    net.pass_s(0.5)
    assert isinstance(rig.running.error, ProtocolError)
    assert rig.running.error.reason == ("reset" if end is Peer.cut else None)
    assert rig.report.harm is not None
    assert (rig.report.corrupted, rig.report.harm.truncated, rig.report.lost) == (1, 1, 0)
