"""stdin, read by a real thread from a real pipe or file; and talk mode, which sends it and shows what comes back."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError
from twisted.protocols.tls import TLSMemoryBIOFactory

from ends import Peer
from memory import Network
from running import Notes, Running, Stdin
from tw.core.target import HostTarget
from tw.errors import ConnectError, ExitCode, ProtocolError
from tw.net.tls import self_signed_tls
from tw.options import TlsClientOptions
from tw.probes.connecting import Connector, Route
from tw.probes.terminal import READ_BYTES, StdinReader, Talk

PORT = 7
IDLE_S = 1.0


class Reading:
    """A reader, and what it gave."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.got: list[bytes] = []
        self.ended = 0
        self.reader = StdinReader(net, self.got.append, self._end)

    def _end(self) -> None:
        self.ended += 1


@pytest.fixture
def reading(net: Network, stdin: Stdin) -> Iterator[Reading]:
    """Ends before stdin is closed, so that its thread does."""
    made = Reading(net)
    yield made
    made.reader.stopProducing()


# stdin ---------------------------------------------------------------------------------------------------------------


def test_what_is_typed_arrives_and_then_the_end(reading: Reading, stdin: Stdin) -> None:
    reading.reader.start()
    for data in (b"one\n", b"two\n"):
        stdin.type(data)
        reading.net.hear_thread()
    assert (reading.got, reading.ended) == ([b"one\n", b"two\n"], 0)
    stdin.end()
    reading.net.hear_thread()
    assert (reading.got, reading.ended) == ([b"one\n", b"two\n"], 1)


def test_a_file_is_read_in_pieces_up_to_its_end(reading: Reading, stdin: Stdin, tmp_path: Path) -> None:
    data = os.urandom(2 * READ_BYTES + 5)
    stdin.be_file(tmp_path / "in", data)
    reading.reader.start()
    while not reading.ended:
        reading.net.hear_thread()
    assert b"".join(reading.got) == data
    assert [len(piece) for piece in reading.got] == [READ_BYTES, READ_BYTES, 5]


@pytest.mark.parametrize("held", [False, True])
def test_while_it_is_paused_nothing_more_is_read(reading: Reading, stdin: Stdin, tmp_path: Path, held: bool) -> None:
    stdin.be_file(tmp_path / "in", b"x" * 2 * READ_BYTES)
    reader = reading.reader
    reader.start()
    reader.hold(True) if held else reader.pauseProducing()
    reading.net.hear_thread()
    assert (len(reading.got), reader.paused) == (1, True)
    assert os.lseek(stdin.reading, 0, os.SEEK_CUR) == READ_BYTES
    assert not reader._taken.is_set()
    reader.hold(False) if held else reader.resumeProducing()
    reading.net.hear_thread()
    assert (len(reading.got), reader.paused) == (2, False)


@pytest.mark.parametrize("first_is_hold", [False, True])
def test_of_two_reasons_to_pause_both_must_go(
    reading: Reading, stdin: Stdin, tmp_path: Path, first_is_hold: bool
) -> None:
    stdin.be_file(tmp_path / "in", b"x" * 2 * READ_BYTES)
    reader = reading.reader
    reader.start()
    reader.hold(True)
    reader.pauseProducing()
    reading.net.hear_thread()
    goes: list[Callable[[], None]] = [reader.resumeProducing, lambda: reader.hold(False)]
    for go in goes[::-1] if first_is_hold else goes:
        assert not reader._taken.is_set()
        go()
    reading.net.hear_thread()
    assert len(reading.got) == 2


def test_a_resume_before_anything_was_taken_does_not_make_it_read_ahead(reading: Reading, stdin: Stdin) -> None:
    reading.reader.start()
    stdin.type(b"one\n")
    deliver = reading.net.from_threads.get(timeout=30)
    reading.reader.resumeProducing()
    reading.reader.hold(False)
    assert not reading.reader._taken.is_set()
    deliver()
    assert reading.got == [b"one\n"]


def test_a_reader_that_is_stopped_gives_nothing_more(reading: Reading, stdin: Stdin) -> None:
    reading.reader.start()
    stdin.type(b"one\n")
    deliver = reading.net.from_threads.get(timeout=30)
    reading.reader.stopProducing()
    deliver()
    stdin.close_threads()
    assert (reading.got, reading.ended) == ([], 0)
    assert reading.net.from_threads.empty()


def test_a_reader_that_is_stopped_does_not_tell_of_the_end(reading: Reading, stdin: Stdin) -> None:
    reading.reader.start()
    reading.reader.stopProducing()
    stdin.end()
    reading.net.hear_thread()
    assert reading.ended == 0


class NoDescriptor:
    """What stands for stdin in an embedded interpreter."""

    def fileno(self) -> int:
        raise OSError("there is none")


class Closed:
    def fileno(self) -> int:
        raise ValueError("I/O operation on closed file")


@pytest.mark.parametrize("stream", [None, NoDescriptor(), Closed()])
def test_a_closed_stdin_is_an_empty_one(reading: Reading, monkeypatch: pytest.MonkeyPatch, stream: object) -> None:
    monkeypatch.setattr(sys, "stdin", stream)
    reading.reader.start()
    reading.net.hear_thread()
    assert (reading.got, reading.ended) == ([], 1)


def test_a_stdin_that_breaks_is_at_its_end(reading: Reading, stdin: Stdin, tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)  # which cannot be read as a file
    os.dup2(directory, stdin.reading)
    os.close(directory)
    reading.reader.start()
    reading.net.hear_thread()
    assert (reading.got, reading.ended) == ([], 1)


