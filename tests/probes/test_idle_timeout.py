"""`--find-idle-timeout`, on paths that close, reset and drop what is silent."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from counter_script import answer
from ends import Peer
from memory import Network
from running import ClientRig, Notes
from tw.errors import AnswerTimeout, ConnectError, ExitCode, ProtocolError
from tw.options import TlsClientOptions
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions
from tw.probes.idle_timeout import CounterIdle, EchoIdle
from tw.report import IdleTimeout
from tw.serve_options import ServeCounterOptions, ServeEchoOptions
from tw.services.counter import CounterService
from tw.services.echo import EchoService
from tw.survey_options import SurveyOptions

KINDS = {"echo": (1234, EchoIdle, ProbeEchoOptions), "counter": (8080, CounterIdle, ProbeCounterOptions)}
kinds = pytest.mark.parametrize("kind", KINDS)


class Rig(ClientRig):
    def __init__(
        self, net: Network, notes: Notes, kind: str, max_idle_s: float = 300.0, precision_s: float = 1.0, **options: Any
    ) -> None:
        _, client, chosen = KINDS[kind]
        survey = SurveyOptions(kind="idle", max_idle_s=max_idle_s, precision_s=precision_s)
        made: Any = client
        super().__init__(net, notes, made(net, chosen(survey=survey, **options), notes, survey, net.measured))

    @property
    def found(self) -> IdleTimeout:
        idle_timeout = self.report.idle_timeout
        assert idle_timeout is not None
        return idle_timeout


class Path:
    """Answers on every connection until it has been silent for `timeout_s`; what then is done is `ends`'s."""

    def __init__(self, net: Network, kind: str, timeout_s: float, ends: Callable[[Peer], object]) -> None:
        self.net = net
        self.kind = kind
        self.timeout_s = timeout_s
        self.ends = ends
        self.calls: dict[Peer, Any] = {}
        self.dead: set[Peer] = set()
        net.scripted(KINDS[kind][0], self.hears)

    def hears(self, peer: Peer, data: bytes) -> None:
        if peer in self.dead:
            return
        if peer in self.calls and self.calls[peer].active():
            self.calls[peer].cancel()
        self.calls[peer] = self.net.callLater(self.timeout_s, self.end, peer)
        peer.say(data if self.kind == "echo" else answer(1))

    def end(self, peer: Peer) -> None:
        self.dead.add(peer)
        if peer.lost is None:
            self.ends(peer)

    def stop(self) -> None:
        for call in self.calls.values():
            if call.active():
                call.cancel()


def nothing(peer: Peer) -> None:
    """The path forgets the connection, and tells nobody."""


# What ends by itself --------------------------------------------------------------------------------------------------


@kinds
@pytest.mark.parametrize(("ends", "how"), [(Peer.leave, "closed"), (Peer.cut, "reset")])
def test_an_end_that_is_seen_is_told_with_its_time(
    net: Network, notes: Notes, kind: str, ends: Callable[[Peer], object], how: str
) -> None:
    path = Path(net, kind, 30.0, ends)
    rig = Rig(net, notes, kind)
    net.pass_s(29.9)
    assert not rig.running.over
    net.pass_s(0.2)
    assert rig.running.result is None
    assert rig.found == IdleTimeout(kept_s=30.0, lost_s=30.0, how=how)  # type: ignore[arg-type]  # a word of it
    assert (rig.code, rig.report.ok) == (ExitCode.OK, True)
    assert notes.samples[-1].outcome == how
    path.stop()
    net.settle()


@kinds
def test_one_that_is_used_just_when_it_ends_does_not_blur_it(net: Network, notes: Notes, kind: str) -> None:
    path = Path(net, kind, 2.1, Peer.leave)
    known = path.hears

    def hears(peer: Peer, data: bytes) -> None:
        if peer in path.calls and net.seconds() >= 2.0:
            peer.leave()
        else:
            known(peer, data)

    net.scripted(KINDS[kind][0], hears)
    rig = Rig(net, notes, kind, max_idle_s=4.0)
    net.pass_s(2.05)
    assert [sample.outcome for sample in notes.samples] == ["ok", "closed"]
    assert not rig.running.over
    net.pass_s(0.1)
    assert rig.running.result is None
    assert (rig.found.kept_s, rig.found.lost_s) == (pytest.approx(2.1), pytest.approx(2.1))
    path.stop()
    net.settle()


@pytest.mark.parametrize("tls", [False, True])
def test_the_server_s_own_idle_timeout_is_found(net: Network, notes: Notes, tls: bool) -> None:
    options = ServeEchoOptions(idle_timeout_s=8.0, tls_self_signed=tls)
    service = EchoService(net, options, lambda event: None)
    (listening,) = net.run(service.start()).result
    rig = Rig(net, notes, "echo", tls=tls, verify=TlsClientOptions(pin=listening.pin))
    net.pass_s(11.0)
    assert rig.running.result is None
    assert rig.found.how == "closed"
    assert 8.0 <= rig.found.kept_s <= 10.0
    net.settle()
    assert net.run(service.stop()).over


