"""Publishing what stdin holds: read by a real thread, no further than the window and the connection allow."""

from pathlib import Path
from typing import Any

import pytest

from ends import Peer
from memory import Network
from running import ClientRig, Notes, Stdin
from tw.errors import AnswerTimeout, ExitCode, LocalError, ProtocolError
from tw.probe_options import ProbePubSubOptions
from tw.probes import publish
from tw.probes.publish import LINE_COST_BYTES, WINDOW_BYTES, Publish
from tw.probes.terminal import READ_BYTES

PORT = 1025


class Rig(ClientRig):
    def __init__(self, net: Network, notes: Notes, *lines: str, **options: Any) -> None:
        options["publish"] = lines or ("-",)
        super().__init__(net, notes, Publish(net, ProbePubSubOptions(**options), notes, net.measured))

    def hear_to_the_end(self) -> None:
        while not self.running.over:
            self.net.hear_thread()

    def hear_until_paused(self) -> None:
        while not self.client._stdin.paused:
            self.net.hear_thread()


def returning(peer: Peer, data: bytes) -> None:
    peer.say(data)


def test_lines_of_stdin_are_published_in_their_place(net: Network, notes: Notes, stdin: Stdin) -> None:
    net.scripted(PORT, returning)
    stdin.type(b"two\nthree\r\nfour\r\r\nfive")
    stdin.end()
    rig = Rig(net, notes, "one", "-", "six")
    rig.hear_to_the_end()
    assert rig.running.result is None
    assert net.peers[0].got == b"one\ntwo\nthree\nfour\r\nfive\nsix\n"
    assert (rig.report.ok, rig.report.sent, rig.report.received) == (True, 6, 6)


def test_a_lone_cr_at_the_end_of_stdin_is_part_of_the_lines_end(net: Network, notes: Notes, stdin: Stdin) -> None:
    net.scripted(PORT, returning)
    stdin.type(b"one\r")
    stdin.end()
    rig = Rig(net, notes)
    rig.hear_to_the_end()
    assert rig.running.result is None
    assert rig.report.ok


def test_an_empty_stdin_publishes_nothing_and_is_fine(net: Network, notes: Notes, stdin: Stdin) -> None:
    net.scripted(PORT, returning)
    stdin.end()
    rig = Rig(net, notes)
    rig.hear_to_the_end()
    assert rig.running.result is None
    assert (rig.report.sent, rig.report.ok, rig.code) == (0, True, ExitCode.OK)


def test_stdin_is_waited_for_as_long_as_it_takes(net: Network, notes: Notes, stdin: Stdin) -> None:
    net.scripted(PORT, returning)
    rig = Rig(net, notes, timeout_s=2.0)
    net.pass_s(3600.0)
    stdin.type(b"at last\n")
    net.hear_thread()
    assert not rig.running.over
    stdin.end()
    rig.hear_to_the_end()
    assert rig.running.result is None
    assert rig.report.received == 1


@pytest.mark.parametrize(("text", "lines"), [(b"\n", 200_000), (b"x" * 999 + b"\n", 20_000)])
def test_stdin_is_read_no_further_than_the_window(
    net: Network, notes: Notes, stdin: Stdin, tmp_path: Path, text: bytes, lines: int
) -> None:
    stdin.be_file(tmp_path / "in", text * lines)
    net.scripted(PORT)
    rig = Rig(net, notes, timeout_s=2.0)
    rig.hear_until_paused()
    got = net.peers[0].got
    assert rig.client._under_way_bytes <= WINDOW_BYTES + READ_BYTES * LINE_COST_BYTES
    assert len(got) < WINDOW_BYTES + 2 * READ_BYTES
    net.pass_s(1.5)
    net.peers[0].say(got)  # all of it comes back: there is room again
    net.settle()
    assert not rig.client._stdin.paused
    net.peers[0].hears = returning
    rig.hear_to_the_end()
    assert rig.running.result is None
    assert (rig.report.ok, rig.report.received) == (True, lines)