def test_a_stdin_that_somebody_made_nonblocking_is_waited_for(
    reading: Reading, stdin: Stdin, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.set_blocking(stdin.reading, False)
    found_nothing = stdin.notice_waiting(monkeypatch)
    reading.reader.start()
    assert found_nothing.wait(30)
    stdin.type(b"one\n")
    reading.net.hear_thread()
    assert (reading.got, reading.ended) == ([b"one\n"], 0)


# Talking -------------------------------------------------------------------------------------------------------------


class Talking:
    def __init__(self, net: Network, notes: Notes, stdin: Stdin, tls: TlsClientOptions | None = None) -> None:
        target = HostTarget("127.0.0.1", PORT, tls is not None)
        route = Route(target=target, timeout_s=5.0, verify=tls or TlsClientOptions())
        self.talk = Talk(net, Connector(net, route, net.measured), IDLE_S, notes)
        self.net = net
        self.stdin = stdin
        self.running: Running = net.run(self.talk.run())

    def type(self, data: bytes) -> None:
        self.stdin.type(data)
        self.net.hear_thread()

    def end(self) -> None:
        self.stdin.end()
        self.net.hear_thread()


def echoing(peer: Peer, data: bytes) -> None:
    peer.say(data)


def test_what_is_typed_goes_out_and_what_comes_back_is_shown(net: Network, notes: Notes, stdin: Stdin) -> None:
    net.scripted(PORT, echoing)
    talking = Talking(net, notes, stdin)
    net.pass_s(3600.0)
    talking.type(b"one\n")
    talking.type(b"\x00\xff")
    assert (net.peers[0].got, notes.talked) == (b"one\n\x00\xff", b"one\n\x00\xff")
    assert not talking.running.over
    talking.end()
    assert net.ends[0].shut
    assert talking.running.result is None
    assert talking.talk.conclude(None) == ExitCode.OK


def test_after_the_end_of_stdin_it_reads_until_the_server_has_been_silent_for_long_enough(
    net: Network, notes: Notes, stdin: Stdin
) -> None:
    net.scripted(PORT, meets=Peer.stay)
    talking = Talking(net, notes, stdin)
    talking.end()
    for _ in range(3):
        net.pass_s(0.9)
        net.peers[0].say(b"x")
    net.pass_s(0.9)
    assert not talking.running.over
    net.pass_s(0.1)
    assert talking.running.result is None
    assert notes.talked == b"xxx"
    net.settle()
    assert not net.ends[0].connected


def test_over_tls_there_is_no_half_close_and_only_the_wait(net: Network, notes: Notes, stdin: Stdin) -> None:
    tls = self_signed_tls("127.0.0.1")
    net.scripted(PORT, echoing, wrapped=lambda factory: TLSMemoryBIOFactory(tls.context, False, factory, net))
    talking = Talking(net, notes, stdin, TlsClientOptions(pin=tls.pin))
    talking.type(b"one\n")
    talking.end()
    assert not talking.running.over
    assert not net.ends[0].disconnecting
    net.pass_s(IDLE_S)
    assert talking.running.result is None
    assert notes.talked == b"one\n"


def test_a_server_that_closes_ends_the_conversation_though_stdin_is_open(
    net: Network, notes: Notes, stdin: Stdin
) -> None:
    net.scripted(PORT, meets=lambda peer: (peer.say(b"bye\n"), peer.leave()))
    talking = Talking(net, notes, stdin)
    assert talking.running.result is None
    assert notes.talked == b"bye\n"


@pytest.mark.parametrize("ended", [False, True])
def test_a_connection_that_breaks_is_an_error(net: Network, notes: Notes, stdin: Stdin, ended: bool) -> None:
    net.scripted(PORT, meets=Peer.stay)
    talking = Talking(net, notes, stdin)
    if ended:
        talking.end()
    net.peers[0].cut()
    net.settle()
    assert isinstance(talking.running.error, ProtocolError)
    assert talking.running.error.what == "the peer broke the connection in the middle"


def test_a_server_that_does_not_read_pauses_stdin(net: Network, notes: Notes, stdin: Stdin, tmp_path: Path) -> None:
    stdin.be_file(tmp_path / "in", b"x" * 10 * READ_BYTES)
    net.scripted(PORT, meets=Peer.stop)
    talking = Talking(net, notes, stdin)
    while not talking.talk._stdin.paused:
        net.hear_thread()
    assert len(net.ends[0].out) <= 2 * READ_BYTES
    net.peers[0].go_on()
    net.settle()
    while not talking.running.over:
        net.hear_thread()
    assert len(net.peers[0].got) == 10 * READ_BYTES


def test_a_refused_connection_reads_nothing(net: Network, notes: Notes, stdin: Stdin) -> None:
    talking = Talking(net, notes, stdin)
    assert isinstance(talking.running.error, ConnectError)
    stdin.close_threads()
    assert net.from_threads.empty()


def test_a_conversation_that_is_cut_short_leaves_nothing_behind(net: Network, notes: Notes, stdin: Stdin) -> None:
    net.scripted(PORT)
    talking = Talking(net, notes, stdin)
    talking.running.deferred.cancel()
    assert isinstance(talking.running.error, CancelledError)
    net.settle()
    assert not net.ends[0].connected
    talking.type(b"too late\n")
    assert net.peers[0].got == b""
