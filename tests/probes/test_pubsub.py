"""The pub/sub probe: with `tw`'s own server among other people's lines, and with servers that harm what passes."""

from collections.abc import Callable
from typing import Any

import pytest

from ends import Peer
from memory import Network
from pubsub_rig import PORT, Rig, serve, to_all
from running import Notes
from tw.core.target import HostTarget
from tw.errors import ConnectError, ExitCode, ProtocolError, UsageError
from tw.events import Closed, ServerEvent
from tw.options import TlsClientOptions
from tw.probe_options import ProbePubSubOptions
from tw.probes import pubsub
from tw.probes.pubsub import TALK_IDLE_S, PubSubPing, pubsub_target, talk
from tw.report import Delivery, ProbeReport
from tw.serve_options import ServePubSubOptions
from tw.services.pubsub import PubSubService

# With its own server -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"prefix": False}, {"echo": False}, {"crlf": True}, {"history_lines": 100}], ids=str
)
def test_the_matching_server_gets_a_good_verdict(net: Network, notes: Notes, options: dict[str, Any]) -> None:
    service = serve(net, **options)
    rig = Rig(net, notes, count=3, interval_s=1.0)
    net.pass_s(2.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.ok, report.sent, report.received, report.duration_s) == (True, 3, 3, 2.0)
    assert rig.delivery == Delivery(published=3, delivered=3, expected=3, foreign=0)
    assert (report.probe, report.target, rig.code) == ("pubsub", "127.0.0.1:1025", ExitCode.OK)
    assert rig.client._from.connect_times.count == 2
    assert net.run(service.stop()).result.connections == 2


def test_lines_of_others_are_foreign_and_harm_nothing(net: Network, notes: Notes) -> None:
    service = serve(net, history_lines=10)
    other = net.run(PubSubPing(net, ProbePubSubOptions(count=2, interval_s=0.0), Notes()).run())
    assert other.over
    rig = Rig(net, notes, count=2, interval_s=1.0)
    net.pass_s(0.5)
    others = net.run(PubSubPing(net, ProbePubSubOptions(count=3, interval_s=0.0), Notes()).run())
    assert others.over
    net.pass_s(0.5)
    assert rig.running.result is None
    assert rig.report.ok
    # Two samples and two barriers of the history, and three samples and two barriers meanwhile.
    assert rig.delivery.foreign == 9
    assert net.run(service.stop()).over


