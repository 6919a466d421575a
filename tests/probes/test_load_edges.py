"""Load runs between their parts: what happens while connections are opened, after a warm-up, and at the very end."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from connecting_rig import over_tls
from counter_script import answer
from ends import Peer
from load_rig import COUNTER_PORT, ECHO_PORT, CounterRig, Counting, EchoRig, SlowEcho, closing_down
from memory import Network
from running import Notes
from tw.errors import AnswerTimeout, ConnectError
from tw.options import TlsClientOptions
from tw.probes.echo_lane import EchoLane
from tw.probes.opening import OPENING


class Deepest:
    """Notes how deep calls were nested, as a profile function (sys.setprofile)."""

    def __init__(self) -> None:
        self._frames = 0
        self.frames = 0

    def __call__(self, frame: object, event: str, argument: object) -> None:
        if event in ("call", "return"):
            self._frames += 1 if event == "call" else -1
            self.frames = max(self.frames, self._frames)


# While connections are opened ----------------------------------------------------------------------------------------


def test_connections_that_were_closed_while_others_were_opened_are_opened_again(net: Network, notes: Notes) -> None:
    server = Counting(net, idle_s=0.15)
    rig = CounterRig(net, notes, connections=4, count=40, connect_rate_per_s=10)
    net.pass_s(3)
    assert rig.running.result is None
    assert (rig.report.received, rig.report.ok, rig.figures.reconnected) == (40, True, 0)
    assert server.connections == 6


def test_a_server_that_refuses_is_not_asked_by_all_the_connections(net: Network, notes: Notes) -> None:
    rig = EchoRig(net, notes, connections=2000, count=2000)
    assert isinstance(rig.running.error, ConnectError)
    assert len(net.dialled) <= 2 * OPENING


def test_a_run_that_is_cut_short_opens_no_more_connections(net: Network, notes: Notes) -> None:
    net.silent.add(ECHO_PORT)
    rig = EchoRig(net, notes, connections=2000, count=2000, timeout_s=60)
    deepest = Deepest()
    sys.setprofile(deepest)
    try:
        rig.cancel()
    finally:
        sys.setprofile(None)
    assert len(net.dialled) <= OPENING + 1
    assert deepest.frames < 200, "one that is given up lets the next one start inside of it"


# After the warm-up ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [None, 40.0])
def test_connections_that_the_warm_up_has_used_up_are_opened_for_the_run(
    net: Network, notes: Notes, rate: float | None
) -> None:
    Counting(net, 0.1, field="Connection: close")
    rig = CounterRig(net, notes, connections=5, count=20, warmup_s=0.45, rate_per_s=rate)
    net.pass_s(30)
    assert rig.running.result is None
    assert rig.figures.warmup is not None
    assert rig.figures.warmup.received > 0
    assert (rig.report.received, rig.report.ok) == (20, True)
    assert rig.report.duration_s < 0.8, "one connection does all the work"


def test_what_the_warm_up_gave_up_is_no_harm_to_the_run(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.01, stalls=(0.5, 2.1))
    rig = EchoRig(net, notes, connections=1, rate_per_s=10, count=20, warmup_s=1.0, timeout_s=1.0)
    net.pass_s(10)
    assert rig.figures.warmup is not None
    assert rig.figures.warmup.errors == {"timeout": 5}
    assert (rig.report.corrupted, rig.report.errors, rig.report.received) == (0, {}, 20)
    assert rig.report.ok


class Ending:
    """A load whose part is just over when it is asked for the second time, and in whose next part all goes on."""

    def __init__(self) -> None:
        self._answers = [True, False]

    def goes_on(self) -> bool:
        return self._answers.pop(0) if self._answers else True


class NeverThere:
    tls = False

    def __init__(self) -> None:
        self.asked = 0

    def connect(self, build: Any) -> Deferred[Any]:
        self.asked += 1
        return Deferred()


def test_a_connection_that_was_not_opened_at_the_end_of_a_part_is_in_the_next() -> None:
    connector: Any = NeverThere()
    load: Any = Ending()
    lane = EchoLane(load, connector, 1, 64)
    lane.reopen()
    assert connector.asked == 0
    lane.reopen()
    assert connector.asked == 1
    lane.leave(orderly=True)


# The end -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "duration"), [(100.0, 1.1), (1000.0, 0.29), (10.0, 0.7)])
def test_what_would_be_due_at_the_end_is_not_asked_for(
    net: Network, notes: Notes, rate: float, duration: float
) -> None:
    SlowEcho(net, 0.001)
    rig = EchoRig(net, notes, connections=1, rate_per_s=rate, duration_s=duration)
    net.pass_s(3)
    assert (rig.report.sent, rig.figures.unsent, rig.report.ok) == (round(rate * duration), 0, True)


def test_a_message_that_was_due_just_before_the_end_is_sent_though_the_probe_was_held_up(
    net: Network, notes: Notes
) -> None:
    kept: list[tuple[Peer, bytes]] = []

    def hears(peer: Peer, data: bytes) -> None:
        kept.append((peer, data))
        if len(kept) != 9:
            peer.say(data)

    def hold_up() -> None:
        """The ninth answer is read only when the end has passed, and ahead of the tick that was due meanwhile."""
        peer, data = kept[8]
        peer.say(data)
        net.rightNow += 0.1
        end: Any = peer.transport
        end.move()

    net.scripted(ECHO_PORT, hears)
    net.callLater(0.899, hold_up)
    rig = EchoRig(net, notes, connections=1, rate_per_s=10, duration_s=0.95)
    net.pass_s(3)
    assert (rig.report.sent, rig.figures.unsent, rig.report.ok) == (10, 0, True)


def test_what_a_silent_server_owes_is_lost(net: Network, notes: Notes) -> None:
    net.scripted(ECHO_PORT)
    rig = EchoRig(net, notes, connections=3, count=1_000_000, timeout_s=2.0)
    net.pass_s(4)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert (rig.report.sent, rig.report.received, rig.report.lost) == (6, 0, 6)


def test_what_a_server_that_went_silent_owes_is_lost(net: Network, notes: Notes) -> None:
    SlowEcho(net, 0.01, stalls=(0.5, float("inf")))
    rig = EchoRig(net, notes, connections=2, count=100_000, timeout_s=1.0)
    net.pass_s(9)
    assert rig.report.errors["silent"] == 1
    assert rig.report.sent == rig.report.received + rig.report.lost


# Idle connections ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("farewell", [Peer.leave, lambda peer: peer.say(b"220 mail\r\n")])
def test_a_server_that_ends_unused_connections_is_not_stormed(
    net: Network, notes: Notes, farewell: Callable[[Peer], None]
) -> None:
    met: list[Peer] = []

    def meets(peer: Peer) -> None:
        met.append(peer)
        if len(met) > 1:
            net.callLater(0.001, farewell, peer)

    def hears(peer: Peer, data: bytes) -> None:
        peer.say(answer(1, "X-Instance: i", "Connection: close"))

    net.scripted(COUNTER_PORT, hears, meets)
    rig = CounterRig(net, notes, connections=1, rate_per_s=1, count=4)
    net.pass_s(0.9)
    assert 2 < len(met) < 20
    rig.cancel()
    closing_down(net)


def test_an_answer_that_was_given_up_is_not_ended_by_the_next_connections_end(net: Network, notes: Notes) -> None:
    """An answer of no length that does not end in time; then a connection that closes while nothing is asked."""
    met: list[Peer] = []
    asked: list[Peer] = []

    def hears(peer: Peer, data: bytes) -> None:
        asked.append(peer)
        if len(asked) == 2:
            peer.say(b"HTTP/1.1 200 OK\r\n\r\nI am request #1\n")
        else:
            peer.say(answer(len(asked), "X-Instance: i"))

    def meets(peer: Peer) -> None:
        met.append(peer)
        if len(met) == 2:
            net.callLater(0.2, peer.leave)

    net.scripted(COUNTER_PORT, hears, meets)
    rig = CounterRig(net, notes, connections=1, rate_per_s=1, count=3, timeout_s=0.3)
    net.pass_s(9)
    assert rig.running.result is None
    assert (rig.report.sent, rig.report.received, rig.report.errors) == (3, 2, {"timeout": 1})
    closing_down(net)


def test_silence_counts_from_when_a_message_was_due(net: Network, notes: Notes) -> None:
    """A slow schedule, and a server that is away for a moment just when a message is due."""
    server = SlowEcho(net, 0.01)
    rig = EchoRig(net, notes, connections=1, rate_per_s=0.1, count=2, timeout_s=1.0)
    net.pass_s(9.5)
    factory = net.ports.pop(ECHO_PORT)
    (peer,) = server.heard
    peer.leave()
    net.pass_s(1.0)
    net.ports[ECHO_PORT] = factory
    net.pass_s(3)
    assert "silent" not in rig.report.errors
    assert rig.report.received == 2


def test_connections_whose_peer_does_not_end_them_do_not_pile_up(net: Network, notes: Notes) -> None:
    """Over TLS an end in good order takes the peer's word for it."""

    def hears(peer: Peer, data: bytes) -> None:
        peer.say(answer(len(net.peers), "X-Instance: i", "Connection: close"))
        peer.stop()

    net.scripted(COUNTER_PORT, hears, wrapped=over_tls(net))
    insecure = TlsClientOptions(insecure=True)
    rig = CounterRig(net, notes, connections=1, rate_per_s=10, count=30, tls=True, verify=insecure)
    net.pass_s(2.05)
    assert len(net.peers) > 10
    assert sum(end.connected for end in net.ends) <= 6
    rig.cancel()
    closing_down(net)


def test_half_an_answer_when_the_run_is_cut_short_is_not_a_truncated_one(net: Network, notes: Notes) -> None:
    def hears(peer: Peer, data: bytes) -> None:
        peer.say(answer(1, "X-Instance: i")[:-5])

    net.scripted(COUNTER_PORT, hears)
    rig = CounterRig(net, notes, connections=1, count=4)
    net.pass_s(0.5)
    report = rig.cancel()
    assert (report.sent, report.received, report.lost, report.corrupted) == (1, 0, 0, 0)


def test_an_answer_behind_a_strangers_line_is_not_late(net: Network, notes: Notes) -> None:
    """The line was taken for the oldest message's answer; nothing was given up."""

    def hears(peer: Peer, data: bytes) -> None:
        peer.say(b"hello\n" + data if len(peer.got) == 64 else data)

    net.scripted(ECHO_PORT, hears)
    rig = EchoRig(net, notes, connections=1, count=5)
    closing_down(net)
    assert (rig.report.corrupted, rig.report.errors) == (1, {})
