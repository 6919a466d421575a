"""A tunnel's command ends when the tunnel does, with all that it started, and at the latest when `tw` does."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from tunnels import PATIENCE_S, STUBBORN, End, HandTurned, Tunnels
from tw.errors import ConnectError
from tw.net.tunnel import GRACE_S, LOOK_S


@pytest.fixture
def tunnels(tmp_path: Path) -> Iterator[Tunnels]:
    reactor = HandTurned()
    made = Tunnels(reactor, tmp_path)
    yield made
    made.close()
    reactor.close()


def ended(end: End) -> bool:
    """Whether the command has ended, seen from outside, and waited for by nobody yet."""
    return os.waitid(os.P_PID, end.tunnel._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


# Closing -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quiet")
def test_all_that_was_written_reaches_the_command_before_it_sees_the_end(tunnels: Tunnels, tmp_path: Path) -> None:
    end = tunnels.open(f"wc -c > {tmp_path}/count; echo a last word")
    end.stream.write(b"x" * 3_000_000)
    end.stream.close()
    tunnels.reactor.until(lambda: end.ends)
    assert (tmp_path / "count").read_text() == "3000000\n"
    assert end.got == b""
    assert type(end.ends[0]) is ConnectionDone


@pytest.mark.usefixtures("quiet")
def test_a_command_whose_output_nobody_reads_still_comes_to_its_end(tunnels: Tunnels) -> None:
    end = tunnels.open("cat")
    end.stream.pause_reading()
    end.stream.write(b"x" * 3_000_000)
    tunnels.reactor.turns()
    end.stream.close()
    end.stream.pause_reading()
    tunnels.reactor.until(lambda: end.ends)
    assert type(end.ends[0]) is ConnectionDone


@pytest.mark.usefixtures("quiet")
def test_a_command_that_fails_on_its_way_out_is_told_of(tunnels: Tunnels) -> None:
    end = tunnels.open("cat; exit 2")
    end.stream.close()
    tunnels.reactor.until(lambda: end.ends)
    assert isinstance(end.ends[0], ConnectError)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("first", ["", "exec <&-; "])
def test_one_that_does_not_heed_the_end_gets_a_signal_to_end_itself(
    tunnels: Tunnels, tmp_path: Path, first: str
) -> None:
    news = tunnels.fifo()
    end = tunnels.opened(f"{first}trap 'echo TERM > {news.path}; exit 1' TERM; echo up; sleep 1000 & wait")
    end.stream.close()
    tunnels.reactor.turns()
    end.stream.close()
    tunnels.reactor.pass_s(GRACE_S - 0.001)
    assert not ended(end)
    tunnels.reactor.now += 0.001
    tunnels.reactor.until(lambda: end.ends)
    assert news.said() == b"TERM\n"
    assert type(end.ends[0]) is ConnectionDone


@pytest.mark.usefixtures("quiet")
def test_one_whose_input_has_ended_long_ago_has_its_time_from_the_closing_on(tunnels: Tunnels) -> None:
    end = tunnels.opened("echo up; exec sleep 1000")
    assert end.stream.half_close()
    tunnels.reactor.turns()
    tunnels.reactor.pass_s(1000)
    assert not ended(end)
    end.stream.close()
    tunnels.reactor.pass_s(GRACE_S)
    tunnels.reactor.until(lambda: end.ends)
    assert type(end.ends[0]) is ConnectionDone


@pytest.mark.usefixtures("quiet")
def test_one_that_does_not_heed_that_either_is_killed(tunnels: Tunnels) -> None:
    end = tunnels.opened(STUBBORN)
    end.stream.close()
    tunnels.reactor.turns()
    tunnels.reactor.pass_s(GRACE_S)
    tunnels.reactor.pass_s(GRACE_S - 0.001)
    assert not ended(end)
    assert end.ends == []
    tunnels.reactor.now += 0.001
    tunnels.reactor.until(lambda: end.ends)
    assert type(end.ends[0]) is ConnectionDone


@pytest.mark.usefixtures("quiet")
def test_one_that_closes_its_output_has_as_long_to_end(tunnels: Tunnels) -> None:
    end = tunnels.opened(f"echo up; exec >&-; {STUBBORN.replace('echo up; ', '')}")
    end.stream.write(b"more")
    tunnels.reactor.until(lambda: end.tunnel.disconnecting)
    end.stream.write(b"to nobody")
    tunnels.reactor.pass_s(GRACE_S)
    tunnels.reactor.pass_s(GRACE_S)
    tunnels.reactor.until(lambda: end.ends)
    assert type(end.ends[0]) is ConnectionDone


@pytest.mark.usefixtures("quiet")
def test_one_that_neither_reads_nor_speaks_does_not_keep_a_closed_tunnel(tunnels: Tunnels) -> None:
    end = tunnels.opened("echo up; exec >&-; exec sleep 1000")
    end.stream.write(b"x" * 1_000_000)
    end.stream.close()
    tunnels.reactor.until(lambda: tunnels.reactor.getDelayedCalls())
    tunnels.reactor.pass_s(GRACE_S)
    tunnels.reactor.until(lambda: end.ends)


def test_one_that_nothing_ends_is_left_alone(tunnels: Tunnels, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under sudo: it is another user's then."""
    warnings: list[LogEvent] = []
    globalLogPublisher.addObserver(warnings.append)
    end = tunnels.opened(STUBBORN)

    def refuse(pid: int, number: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "killpg", refuse)
        end.stream.close()
        tunnels.reactor.turns()
        for _ in range(3):
            assert end.ends == []
            tunnels.reactor.pass_s(GRACE_S)
    globalLogPublisher.removeObserver(warnings.append)
    assert type(end.ends[0]) is ConnectionDone
    assert [event["log_format"] for event in warnings if event["log_level"] >= LogLevel.warn] == [
        "the tunnel command cannot be ended, and is left running"
    ]
    assert tunnels.reactor.getDelayedCalls() == []
    end.tunnel.kill()
    end.tunnel._process.wait(PATIENCE_S)


