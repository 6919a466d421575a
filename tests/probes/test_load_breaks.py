"""Loads that end before they have measured anything, and connections that end as they should or should not."""

from itertools import count

import pytest

from counter_script import answer
from ends import Peer
from load_rig import COUNTER_PORT, ECHO_PORT, CounterRig, EchoRig, SlowEcho
from memory import Network
from running import Notes
from tw.errors import ProtocolError


@pytest.mark.parametrize("kind", ["echo", "counter"])
def test_a_warm_up_that_is_cut_short_is_no_run(net: Network, notes: Notes, kind: str) -> None:
    if kind == "echo":
        SlowEcho(net, 0.25)
        rig = EchoRig(net, notes, connections=2, duration_s=5.0, warmup_s=10.0)
    else:
        net.scripted(COUNTER_PORT, lambda peer, data: net.callLater(0.25, peer.say, answer(len(peer.got))))
        rig = CounterRig(net, notes, connections=2, duration_s=5.0, warmup_s=10.0)
    net.pass_s(1.1)
    report = rig.cancel()
    assert (report.sent, report.received, report.lost, report.ok) == (0, 0, 0, False)
    assert (report.rtt_ms.max, report.duration_s) == (None, 0.0)
    warmup = rig.figures.warmup
    assert warmup is not None
    assert (warmup.sent, warmup.received) == (10, 8)
    net.pass_s(1)


def test_one_connection_that_breaks_before_any_answer_is_not_the_server(net: Network, notes: Notes) -> None:
    server = SlowEcho(net, 0.1)
    rig = EchoRig(net, notes, connections=3, count=30)
    net.settle()
    next(iter(server.heard)).cut()
    net.pass_s(3)
    assert rig.running.result is None
    assert (rig.report.sent, rig.report.received, rig.report.errors) == (30, 29, {"reset": 1})


def test_where_every_connection_breaks_it_is_the_server(net: Network, notes: Notes) -> None:
    net.scripted(ECHO_PORT, lambda peer, data: peer.leave())
    rig = EchoRig(net, notes, connections=5, duration_s=1000)
    net.pass_s(2)
    assert isinstance(rig.running.error, ProtocolError)


def test_connections_that_end_as_they_should_are_not_reconnected(net: Network, notes: Notes) -> None:
    numbers = count(1)

    def hears(peer: Peer, _data: bytes) -> None:
        peer.say(answer(next(numbers), "X-Instance: i", "Connection: close"))
        peer.leave()

    net.scripted(COUNTER_PORT, hears)
    rig = CounterRig(net, notes, connections=2, count=20, keepalive=False)
    net.pass_s(2)
    assert (rig.report.received, rig.report.ok, rig.figures.reconnected) == (20, True, 0)


HTTP_ANSWER = b"HTTP/1.1 400 Bad Request\r\nServer: x\r\nContent-Length: 4\r\n\r\nbad\n"


@pytest.mark.parametrize("pace", [{"count": 30}, {"count": 30, "rate_per_s": 30.0}])
def test_another_protocols_answers_are_no_answers(net: Network, notes: Notes, pace: dict[str, float]) -> None:
    def hears(peer: Peer, _data: bytes) -> None:
        peer.say(HTTP_ANSWER)
        peer.leave()

    net.scripted(ECHO_PORT, hears)
    rig = EchoRig(net, notes, connections=3, **pace)
    net.pass_s(10)
    assert isinstance(rig.running.error, ProtocolError)
    assert rig.report.corrupted > 0


def test_harmed_answers_on_connections_that_break_are_a_verdict(net: Network, notes: Notes) -> None:
    def hears(peer: Peer, data: bytes) -> None:
        peer.say(data.replace(data[:1], b"?", 1))
        peer.leave()

    net.scripted(ECHO_PORT, hears)
    rig = EchoRig(net, notes, connections=3, count=30)
    net.pass_s(10)
    assert rig.running.result is None
    assert (rig.report.corrupted, rig.report.received) == (30, 0)


def test_another_protocols_answers_on_connections_that_stay_are_none_either(net: Network, notes: Notes) -> None:
    net.scripted(ECHO_PORT, lambda peer, data: peer.say(b"500 what?\n"))
    rig = EchoRig(net, notes, connections=3, count=30)
    net.pass_s(10)
    said = "nothing that came back is like what was sent (127.0.0.1:1234); is it an echo server?"
    assert str(rig.running.error) == said
    assert isinstance(rig.running.error, ProtocolError)
    assert (rig.report.corrupted, rig.report.received, rig.report.ok) == (30, 0, False)