PREFIXES: list[Callable[[bytes], bytes]] = [
    lambda line: line,
    lambda line: b"<192.0.2.1:5> " + line,
    lambda line: b"<unix:3> <[2001:db8::1]:5> " + line,
    lambda line: b"2024-01-01T00:00:00Z host tw[1]: " + line,
    lambda line: b"\xff\xfe" + line,
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_line_is_known_by_its_token_whatever_stands_before_it(
    net: Network, notes: Notes, prefix: Callable[[bytes], bytes]
) -> None:
    net.scripted(PORT, to_all(net, prefix))
    rig = Rig(net, notes, count=2, interval_s=1.0)
    net.pass_s(1.0)
    assert rig.running.result is None
    assert rig.report.ok


# Harm ----------------------------------------------------------------------------------------------------------------


def test_a_line_that_is_lost_and_one_that_is_changed(net: Network, notes: Notes) -> None:
    def harm(line: bytes) -> bytes:
        if b"-0000000001" in line:
            return b""
        return line[:-2] + b"!\n" if b"-0000000002" in line else line

    net.scripted(PORT, to_all(net, harm))
    rig = Rig(net, notes, count=3, interval_s=1.0, timeout_s=1.5)
    net.pass_s(2.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.received, report.lost, report.corrupted) == (1, 1, 1)
    assert rig.delivery == Delivery(published=3, delivered=1, expected=3, foreign=0)
    assert notes.samples[0].detail == "differs from byte 63 of 64"


def test_a_line_without_an_end_is_not_held_in_memory_for_ever(
    net: Network, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub, "MAX_LINE_BYTES", 100)
    net.scripted(PORT, lambda peer, data: [each.say(b"x" * 101) for each in net.peers])
    rig = Rig(net, notes)
    assert isinstance(rig.running.error, ProtocolError)
    assert str(rig.running.error) == "a line of over 100 bytes (127.0.0.1:1025); is it a line server?"


# The end -------------------------------------------------------------------------------------------------------------


class Witness(Notes):
    """Notes how many of the probe's ends are open when the report is shown: the process may end right after it."""

    def __init__(self, net: Network) -> None:
        super().__init__()
        self.net = net
        self.open = -1

    def report(self, report: ProbeReport) -> None:
        super().report(report)
        self.open = sum(end.connected for end in self.net.ends[::2])


@pytest.mark.parametrize("tls", [False, True])
def test_both_connections_are_gone_in_good_order_before_the_run_is_over(net: Network, tls: bool) -> None:
    reasons: list[str] = []

    def note(event: ServerEvent) -> None:
        if isinstance(event, Closed):
            reasons.append(event.reason)

    service = PubSubService(net, ServePubSubOptions(tls_self_signed=tls, access_log=True), note)
    (listening,) = net.run(service.start()).result
    notes = Witness(net)
    rig = Rig(net, notes, count=1, tls=tls, verify=TlsClientOptions(pin=listening.pin))
    assert rig.running.result is None
    assert (rig.report.ok, notes.open, any(end.aborted for end in net.ends)) == (True, 0, False)
    if tls:  # without it, a subscriber that never said anything may have shut its sending side alone
        assert reasons == ["closed", "closed"]
    assert net.run(service.stop()).over


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("samples", [0, 1])
def test_a_server_that_leaves_either_connection_ends_the_run(
    net: Network, notes: Notes, who: int, samples: int
) -> None:
    net.scripted(PORT, to_all(net) if samples else lambda peer, data: None)
    rig = Rig(net, notes, count=2)
    net.peers[who].leave()
    net.settle()
    assert isinstance(rig.running.error, ProtocolError)
    assert rig.running.error.what == "the peer closed the connection in the middle"
    assert not any(end.connected for end in net.ends)
    report = rig.report
    assert (report.received, report.lost, report.ok) == (samples, 0, False)


def test_a_server_that_takes_one_connection_alone(net: Network, notes: Notes) -> None:
    def meets(peer: Peer) -> None:
        net.ports.clear()

    net.scripted(PORT, meets=meets)
    rig = Rig(net, notes)
    assert isinstance(rig.running.error, ConnectError)
    net.settle()
    assert not net.ends[0].connected


def test_a_subscriber_that_is_gone_before_the_publisher_has_come(net: Network, notes: Notes) -> None:
    def meets(peer: Peer) -> None:
        if len(net.peers) == 1:
            peer.leave()

    net.scripted(PORT, meets=meets)
    assert isinstance(Rig(net, notes).running.error, ProtocolError)


@pytest.mark.parametrize(("passes", "sent"), [(True, 1), (False, 0)])
def test_a_run_that_is_cut_short_leaves_nothing_behind(net: Network, notes: Notes, passes: bool, sent: int) -> None:
    """During the samples, and while the first barrier is awaited."""
    net.scripted(PORT, to_all(net, lambda line: line if b"barrier" in line and passes else b""))
    rig = Rig(net, notes)
    assert not rig.running.over
    report = rig.cancel()
    assert not any(end.connected for end in net.ends)
    assert (report.sent, report.received, report.lost) == (sent, 0, 0)


def test_what_a_target_means(net: Network) -> None:
    assert pubsub_target(ProbePubSubOptions()) == HostTarget("127.0.0.1", PORT)
    assert pubsub_target(ProbePubSubOptions(family=6)) == HostTarget("::1", PORT)
    assert pubsub_target(ProbePubSubOptions(target="pubsubs://h")) == HostTarget("h", PORT, tls=True)
    with pytest.raises(UsageError):
        PubSubPing(net, ProbePubSubOptions(target="http://h"), Notes(), net.measured)


@pytest.mark.parametrize(("given", "idle_s"), [(None, TALK_IDLE_S), (3.0, 3.0)])
def test_talking_goes_to_the_same_place(net: Network, notes: Notes, given: float | None, idle_s: float) -> None:
    talking = talk(net, ProbePubSubOptions(target="h:7", idle_s=given), notes)
    assert (talking._connector.where, talking._idle_s) == ("h:7", idle_s)
