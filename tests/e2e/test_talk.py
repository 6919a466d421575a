"""`-i`, `--publish` and `--subscribe`: tw as one end of a conversation."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pexpect
import pytest

from e2e.harness import CONNECTED, TIMEOUT_S, TW, Server, environment, serving, tw
from tw.errors import ExitCode


def start(*args: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [TW, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )


@pytest.mark.parametrize("reactor", ["auto", "stock"])
def test_a_file_goes_in_and_comes_back_into_a_file(reactor: str, tmp_path: Path) -> None:
    data = os.urandom(8 * 1024 * 1024)
    (tmp_path / "in").write_bytes(data)
    with serving("echo") as server, (tmp_path / "in").open() as source, (tmp_path / "out").open("wb") as sink:
        command = [TW, "probe", "echo", "-i", server.target, "--reactor", reactor]
        done = subprocess.run(
            command,
            stdin=source,
            stdout=sink,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
            timeout=TIMEOUT_S,
        )
        assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out").read_bytes() == data


def test_over_tls_the_end_is_waited_for_in_silence() -> None:
    with serving("echo", "--tls-self-signed") as server:
        pin = server.listening[0]["pin"]
        process = start("probe", "echo", "-i", server.target, "--tls", "--pin", pin, "--idle", "300ms")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"over tls\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"over tls\n"  # the silence begins with the end of stdin, and not sooner
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, out, err) == (0, b"", b"")


def test_a_pipe_that_is_read_slowly_holds_the_server_back() -> None:
    """Nothing piles up in the client: it stops reading while its stdout is full."""
    with serving("echo") as server:
        command = f"head -c 50000000 /dev/zero | {TW} probe echo -i {server.target} | (sleep 1; wc -c)"
        done = subprocess.run(["bash", "-c", command], env=environment(), capture_output=True, timeout=60, check=True)
        assert int(done.stdout) == 50_000_000


def test_talking_to_oneself_needs_no_server() -> None:
    ran = tw("probe", "pubsub", "-i", "--self", stdin="one\ntwo\n")
    assert ran.code == 0
    assert [line.partition("> ")[2] for line in ran.out.splitlines()] == ["one", "two"]


def test_a_closed_stdin_is_an_empty_one() -> None:
    with serving("echo") as server:
        command = f"{TW} probe echo -i {server.target} <&-"
        done = subprocess.run(["bash", "-c", command], env=environment(), capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_on_a_terminal_no_strangers_escape_sequence_is_executed() -> None:
    with serving("pubsub", "--access-log") as server:
        child = pexpect.spawn(TW, ["probe", "pubsub", "-i", server.target], env=environment(), timeout=TIMEOUT_S)
        child.setecho(False)
        server.wait_for("open")
        tw("probe", "pubsub", server.target, "--publish", "\x1b]0;owned\x07\x1b[31mred \u202e", "--no-wait")
        child.expect_exact(b"> \\x1b]0;owned\\x07\\x1b[31mred \\u202e\r\n")
        child.sendline("typed")
        child.expect_exact(b"> typed\r\n")
        child.sendeof()
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
        assert b"\x1b" not in child.before


def test_the_terminal_is_left_as_it_was() -> None:
    """The parent shell shares the terminal: O_NONBLOCK set on it would break the shell (DESIGN 4.11)."""
    with serving("echo") as server:
        script = f"{TW} probe echo -i {server.target}; python3 -c 'import fcntl; print(fcntl.fcntl(0, fcntl.F_GETFL))'"
        child = pexpect.spawn("bash", ["-c", script], env=environment(), timeout=TIMEOUT_S)
        child.sendline("hello")
        child.expect_exact("hello\r\n")
        child.sendeof()
        child.expect(r"(\d+)\r\n")
        assert int(child.match[1]) & os.O_NONBLOCK == 0
        child.expect(pexpect.EOF)
        child.close()


def test_samples_are_shown_as_they_come_while_a_person_watches() -> None:
    child = pexpect.spawn(
        TW, ["probe", "echo", "--self", "--interval", "20ms"], env=environment(TERM="xterm"), timeout=TIMEOUT_S
    )
    for number in range(1, 6):
        child.expect(rf"{number}: ok  \d+\.\d+ ms")
    child.expect("round trip")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_colours_come_on_a_terminal_unless_no_color_is_set() -> None:
    def shown(**env: str) -> bytes:
        child = pexpect.spawn(
            TW, ["probe", "echo", "--self", "--count", "1"], env={**environment(), "TERM": "xterm", **env}
        )
        child.expect(pexpect.EOF)
        child.close()
        assert isinstance(child.before, bytes)
        return child.before

    assert b"\x1b[" in shown()
    assert b"\x1b[" not in shown(NO_COLOR="1")


def test_publish_leaves_once_its_lines_came_back() -> None:
    with serving("pubsub") as server:
        ran = tw("probe", "pubsub", server.target, "--publish", "one", "--publish", "-", "--json", stdin="two\r\nthree")
        assert (ran.code, ran.json["published"], ran.json["delivered"], ran.json["lost"]) == (0, 3, 3, 0)
        assert server.stop()["lines"] == 3


def test_publish_without_waiting_is_done_when_the_server_has_read_all() -> None:
    for options in ((), ("--tls-self-signed",)):
        with serving("pubsub", "--no-echo", *options) as server:
            tls = ("--tls", "--pin", server.listening[0]["pin"]) if options else ()
            lines = "".join(f"line {number}\n" for number in range(5000))
            ran = tw("probe", "pubsub", server.target, *tls, "--publish", "-", "--no-wait", "--json", stdin=lines)
            assert (ran.code, ran.json["sent"], ran.json["received"]) == (0, 5000, 5000), ran
            assert server.stop()["lines"] == 5000


def test_publish_waits_in_vain_where_lines_do_not_come_back() -> None:
    with serving("pubsub", "--no-echo") as server:
        ran = tw("probe", "pubsub", server.target, "--publish", "x", "--timeout", "300ms", *CONNECTED, "--json")
    assert (ran.code, ran.json["error"]["kind"], ran.json["lost"]) == (ExitCode.TIMEOUT, "timeout", 1)
    assert "--no-wait" in ran.error_line


def test_a_long_file_is_published_without_being_held_in_memory() -> None:
    lines = 300_000
    with serving("pubsub") as server:
        command = f"seq {lines} | {TW} probe pubsub {server.target} --publish - --json --timeout 30s"
        done = subprocess.run(["bash", "-c", command], env=environment(), capture_output=True, timeout=90, check=True)
        report = json.loads(done.stdout)
    assert (report["published"], report["delivered"], report["ok"]) == (lines, lines, True)


def subscribed(server: Server, *args: str) -> subprocess.Popen[bytes]:
    """A `--subscribe` that the server has accepted."""
    process = start("probe", "pubsub", server.target, "--subscribe", *args)
    server.wait_for("open")
    return process


def test_subscribe_shows_lines_and_leaves_after_enough() -> None:
    with serving("pubsub", "--access-log") as server:
        process = subscribed(server, "--count", "2")
        tw("probe", "pubsub", server.target, "--publish", "one", "--publish", "two", "--publish", "three")
        out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    assert [line.partition(b"> ")[2] for line in out.splitlines()] == [b"one", b"two"]


def test_subscribe_as_json_tells_source_and_line() -> None:
    with serving("pubsub", "--access-log") as server:
        process = subscribed(server, "--count", "1", "--json")
        tw("probe", "pubsub", server.target, "--publish", "<tw> caf\u00e9 \x1b[31m")
        out, err = process.communicate(timeout=TIMEOUT_S)
    line, summary = (json.loads(text) for text in out.splitlines())
    assert (process.returncode, err) == (0, b"")
    assert line["event"] == "line"
    assert line["source"].startswith("127.0.0.1:")
    assert line["line"] == "<tw> caf\u00e9 \x1b[31m"
    assert b"\x1b" not in out
    assert (summary["event"], summary["lines"], summary["ok"]) == ("summary", 1, True)


def test_silence_ends_a_subscription_and_is_exit_4_where_lines_were_due() -> None:
    with serving("pubsub") as server:
        content = tw("probe", "pubsub", server.target, "--subscribe", "--idle", "200ms")
        assert (content.code, content.out) == (0, "")
        short = tw("probe", "pubsub", server.target, "--subscribe", "--idle", "200ms", "--count", "3")
        assert short.code == ExitCode.TIMEOUT
        assert "0 of 3 lines came" in short.err


def test_a_subscriber_ends_with_its_signal_and_a_summary() -> None:
    with serving("pubsub", "--access-log") as server:
        process = subscribed(server, "--json")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert json.loads(out)["event"] == "summary"


def test_a_subscriber_whose_server_stops_is_told() -> None:
    with serving("pubsub", "--access-log") as server:
        process = subscribed(server)
        server.stop()
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == ExitCode.PROTOCOL
    assert b"closed the connection" in err


def test_ctrl_c_while_stdin_is_open_ends_at_once() -> None:
    with serving("echo", "--access-log") as server:
        patient = ("--timeout", "10m", "--idle", "10m")  # `communicate` would give up long before
        process = start("probe", "echo", "-i", server.target, *patient)
        server.wait_for("open")
        process.send_signal(signal.SIGINT)
        process.wait(TIMEOUT_S)  # its stdin is open until it has ended
        out, err = process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")