def test_the_server_s_own_keepalive_timeout_is_found(net: Network, notes: Notes) -> None:
    service = CounterService(net, ServeCounterOptions(keepalive_timeout_s=20.0), lambda event: None, net.measured)
    net.run(service.start())
    rig = Rig(net, notes, "counter")
    net.pass_s(26.0)
    assert rig.running.result is None
    assert (rig.found.how, 20.0 <= rig.found.kept_s <= 25.0) == ("closed", True)
    net.settle()
    assert net.run(service.stop()).over


# What is dropped in silence -------------------------------------------------------------------------------------------


@kinds
def test_a_silent_drop_is_found_by_bisection(net: Network, notes: Notes, kind: str) -> None:
    path = Path(net, kind, 100.3, nothing)
    rig = Rig(net, notes, kind)
    net.pass_s(1000.0)
    assert rig.running.result is None
    found = rig.found
    assert found.how == "dropped"
    assert found.lost_s is not None
    assert found.kept_s < 100.3 <= found.lost_s <= found.kept_s + 1.001
    assert rig.report.duration_s < 3 * (150 + 5)
    assert rig.report.lost == rig.report.sent - rig.report.received > 0
    assert {sample.outcome for sample in notes.samples} == {"ok", "dropped"}
    assert "of silence" in notes.samples[0].detail
    path.stop()
    net.settle()


@kinds
def test_a_path_that_resets_what_it_has_forgotten_is_found_as_that(net: Network, notes: Notes, kind: str) -> None:
    path = Path(net, kind, 10.0, nothing)
    known = path.hears

    def hears(peer: Peer, data: bytes) -> None:
        if peer in path.dead:
            peer.cut()
        else:
            known(peer, data)

    net.scripted(KINDS[kind][0], hears)
    rig = Rig(net, notes, kind, max_idle_s=60.0)
    net.pass_s(300.0)
    assert rig.running.result is None
    assert rig.found.how == "reset"
    assert rig.found.lost_s is not None
    assert rig.found.kept_s < 10.0 <= rig.found.lost_s <= rig.found.kept_s + 1.001
    path.stop()
    net.settle()


# What is kept ---------------------------------------------------------------------------------------------------------


@kinds
def test_a_path_that_keeps_them_all_is_told_as_that(net: Network, notes: Notes, kind: str) -> None:
    path = Path(net, kind, 10_000.0, nothing)
    rig = Rig(net, notes, kind, max_idle_s=60.0)
    net.pass_s(59.9)
    assert not rig.running.over
    net.pass_s(0.2)
    assert rig.running.result is None
    assert rig.found == IdleTimeout(kept_s=60.0, lost_s=None, how=None)
    assert (rig.code, rig.report.ok, rig.report.lost) == (ExitCode.OK, True, 0)
    path.stop()
    net.settle()


# What cannot be found -------------------------------------------------------------------------------------------------


def test_a_server_that_is_not_there_is_a_connect_error(net: Network, notes: Notes) -> None:
    rig = Rig(net, notes, "echo")
    assert isinstance(rig.running.error, ConnectError)
    assert rig.report.idle_timeout is None


@kinds
def test_a_server_that_never_answers_has_no_silence_to_measure(net: Network, notes: Notes, kind: str) -> None:
    net.scripted(KINDS[kind][0])
    rig = Rig(net, notes, kind, timeout_s=2.0)
    net.pass_s(2.1)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert (rig.report.ok, rig.report.idle_timeout) == (False, None)
    net.settle()


def test_an_answer_that_ends_its_connection_leaves_none_to_be_silent_on(net: Network, notes: Notes) -> None:
    net.scripted(8080, lambda peer, data: peer.say(answer(1, "Connection: close")))
    rig = Rig(net, notes, "counter")
    assert isinstance(rig.running.error, ProtocolError)
    assert "there is none to be silent on" in str(rig.running.error)
    net.settle()


def test_an_answer_after_the_silence_may_be_the_last(net: Network, notes: Notes) -> None:
    """As of a server that counts the requests of a connection."""
    closing = answer(1, "Connection: close")
    net.scripted(8080, lambda peer, data: peer.say(answer(1) if len(peer.got) == len(data) else closing))
    rig = Rig(net, notes, "counter", max_idle_s=2.0)
    net.pass_s(2.1)
    assert rig.running.result is None
    assert rig.found == IdleTimeout(kept_s=2.0)
    net.settle()


def test_a_last_word_that_nobody_asked_for_is_an_end(net: Network, notes: Notes) -> None:
    """A 408 ahead of a close, as some servers send one; here without the close."""
    path = Path(net, "counter", 10.0, partial(Peer.say, data=answer(0, status="408 Request Timeout")))
    rig = Rig(net, notes, "counter", max_idle_s=60.0)
    net.pass_s(300.0)
    assert rig.running.result is None
    assert rig.found.how == "closed"
    assert rig.found.lost_s is not None
    assert rig.found.kept_s < 10.0 <= rig.found.lost_s <= rig.found.kept_s + 1.001
    path.stop()
    net.settle()


@kinds
def test_a_run_that_is_cut_short_tells_what_it_knows_and_leaves_nothing(net: Network, notes: Notes, kind: str) -> None:
    path = Path(net, kind, 1000.0, nothing)
    rig = Rig(net, notes, kind)
    net.pass_s(20.0)
    report = rig.cancel()
    assert (report.ok, report.idle_timeout) == (False, IdleTimeout(kept_s=18.75))
    net.settle()
    assert all(peer.lost is not None for peer in net.peers)
    path.stop()
