"""Publishing: each line comes back, or was accepted, and nothing is waited for for ever."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.protocols.tls import TLSMemoryBIOFactory

from ends import Peer
from memory import Network
from running import ClientRig, Notes
from tw.errors import AnswerTimeout, ExitCode, ProtocolError
from tw.net.tls import self_signed_tls
from tw.options import TlsClientOptions
from tw.probe_options import ProbePubSubOptions
from tw.probes import publish
from tw.probes.publish import Publish
from tw.report import Delivery
from tw.serve_options import ServePubSubOptions
from tw.services.pubsub import PubSubService

PORT = 1025


class Rig(ClientRig):
    def __init__(self, net: Network, notes: Notes, *lines: str, **options: Any) -> None:
        options["publish"] = lines
        super().__init__(net, notes, Publish(net, ProbePubSubOptions(**options), notes, net.measured))

    @property
    def delivery(self) -> Delivery:
        found = self.report.delivery
        assert found is not None
        return found


@pytest.fixture
def server(net: Network) -> PubSubService:
    service = PubSubService(net, ServePubSubOptions(), lambda event: None)
    net.run(service.start())
    return service


def sends(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Peer, bytes], None]:
    """A server that sends back what `change` makes of the lines of one read."""
    return lambda peer, data: peer.say(b"".join(change(data.splitlines(keepends=True))))


# Each line comes back ------------------------------------------------------------------------------------------------


def test_every_line_comes_back_from_the_matching_server(net: Network, notes: Notes, server: PubSubService) -> None:
    rig = Rig(net, notes, "one", "", "two", "two", "ä\udcff")
    assert rig.running.result is None
    report = rig.report
    assert (report.ok, report.sent, report.received, report.lost, report.sent_bytes) == (True, 5, 5, 0, 17)
    assert rig.delivery == Delivery(published=5, delivered=5, expected=5, foreign=0)
    assert (rig.code, report.errors, report.rtt_ms.min is None) == (ExitCode.OK, {}, False)
    assert net.run(server.stop()).result.more["lines"] == 5


PREFIXES = [b"", b"<192.0.2.1:5> ", b"<[::1]:5> ", b"<unix:3> <192.0.2.1:5> ", b"<a> <b> <c> <d> "]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("text", ["x", "<a> b", "> ", "<", "<> <>"])
def test_a_line_is_known_behind_its_prefixes(net: Network, notes: Notes, prefix: bytes, text: str) -> None:
    net.scripted(PORT, sends(lambda lines: [prefix + line for line in lines]))
    rig = Rig(net, notes, text)
    assert rig.running.result is None
    assert rig.report.ok


@pytest.mark.parametrize("line", [b"other\n", b"<a other\n", b"> x\n", b"<a> <b> <c> <d> <e> x\n", b"y x\n", b"\n"])
def test_lines_of_others_are_foreign(net: Network, notes: Notes, line: bytes) -> None:
    net.scripted(PORT, sends(lambda lines: [line, b"<a> ", *lines]))
    rig = Rig(net, notes, "x")
    assert rig.running.result is None
    assert rig.report.ok
    assert rig.delivery.foreign == 1


def test_a_lost_line_is_one_lost_line_and_those_behind_it_are_not(net: Network, notes: Notes) -> None:
    net.scripted(PORT, sends(lambda lines: [line for line in lines if line != b"b\n"]))
    rig = Rig(net, notes, "a", "b", "c", "d", timeout_s=2.0)
    net.pass_s(2.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.received, report.lost, report.errors, report.ok) == (3, 1, {"timeout": 1}, False)
    assert (rig.delivery.foreign, rig.code) == (0, ExitCode.BAD_VERDICT)


def test_what_overtakes_is_told_as_reordering(net: Network, notes: Notes) -> None:
    net.scripted(PORT, sends(lambda lines: [lines[0], lines[2], lines[1]]))
    rig = Rig(net, notes, "a", "b", "c")
    assert rig.running.result is None
    report = rig.report
    assert (report.received, report.lost, report.reordered, report.ok) == (3, 0, 1, False)
    assert rig.code == ExitCode.BAD_VERDICT


def test_no_line_back_is_a_timeout_that_names_the_way_out(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, "a", "b", timeout_s=2.0)
    net.pass_s(2.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert str(rig.running.error) == (
        "connected, and no line came back (127.0.0.1:1025); waited 2 s; under the server's --no-echo use --no-wait"
    )
    assert rig.report.lost == 2


def test_what_others_say_does_not_make_the_wait_longer(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, "a", timeout_s=2.0)
    for _ in range(8):
        net.pass_s(0.25)
        net.peers[0].say(b"<b> chatter\n")
    net.settle()
    assert isinstance(rig.running.error, AnswerTimeout)


def test_the_wait_begins_anew_with_each_line_that_comes_back(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, "a", "b", "c", timeout_s=2.0)
    for line in (b"a\n", b"b\n", b"c\n"):
        net.pass_s(1.5)
        net.peers[0].say(line)
    net.settle()
    assert rig.running.result is None
    assert rig.report.ok


@pytest.mark.parametrize(("leave", "how"), [(Peer.leave, "closed"), (Peer.cut, "broke")])
def test_a_server_that_leaves_before_all_is_back(
    net: Network, notes: Notes, leave: Callable[[Peer], None], how: str
) -> None:
    net.scripted(PORT, lambda peer, data: leave(peer))
    rig = Rig(net, notes, "a")
    assert isinstance(rig.running.error, ProtocolError)
    assert rig.running.error.what == f"the peer {how} the connection in the middle"
    assert (rig.report.lost, rig.code) == (1, ExitCode.BAD_VERDICT)


def test_a_line_without_an_end_is_not_held_in_memory_for_ever(
    net: Network, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "MAX_LINE_BYTES", 100)
    net.scripted(PORT, lambda peer, data: peer.say(b"x" * 101))
    rig = Rig(net, notes, "a")
    assert isinstance(rig.running.error, ProtocolError)
    assert (rig.report.received, rig.report.lost) == (0, 1)


def test_what_was_under_way_when_the_server_left_is_lost(net: Network, notes: Notes) -> None:
    def hears(peer: Peer, data: bytes) -> None:
        peer.say(data.splitlines(keepends=True)[0])
        peer.leave()

    net.scripted(PORT, hears)
    rig = Rig(net, notes, "a", "b", "c")
    assert isinstance(rig.running.error, ProtocolError)
    assert (rig.report.sent, rig.report.received, rig.report.lost) == (3, 1, 2)


@pytest.mark.parametrize("wait", [True, False])
def test_a_run_that_is_cut_short_leaves_nothing_and_calls_nothing_lost(net: Network, notes: Notes, wait: bool) -> None:
    net.scripted(PORT, meets=Peer.stay)
    rig = Rig(net, notes, "a", "b", wait=wait)
    report = rig.cancel()
    assert not net.ends[0].connected
    assert (report.sent, report.received, report.lost) == (2, 0, 0)


# Accepted is enough --------------------------------------------------------------------------------------------------


def test_without_waiting_a_line_counts_once_the_server_has_read_all(
    net: Network, notes: Notes, server: PubSubService
) -> None:
    rig = Rig(net, notes, "a", "b", wait=False)
    assert rig.running.result is None
    assert (rig.report.ok, rig.report.received, rig.report.lost) == (True, 2, 0)
    assert rig.delivery == Delivery(published=2, delivered=0, expected=0, foreign=0)
    assert net.run(server.stop()).result.more["lines"] == 2


def test_without_waiting_over_tls_the_end_is_tls_own(net: Network, notes: Notes) -> None:
    tls = self_signed_tls("127.0.0.1")
    net.scripted(PORT, wrapped=lambda factory: TLSMemoryBIOFactory(tls.context, False, factory, net))
    rig = Rig(net, notes, "a", wait=False, tls=True, verify=TlsClientOptions(pin=tls.pin))
    assert rig.running.result is None
    assert (net.peers[0].got, rig.report.received) == (b"a\n", 1)


def test_without_waiting_a_server_that_never_reads_to_the_end_is_a_timeout(net: Network, notes: Notes) -> None:
    net.scripted(PORT, meets=Peer.stay)
    rig = Rig(net, notes, "a", wait=False, timeout_s=2.0)
    net.pass_s(1.0)
    net.peers[0].say(b"noise\n")
    net.pass_s(1.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert rig.running.error.what == "the server did not take the lines"
    assert (rig.report.sent, rig.report.received, rig.report.lost) == (1, 0, 1)


def test_without_waiting_a_broken_connection_has_accepted_nothing(net: Network, notes: Notes) -> None:
    net.scripted(PORT, lambda peer, data: peer.cut())
    rig = Rig(net, notes, "a", "b", wait=False)
    assert isinstance(rig.running.error, ProtocolError)
    assert (rig.report.sent, rig.report.received, rig.report.lost) == (2, 0, 2)
