"""A tunnel carries bytes both ways, at the pace of the slower side, and tells how its command ended."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IConsumer, IPushProducer, ITransport
from twisted.logger import LogEvent
from zope.interface.verify import verifyObject

from tunnels import HandTurned, Tunnels
from tw.errors import ConnectError, LocalError, ProtocolError, UsageError
from tw.net.stream import PAUSE_BYTES
from tw.net.tunnel import connect_tunnel
from tw.protocols.client import ClientConnection

MEGABYTE = 1024 * 1024


@pytest.fixture
def tunnels(tmp_path: Path) -> Iterator[Tunnels]:
    reactor = HandTurned()
    made = Tunnels(reactor, tmp_path)
    yield made
    made.close()
    reactor.close()


class Source:
    """A producer of `total` bytes that differ."""

    def __init__(self, end: ClientConnection, total: int) -> None:
        self._end = end
        self._left = total
        self.hash = hashlib.sha256()
        self.paused = self.pauses = self.stops = 0

    def begin(self) -> None:
        self._end.stream.produce_with(self)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self.paused = False
        while self._left and not self.paused:
            piece = hashlib.shake_128(b"%d" % self._left).digest(min(self._left, 30_000))
            self._left -= len(piece)
            self.hash.update(piece)
            self._end.stream.write(piece)
        if not self._left:
            self._end.stream.half_close()

    def pauseProducing(self) -> None:
        self.paused = True
        self.pauses += 1

    def stopProducing(self) -> None:
        self._left = 0
        self.paused = True
        self.stops += 1


# Bytes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quiet")
def test_bytes_go_to_the_command_and_come_back(tunnels: Tunnels) -> None:
    end = tunnels.open("cat")
    assert end.is_ready
    end.stream.write(b"one ")
    tunnels.reactor.until(lambda: end.got == b"one ")
    end.stream.transport.writeSequence([b"two ", b"three"])
    tunnels.reactor.until(lambda: end.got == b"one two three")
    assert end.ends == []


def test_it_is_a_transport_a_producer_and_a_consumer(tunnels: Tunnels) -> None:
    tunnel = tunnels.open("cat").tunnel
    assert all(verifyObject(interface, tunnel) for interface in (ITransport, IPushProducer, IConsumer))
    assert tunnel.getPeer() == tunnel.getHost()


@pytest.mark.usefixtures("quiet")
def test_the_end_of_what_is_sent_reaches_the_command_and_its_answer_comes_back(tunnels: Tunnels) -> None:
    end = tunnels.open("sort")
    end.stream.write(b"b\na\n")
    assert end.stream.half_close()
    tunnels.reactor.until(lambda: end.ends)
    assert end.got == b"a\nb\n"
    assert isinstance(end.ends[0], ConnectionDone)


@pytest.mark.usefixtures("quiet")
def test_ten_megabytes_go_both_ways_while_each_side_waits_for_the_other(tunnels: Tunnels) -> None:
    end = tunnels.open("cat")
    source = Source(end, 10 * MEGABYTE)
    hears = hashlib.sha256()
    most = 0

    def hear(data: bytes) -> None:
        nonlocal most
        most = max(most, len(end.stream.transport._stdin.dataBuffer) + end.stream.transport._stdin._tempDataLen)
        hears.update(data)
        end.got.clear()
        end.stream.pause_reading()
        tunnels.reactor.callLater(0, end.stream.resume_reading)

    end.hears = hear
    source.begin()
    tunnels.reactor.until(lambda: end.ends)
    assert isinstance(end.ends[0], ConnectionDone)
    assert hears.digest() == source.hash.digest()
    assert source.pauses > 10
    assert most <= PAUSE_BYTES + 30_000


@pytest.mark.usefixtures("quiet")
def test_while_nobody_reads_the_command_must_wait(tunnels: Tunnels) -> None:
    end = tunnels.open("yes")
    tunnels.reactor.until(lambda: end.got)
    end.stream.pause_reading()
    had = len(end.got)
    tunnels.reactor.turns()
    assert len(end.got) == had
    end.stream.resume_reading()
    tunnels.reactor.until(lambda: len(end.got) > had)


@pytest.mark.usefixtures("quiet")
def test_a_command_that_reads_nothing_pauses_whoever_writes(tunnels: Tunnels) -> None:
    end = tunnels.open("echo up; exec sleep 1000")
    tunnels.reactor.until(lambda: end.got)
    source = Source(end, 10 * MEGABYTE)
    source.begin()
    tunnels.reactor.turns()
    assert source.paused
    assert source.stops == 0
    end.abort()
    tunnels.reactor.until(lambda: end.ends)
    assert source.stops == 1


@pytest.mark.usefixtures("quiet")
def test_a_command_that_closes_its_stdin_may_still_speak(tunnels: Tunnels) -> None:
    news, gate = tunnels.fifo(), tunnels.fifo()
    end = tunnels.open(f"exec <&-; echo shut > {news.path}; read go < {gate.path}; echo still here")
    assert news.said() == b"shut\n"
    source = Source(end, MEGABYTE)
    source.begin()
    tunnels.reactor.until(lambda: source.stops)
    end.stream.write(b"to nobody")
    gate.tell(b"go\n")
    tunnels.reactor.until(lambda: end.ends)
    assert end.got == b"still here\n"
    assert isinstance(end.ends[0], ConnectionDone)


# The command ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quiet")
def test_the_command_is_the_shells_and_leads_a_session_without_a_terminal(tunnels: Tunnels) -> None:
    end = tunnels.run('FILE=stat; exec cat "/proc/self/$FILE"')
    pid, group, session, terminal = (end.got.split()[index] for index in (0, 4, 5, 6))
    assert pid == group == session
    assert terminal == b"0"


def test_its_stderr_is_ours(tunnels: Tunnels, capfd: pytest.CaptureFixture[str]) -> None:
    end = tunnels.run("echo Permission denied. >&2; exit 255")
    assert capfd.readouterr() == ("", "Permission denied.\n")
    assert end.got == b""


@pytest.mark.usefixtures("quiet")
def test_it_inherits_nothing_else_of_ours(tunnels: Tunnels) -> None:
    other = tunnels.open("cat")
    end = tunnels.run("exec ls /proc/self/fd")
    assert end.got.split() == [b"0", b"1", b"2", b"3"]  # the last is ls's own
    assert other.ends == []


@pytest.mark.parametrize("command", ["", "  \n", "echo \0"])
def test_what_is_no_command_is_a_usage_error(command: str) -> None:
    with pytest.raises(UsageError, match="the command is empty, or holds a NUL"):
        connect_tunnel(None, command, None)


def test_a_command_that_cannot_be_encoded_is_not_quoted() -> None:
    with pytest.raises(LocalError) as caught:
        connect_tunnel(None, "login hunter2 \ud800", None)
    assert str(caught.value) == "the command cannot be run: UnicodeEncodeError (--tunnel); try it by hand"
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_where_there_are_no_more_processes_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **more: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable", "login hunter2")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(LocalError, match="cannot be run: resource temporarily unavailable") as caught:
        connect_tunnel(None, "login hunter2", None)
    assert "hunter2" not in str(caught.value)


# How it ended --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("command", "kind", "how"),
    [
        ("exit 255", ConnectError, "exit 255"),
        ("true; /nonexistent/hunter2-imapd", ConnectError, "exit 127"),
        ("kill -9 $$", ConnectError, "signal 9"),
        ("exec >&-; exit 4", ConnectError, "exit 4"),
        ("exec <&-; exit 4", ConnectError, "exit 4"),
        ("echo '* OK hello'; exit 1", ProtocolError, "exit 1"),
        ("echo '* OK hello'; kill -TERM $$", ProtocolError, "signal 15"),
    ],
)
def test_a_command_that_fails_tells_its_status_and_no_word_of_itself(
    tunnels: Tunnels, command: str, kind: type[Exception], how: str
) -> None:
    (error,) = tunnels.run(command).ends
    assert type(error) is kind
    assert str(error) == f"the tunnel command failed: {how} (--tunnel); try it by hand"


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(("command", "got"), [("exit 0", b""), ("echo '* BYE'", b"* BYE\n"), ("exec >&-", b"")])
def test_a_command_that_ends_well_is_a_connection_that_does(tunnels: Tunnels, command: str, got: bytes) -> None:
    end = tunnels.run(command)
    assert end.got == got
    assert type(end.ends[0]) is ConnectionDone


@pytest.mark.usefixtures("quiet")
def test_all_that_it_printed_comes_before_its_end(tunnels: Tunnels) -> None:
    end = tunnels.run("head -c 1000000 /dev/zero; exit 3")
    assert len(end.got) == 1_000_000
    assert isinstance(end.ends[0], ProtocolError)


@pytest.mark.usefixtures("quiet")
def test_what_it_printed_waits_for_one_who_reads_late(tunnels: Tunnels) -> None:
    end = tunnels.open("head -c 60000 /dev/zero; exit 3")
    end.stream.pause_reading()
    tunnels.reactor.until(tunnels.all_over)
    tunnels.reactor.pass_s(1000)
    assert (end.got, end.ends) == (b"", [])
    end.hears = lambda data: end.stream.pause_reading()
    end.stream.resume_reading()
    tunnels.reactor.until(lambda: end.ends)
    assert len(end.got) == 60_000


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("how", ["close", "abort"])
def test_one_who_leaves_hears_no_more_of_what_it_printed(tunnels: Tunnels, how: str) -> None:
    end = tunnels.open("head -c 60000 /dev/zero; exit 3")
    end.stream.pause_reading()
    tunnels.reactor.until(tunnels.all_over)
    getattr(end.stream, how)()
    tunnels.reactor.until(lambda: end.ends)
    assert end.got == b""
    assert isinstance(end.ends[0], ConnectError if how == "close" else ConnectionAborted)


def test_a_fault_of_the_protocols_ends_the_tunnel(tunnels: Tunnels, logged: list[LogEvent]) -> None:
    def fail(data: bytes) -> None:
        raise RuntimeError("a bug of its own")

    end = tunnels.open("echo hi; exec sleep 1000", fail)
    tunnels.reactor.until(lambda: end.ends)
    late = tunnels.open("head -c 60000 /dev/zero", fail)
    late.stream.pause_reading()
    tunnels.reactor.until(lambda: late.tunnel._process.returncode is not None)
    late.stream.resume_reading()
    tunnels.reactor.until(lambda: late.ends)
    assert [str(event["log_failure"].value) for event in logged] == ["a bug of its own"] * 2
    assert [str(error) for error in end.ends + late.ends] == ["a bug of its own"] * 2
