"""Subscribing: every line as it comes, until enough came, or nothing does."""

from collections.abc import Callable
from typing import Any

import pytest

from ends import Peer
from memory import Network
from running import ClientRig, Notes
from tw.errors import AnswerTimeout, ExitCode, ProtocolError
from tw.probe_options import ProbePubSubOptions
from tw.probes import subscribe
from tw.probes.publish import Publish
from tw.probes.subscribe import Subscribe
from tw.report import SubscribeSummary
from tw.serve_options import ServePubSubOptions
from tw.services.pubsub import PubSubService

PORT = 1025


class Rig(ClientRig):
    def __init__(self, net: Network, notes: Notes, **options: Any) -> None:
        options["subscribe"] = True
        super().__init__(net, notes, Subscribe(net, ProbePubSubOptions(**options), notes, net.measured))

    @property
    def summary(self) -> SubscribeSummary:
        assert self.code == ExitCode.OK
        return self.notes.summaries[-1]

    def hear(self, data: bytes) -> None:
        self.net.peers[0].say(data)
        self.net.settle()


def test_lines_of_the_matching_server_are_shown_with_their_source(net: Network, notes: Notes) -> None:
    service = PubSubService(net, ServePubSubOptions(), lambda event: None)
    net.run(service.start())
    rig = Rig(net, notes, subscribe_count=2)
    net.pass_s(1.5)
    publisher = Publish(net, ProbePubSubOptions(publish=("one", "two")), Notes(), net.measured)
    assert net.run(publisher.run()).over
    assert rig.running.result is None
    assert notes.lines == [b"<127.0.0.1:61000> one", b"<127.0.0.1:61000> two"]
    summary = rig.summary
    assert (summary.ok, summary.lines, summary.expected, summary.duration_s) == (True, 2, 2, 1.5)
    assert (summary.target, summary.received_bytes) == ("127.0.0.1:1025", 44)
    assert net.run(service.stop()).over


@pytest.mark.parametrize("cut", range(1, 14))
def test_lines_are_the_same_however_they_arrive(net: Network, notes: Notes, cut: int) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, subscribe_count=3)
    data = b"one\r\n\ntwo two\nrest"
    rig.hear(data[:cut])
    rig.hear(data[cut:])
    assert notes.lines == [b"one", b"", b"two two"]
    assert rig.running.result is None


def test_no_more_than_the_count_is_shown(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, subscribe_count=1)
    rig.hear(b"one\ntwo\nthree\n")
    assert rig.running.result is None
    assert (notes.lines, rig.summary.lines) == ([b"one"], 1)
    assert (net.ends[0].connected, net.ends[0].aborted) == (False, False)


def test_without_a_count_it_goes_on_for_ever(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes)
    for _ in range(3):
        net.pass_s(3600.0)
        rig.hear(b"line\n")
    assert not rig.running.over
    assert len(notes.lines) == 3
    rig.cancel()
    assert not net.ends[0].connected
    assert rig.summary.ok is False


def test_silence_ends_it_and_any_line_begins_it_anew(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, idle_s=2.0)
    net.pass_s(1.9)
    rig.hear(b"line\n")
    net.pass_s(1.9)
    assert not rig.running.over
    net.pass_s(0.1)
    assert rig.running.result is None
    assert (rig.summary.ok, rig.summary.expected, rig.summary.lines) == (True, None, 1)


def test_silence_before_enough_came_is_a_timeout(net: Network, notes: Notes) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, subscribe_count=3, idle_s=2.0)
    rig.hear(b"one\ntwo\nthr")
    net.pass_s(2.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert str(rig.running.error) == "2 of 3 lines came (127.0.0.1:1025); then 2 s of silence; see --idle"
    assert rig.summary.ok is False


@pytest.mark.parametrize("count", [None, 3])
@pytest.mark.parametrize(("leave", "how"), [(Peer.leave, "closed"), (Peer.cut, "broke")])
def test_a_server_that_leaves_is_an_error(
    net: Network, notes: Notes, leave: Callable[[Peer], None], how: str, count: int | None
) -> None:
    net.scripted(PORT)
    rig = Rig(net, notes, subscribe_count=count)
    rig.hear(b"one\n")
    leave(net.peers[0])
    net.settle()
    assert isinstance(rig.running.error, ProtocolError)
    assert rig.running.error.what == f"the peer {how} the connection in the middle"
    summary = rig.summary
    assert (summary.lines, summary.ok, summary.error) == (1, False, rig.running.error)


def test_a_server_that_leaves_with_the_last_line_is_none(net: Network, notes: Notes) -> None:
    def meets(peer: Peer) -> None:
        peer.say(b"one\n")
        peer.leave()

    net.scripted(PORT, meets=meets)
    rig = Rig(net, notes, subscribe_count=1)
    assert rig.running.result is None
    assert rig.summary.ok


def test_a_line_without_an_end_is_not_held_in_memory_for_ever(
    net: Network, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribe, "MAX_LINE_BYTES", 100)
    net.scripted(PORT, meets=lambda peer: peer.say(b"x" * 101))
    rig = Rig(net, notes)
    assert isinstance(rig.running.error, ProtocolError)
    assert rig.running.error.what.startswith("a line of over ")
    assert notes.lines == []