# Aborting ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quiet")
def test_aborting_ends_the_connection_at_once_and_the_command_soon(tunnels: Tunnels) -> None:
    end = tunnels.opened(STUBBORN)
    end.stream.write(b"x" * 1_000_000)
    end.abort()
    assert end.ends == []
    tunnels.reactor.turns()
    assert type(end.ends[0]) is ConnectionAborted
    end.abort()
    end.tunnel.abortConnection()
    end.tunnel.loseConnection()
    end.tunnel.write(b"more")
    end.tunnel.resumeProducing()
    assert not ended(end)
    tunnels.reactor.pass_s(GRACE_S)
    tunnels.reactor.until(tunnels.all_over)
    assert len(end.ends) == 1


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("how", ["close", "abort"])
def test_one_may_leave_over_what_comes_in(tunnels: Tunnels, how: str) -> None:
    end = tunnels.open("yes")
    end.hears = lambda data: getattr(end.stream, how)()
    tunnels.reactor.until(lambda: end.ends or tunnels.reactor.getDelayedCalls())
    tunnels.reactor.pass_s(GRACE_S)
    tunnels.reactor.until(lambda: end.ends)
    assert len(end.got) <= 65_536
    late = tunnels.open("head -c 65536 /dev/zero; head -c 65536 /dev/zero")
    late.hears = lambda data: getattr(late.stream, how)()
    tunnels.reactor.until(lambda: late.ends)
    assert len(late.got) <= 65_536


@pytest.mark.usefixtures("quiet")
def test_killing_needs_no_reactor(tunnels: Tunnels) -> None:
    end = tunnels.opened(STUBBORN)
    end.tunnel.kill()
    os.waitid(os.P_PID, end.tunnel._process.pid, os.WEXITED | os.WNOWAIT)
    assert end.ends == []
    tunnels.reactor.until(lambda: end.ends)
    assert str(end.ends[0]).startswith("the tunnel command failed: signal 9")
    end.tunnel.kill()


# What the command leaves behind --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quiet")
def test_what_a_command_left_running_ends_with_it_and_keeps_nothing_open(tunnels: Tunnels) -> None:
    life = tunnels.fifo()
    end = tunnels.open(f"(trap '' TERM; exec 9> {life.path}; echo up >&9; exec sleep 1000) & read x; echo done")
    assert life.said() == b"up\n"
    end.stream.write(b"\n")
    tunnels.reactor.until(lambda: end.ends)
    assert end.got == b"done\n"
    assert life.said() == b""


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("after", ["sleep 1000", "yes"])
def test_what_left_its_session_is_not_waited_for(tunnels: Tunnels, after: str) -> None:
    news, gate = tunnels.fifo(), tunnels.fifo()
    free = f"exec 9> {news.path}; echo up >&9; {'read x < ' + str(gate.path) if after != 'yes' else 'exec yes'}"
    end = tunnels.open(f"setsid sh -c '{free}' & read x; echo done")
    assert news.said() == b"up\n"
    end.stream.write(b"\n")
    tunnels.reactor.until(lambda: end.ends)
    assert type(end.ends[0]) is ConnectionDone
    if after != "yes":
        assert end.got == b"done\n"
        gate.tell(b"\n")
    assert news.said() == b""


# Without a pidfd -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("missing", [True, False])
def test_where_there_is_no_pidfd_the_end_is_looked_for(
    tunnels: Tunnels, monkeypatch: pytest.MonkeyPatch, missing: bool
) -> None:
    def refuse(pid: int) -> int:
        raise OSError(errno.ENOSYS, "Function not implemented")

    if missing:
        monkeypatch.delattr(os, "pidfd_open")
    else:
        monkeypatch.setattr(os, "pidfd_open", refuse)
    end = tunnels.opened("echo up; read x; exit 3")
    tunnels.reactor.pass_s(LOOK_S)
    assert end.ends == []
    end.stream.write(b"\n")
    tunnels.reactor.turns()
    os.waitid(os.P_PID, end.tunnel._process.pid, os.WEXITED | os.WNOWAIT)
    tunnels.reactor.pass_s(LOOK_S)
    assert str(end.ends[0]).startswith("the tunnel command failed: exit 3")