def test_a_server_that_sends_nothing_back_ends_the_run_before_stdin_does(
    net: Network, notes: Notes, stdin: Stdin, tmp_path: Path
) -> None:
    stdin.be_file(tmp_path / "in", b"x\n" * 100_000)
    net.scripted(PORT)
    rig = Rig(net, notes, "-", "never", timeout_s=2.0)
    rig.hear_until_paused()
    for _ in range(4):
        net.pass_s(0.5)
        net.peers[0].say(b"<b> chatter\n")
    net.settle()
    assert isinstance(rig.running.error, AnswerTimeout)
    report = rig.report
    assert 0 < report.lost == report.sent < 100_000
    assert b"never" not in net.peers[0].got


def test_a_server_that_stops_sending_back_gets_a_bad_verdict(
    net: Network, notes: Notes, stdin: Stdin, tmp_path: Path
) -> None:
    stdin.be_file(tmp_path / "in", b"x\n" * 100_000)
    net.scripted(PORT, meets=lambda peer: peer.say(b""))
    rig = Rig(net, notes, timeout_s=2.0)
    rig.hear_until_paused()
    net.peers[0].say(b"x\n")
    net.pass_s(2.0)
    assert rig.running.result is None
    report = rig.report
    assert (report.received, report.lost, rig.code) == (1, report.sent - 1, ExitCode.BAD_VERDICT)


def test_a_server_that_does_not_read_is_a_timeout_and_stdin_is_not_held_in_memory(
    net: Network, notes: Notes, stdin: Stdin, tmp_path: Path
) -> None:
    stdin.be_file(tmp_path / "in", b"x" * 999 + b"\n" + b"y\n" * 1_000_000)
    net.scripted(PORT, meets=lambda peer: peer.stop())
    rig = Rig(net, notes, wait=False, timeout_s=2.0)
    rig.hear_until_paused()
    assert len(net.ends[0].out) <= 2 * READ_BYTES
    net.peers[0].say(b"<b> chatter makes no room\n")
    net.pass_s(2.0)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert rig.running.error.what == "the server did not take the lines"
    assert len(net.ends[0].out) <= 2 * READ_BYTES


def test_a_server_that_reads_slowly_gets_everything(net: Network, notes: Notes, stdin: Stdin, tmp_path: Path) -> None:
    data = b"x" * 99 + b"\n"
    stdin.be_file(tmp_path / "in", data * 10_000)
    net.scripted(PORT, meets=lambda peer: peer.stop())
    rig = Rig(net, notes, wait=False, timeout_s=2.0)
    while not rig.running.over:
        rig.hear_until_paused()
        net.pass_s(1.5)
        net.peers[0].go_on()
        net.settle()
        if not rig.client._input_over:
            net.peers[0].stop()
            if not rig.client._stdin.paused:
                net.hear_thread()
    assert rig.running.result is None
    assert (rig.report.received, net.peers[0].got == data * 10_000) == (10_000, True)


def test_a_server_that_leaves_while_stdin_is_open(net: Network, notes: Notes, stdin: Stdin) -> None:
    net.scripted(PORT, lambda peer, data: peer.leave())
    rig = Rig(net, notes)
    stdin.type(b"one\n")
    net.hear_thread()
    assert isinstance(rig.running.error, ProtocolError)
    assert rig.report.sent == 1


def test_lines_typed_after_the_server_left_are_not_published(net: Network, notes: Notes, stdin: Stdin) -> None:
    net.scripted(PORT, meets=Peer.leave)
    rig = Rig(net, notes)
    assert isinstance(rig.running.error, ProtocolError)
    stdin.type(b"one\n")
    net.hear_thread()
    assert rig.report.sent == 0


@pytest.mark.parametrize("data", [b"x" * 101, b"x" * 100 + b"\r"])
def test_a_line_of_stdin_that_is_too_long_is_a_local_error(
    net: Network, notes: Notes, stdin: Stdin, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(publish, "MAX_LINE_BYTES", 100)
    net.scripted(PORT, returning)
    stdin.type(b"one\n" + data)
    stdin.end()
    rig = Rig(net, notes)
    rig.hear_to_the_end()
    assert isinstance(rig.running.error, LocalError)
    assert str(rig.running.error) == "a line of over 100 bytes (stdin); publish shorter lines"


def test_a_run_that_is_cut_short_reads_stdin_no_further(net: Network, notes: Notes, stdin: Stdin) -> None:
    net.scripted(PORT, returning)
    rig = Rig(net, notes)
    report = rig.cancel()
    stdin.type(b"one\n")
    net.hear_thread()
    assert net.peers[0].got == b""
    assert report.sent == 0
