"""Whole probes before peers who do anything: they end in time, with a typed error or a verdict that adds up."""

import gc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from ends import Peer
from fuzz.inputs import fuzz, mutated
from memory import Network
from running import ClientRig, Notes
from tw.core.text import safe
from tw.errors import ExitCode, TwError
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions, ProbePubSubOptions
from tw.probes.counter import CounterPing
from tw.probes.echo import EchoPing
from tw.probes.publish import Publish
from tw.probes.pubsub import PubSubPing
from tw.probes.subscribe import Subscribe
from tw.probes.udp import UdpEchoPing

LONG_S = 120.0
"""More than any of these runs may take: three answers of at most five seconds each, and the last reads."""

ANSWER = b"HTTP/1.1 200 OK\r\nX-Request-Number: 1\r\nContent-Length: 16\r\n\r\nI am request #1\n"

RUNS: dict[str, Callable[[Any, Any], Any]] = {
    "echo": lambda net, notes: EchoPing(net, ProbeEchoOptions(count=3), notes, net.measured),
    "udp": lambda net, notes: UdpEchoPing(net, ProbeEchoOptions(count=3, udp=True), notes, net.measured),
    "counter": lambda net, notes: CounterPing(net, ProbeCounterOptions(count=3), notes, net.measured),
    "pubsub": lambda net, notes: PubSubPing(net, ProbePubSubOptions(count=3), notes, net.measured),
    "publish": lambda net, notes: Publish(net, ProbePubSubOptions(publish=("a", "b")), notes, net.measured),
    "subscribe": lambda net, notes: Subscribe(
        net, ProbePubSubOptions(subscribe=True, subscribe_count=3, idle_s=1.0), notes, net.measured
    ),
}

PORTS = (1234, 8080, 1025)

Reply = tuple[str, bytes, int, int]

REPLIES: st.SearchStrategy[Reply] = st.tuples(
    st.sampled_from(["back", "back", "back", "says", "twice", "cuts", "leaves", "cut off", "stops", "nothing"]),
    mutated([ANSWER, b"line\n", b"<a> line\r\n", b"\n"], 2) | st.binary(max_size=30),
    st.integers(0, 80),
    st.integers(0, 80),
)


def answer(peer: Peer, data: bytes, reply: Reply) -> None:
    """One reply to what came: as an echo, harmed at a place, or something else altogether."""
    kind, other, at, size = reply
    match kind:
        case "back":
            peer.say(data[:at] + other[: size // 8] + data[at:])
        case "twice":
            peer.say(data * 2)
        case "says":
            peer.say(other)
        case "cuts":
            peer.say(data[:at])
        case "leaves":
            peer.say(data[:at])
            peer.leave()
        case "cut off":
            peer.cut()
        case "stops":
            peer.stop()


def script(net: Network, first: Reply | None, replies: list[Reply]) -> None:
    left = list(replies)

    def meets(peer: Peer) -> None:
        if first is not None:
            answer(peer, b"", first)

    def hears(peer: Peer, data: bytes) -> None:
        answer(peer, data, left.pop(0) if left else ("nothing", b"", 0, 0))

    for port in PORTS:
        net.scripted(port, hears, meets)

    def harm(datagram: bytes) -> list[bytes]:
        kind, other, at, size = left.pop(0) if left else ("nothing", b"", 0, 0)
        copies = {"back": 1, "twice": 2, "says": 1}.get(kind, 0)
        return [other if kind == "says" else datagram[:at] + other[: size // 8] + datagram[at:]] * copies

    net.harm = harm


@pytest.fixture
def errors() -> Any:
    """What reaches Twisted's log as an error: a bug, whatever the peer does."""
    found: list[LogEvent] = []

    def note(event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.error:
            found.append(event)

    globalLogPublisher.addObserver(note)
    yield found
    gc.collect()  # an unhandled failure is logged once its Deferred goes
    globalLogPublisher.removeObserver(note)
    assert [str(event.get("log_failure") or event) for event in found] == []


@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.usefixtures("errors")
def test_a_probe_ends_and_its_verdict_adds_up(kind: str) -> None:
    @fuzz
    @given(st.none() | REPLIES, st.lists(REPLIES, max_size=8))
    def before_any_peer(first: Reply | None, replies: list[Reply]) -> None:
        net, notes = Network(), Notes()
        script(net, first, replies)
        if kind == "udp":
            net.listenUDP(1234, Echo())
        rig = ClientRig(net, notes, RUNS[kind](net, notes))
        net.pass_s(LONG_S)
        assert rig.running.over
        end = rig.running.ends[0]
        error = getattr(end, "value", None)
        assert error is None or isinstance(error, TwError), end
        assert error is None or (error.exit_code != ExitCode.BUG and safe(str(error)) == str(error))
        for report in notes.reports:
            assert report.received <= report.sent
            assert report.lost <= report.sent
            if report.error is None:
                assert report.sent <= report.received + report.lost + report.corrupted
            assert report.ok == (rig.code == ExitCode.OK)
        net.settle()
        assert net.getDelayedCalls() == []

    before_any_peer()


class Echo:
    """A UDP server that sends back what comes; the network harms it on its way."""

    transport: Any = None

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.transport.write(datagram, addr)
