"""`tw probe echo --diff`: with its own server, and with peers that say something else."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ends import Peer
from memory import DIALLER_PORT, Network
from running import ClientRig, Notes
from tw.core.difference import BodyPath, PathDifference, TlsPath
from tw.core.sight import ProxySight, Sight
from tw.errors import AnswerTimeout, ExitCode, ProtocolError
from tw.options import TlsClientOptions
from tw.probe_options import ProbeEchoOptions
from tw.probes.echo_diff import LINE_LIMIT_BYTES, EchoDiff
from tw.serve_options import ServeEchoOptions
from tw.services.echo import EchoService
from tw.survey_options import SurveyOptions

PORT = 1234
PLACE = "127.0.0.1:1234"
SOURCE = f"127.0.0.1:{DIALLER_PORT}"
PROXY = ProxySight(version=2, source=SOURCE, destination="10.0.0.1:1", told={"authority": "a"})


class Rig(ClientRig):
    def __init__(self, net: Network, notes: Notes, **options: Any) -> None:
        chosen = ProbeEchoOptions(survey=SurveyOptions(kind="diff"), **options)
        super().__init__(net, notes, EchoDiff(net, chosen, notes, net.measured))

    @property
    def found(self) -> PathDifference:
        difference = self.report.difference
        assert difference is not None
        return difference


def line(**more: Any) -> bytes:
    sight = Sight(**{"peer": SOURCE, "local": PLACE, **more})
    return json.dumps({"v": 1, "describe": sight.to_json()}).encode() + b"\n"


def describing(first: bytes, harm: Callable[[bytes], bytes] = lambda data: data) -> Callable[[Peer, bytes], None]:
    """A server that says `first`, and then echoes what a path makes of it."""

    def hears(peer: Peer, data: bytes) -> None:
        told, rest = (first, data) if len(peer.got) == len(data) else (b"", data)
        peer.say(told + harm(rest))

    return hears


def run(net: Network, notes: Notes, hears: Callable[[Peer, bytes], object], **options: Any) -> Rig:
    net.scripted(PORT, hears)
    return Rig(net, notes, **options)


@pytest.mark.parametrize("tls", [False, True])
def test_a_straight_path_changes_nothing(net: Network, notes: Notes, tls: bool) -> None:
    service = EchoService(net, ServeEchoOptions(describe=True, tls_self_signed=tls), lambda event: None)
    (listening,) = net.run(service.start()).result
    rig = Rig(net, notes, tls=tls, verify=TlsClientOptions(pin=listening.pin), size_bytes=100_000)
    assert rig.running.result is None
    assert (rig.code, rig.report.ok, rig.report.sent, rig.report.received) == (ExitCode.OK, True, 1, 1)
    assert rig.found.request is None
    assert (rig.found.response.body, rig.found.response.first) == (BodyPath.SAME, None)
    assert rig.found.connection.tls is (TlsPath.PASSED if tls else TlsPath.NONE)
    assert rig.found.connection.source_kept
    net.settle()
    assert service.listener.connections == {}
    assert net.run(service.stop()).over


def test_what_the_server_saw_of_another_peer_is_told(net: Network, notes: Notes) -> None:
    rig = run(net, notes, describing(line(peer="10.0.0.1:7", proxy=PROXY)))
    assert rig.running.result is None
    connection = rig.found.connection
    assert (connection.source_kept, connection.destination_kept) == (False, True)
    assert connection.told_by == ("the PROXY header",)
    assert connection.server.proxy == PROXY


def test_a_byte_that_the_path_has_changed_is_found(net: Network, notes: Notes) -> None:
    rig = run(net, notes, describing(line(), lambda data: data[:30] + b"?" + data[31:]))
    assert rig.running.result is None
    response = rig.found.response
    assert (response.body, response.first, response.sizes) == (BodyPath.CHANGED, 30, (64, 64))


def test_one_that_says_more_than_was_asked_fills_no_memory(net: Network, notes: Notes) -> None:
    rig = run(net, notes, describing(line(), lambda data: data + bytes(10 * LINE_LIMIT_BYTES)))
    assert rig.running.result is None
    assert rig.found.response.body is BodyPath.CHANGED
    assert len(rig.client._came) <= LINE_LIMIT_BYTES + 64 + 1


@pytest.mark.parametrize("leaves", [False, True])
def test_an_echo_that_stops_half_way_is_a_change(net: Network, notes: Notes, leaves: bool) -> None:
    echo = describing(line(), lambda data: data[:30])

    def hears(peer: Peer, data: bytes) -> None:
        echo(peer, data)
        if leaves:
            peer.leave()

    rig = run(net, notes, hears)
    if not leaves:
        net.pass_s(5.1)
    assert rig.running.result is None
    response = rig.found.response
    assert (response.body, response.first, response.sizes) == (BodyPath.CHANGED, 30, (64, 30))


@pytest.mark.parametrize(
    "first",
    [b"", b"hello\n", b"{}\n", b'{"describe": 1}\n', b"{" * (LINE_LIMIT_BYTES + 10)],
    ids=["an echo", "a greeting", "an object", "a number", "no end"],
)
def test_a_server_that_does_not_describe_is_told_how_to(net: Network, notes: Notes, first: bytes) -> None:
    rig = run(net, notes, describing(first))
    error = rig.running.error
    assert isinstance(error, ProtocolError)
    assert error.hint == "start it with `tw serve echo --describe`"
    assert (rig.report.ok, rig.report.sent, rig.report.received, rig.report.difference) == (False, 1, 1, None)


@pytest.mark.parametrize(
    ("said", "error"),
    [(b"", AnswerTimeout), (b'{"v": 1', ProtocolError), (line(), AnswerTimeout)],
    ids=["nothing", "half a line", "a line alone"],
)
def test_one_that_falls_silent_is_known_when_the_time_is_up(
    net: Network, notes: Notes, said: bytes, error: type[Exception]
) -> None:
    rig = run(net, notes, lambda peer, data: peer.say(said), timeout_s=2.0)
    net.pass_s(1.9)
    assert not rig.running.over
    net.pass_s(0.2)
    assert isinstance(rig.running.error, error)


def test_one_that_leaves_is_told_as_that(net: Network, notes: Notes) -> None:
    rig = run(net, notes, lambda peer, data: peer.leave())
    assert "closed the connection in the middle" in str(rig.running.error)


def test_a_run_that_is_cut_short_leaves_nothing(net: Network, notes: Notes) -> None:
    rig = run(net, notes, lambda peer, data: None)
    report = rig.cancel()
    assert (report.ok, report.difference) == (False, None)
    assert (report.sent, report.received, report.lost) == (1, 0, 0)
    net.settle()
    assert net.peers[0].lost is not None
