"""`tw serve pubsub` with nothing but nc, ncat and socat on both sides."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.harness import TIMEOUT_S, Server, serving
from e2e.programs import need


@contextmanager
def listening(server: Server) -> Iterator[socket.socket]:
    """A subscriber that the server has accepted: it has sent a line and got it back."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as client:
        client.sendall(b"here\n")
        got = b""
        while not got.endswith(b"here\n") and not got.endswith(b"here\r\n"):
            got += client.recv(1000)
        yield client


def read_lines(client: socket.socket, count: int) -> list[bytes]:
    got = b""
    while got.count(b"\n") < count:
        data = client.recv(65_536)
        assert data, got
        got += data
    return got.splitlines(keepends=True)


def publish(server: Server, data: bytes) -> bytes:
    done = subprocess.run(
        ["nc", "-N", "127.0.0.1", str(server.port)], input=data, capture_output=True, timeout=TIMEOUT_S, check=True
    )
    return done.stdout


def source(line: bytes) -> bytes:
    return line.partition(b" ")[0]


def test_a_line_reaches_everyone_prefixed_and_its_publisher_too() -> None:
    need("nc")
    with serving("pubsub") as server, listening(server) as one, listening(server) as two:
        assert b"here" in read_lines(one, 1)[0]  # that of the second
        back = publish(server, b"hello\n")
        assert back.startswith(b"<127.0.0.1:")
        assert back.endswith(b"> hello\n")
        assert read_lines(one, 1) == read_lines(two, 1) == [back]
        assert server.stop()["lines"] == 3


def test_nc_that_has_never_sent_a_byte_goes_on_listening() -> None:
    need("nc")
    with serving("pubsub", "--access-log") as server:
        listener = subprocess.Popen(
            ["nc", "-N", "127.0.0.1", str(server.port)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        assert listener.stdout is not None
        server.wait_for("open")
        back = publish(server, b"to the silent one\n")
        assert listener.stdout.readline() == back
        listener.kill()
        listener.wait()
        listener.stdout.close()


def test_socat_and_ncat_hear_each_other() -> None:
    need("ncat", "socat")
    with serving("pubsub") as server:
        subscriber = subprocess.Popen(
            ["ncat", "127.0.0.1", str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert subscriber.stdout is not None
        assert subscriber.stdin is not None
        subscriber.stdin.write(b"from ncat\n")
        subscriber.stdin.flush()
        assert subscriber.stdout.readline().endswith(b"> from ncat\n")
        command = ["socat", "-t", str(TIMEOUT_S), "-", f"TCP:127.0.0.1:{server.port}"]
        done = subprocess.run(command, input=b"from socat", capture_output=True, timeout=TIMEOUT_S, check=True)
        assert done.stdout.endswith(b"> from socat\n")
        assert subscriber.stdout.readline() == done.stdout
        subscriber.kill()
        subscriber.communicate()


@pytest.mark.parametrize(
    ("sent", "lines"),
    [
        (b"one\ntwo\n", [b"one", b"two"]),
        (b"one\r\ntwo\r\n", [b"one", b"two"]),
        (b"no end", [b"no end"]),
        (b"\n\n", [b"", b""]),
        (b"a\rb\n", [b"a\rb"]),
        (b"\xff\x00\x1b[31m\n", [b"\xff\x00\x1b[31m"]),
    ],
)
def test_lines_end_in_lf_or_crlf_and_are_not_touched_otherwise(sent: bytes, lines: list[bytes]) -> None:
    need("nc")
    with serving("pubsub", "--no-prefix") as server:
        assert publish(server, sent) == b"".join(line + b"\n" for line in lines)


def test_no_echo_spares_the_publisher_alone() -> None:
    need("nc")
    with serving("pubsub", "--no-echo", "--access-log") as server:
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as other:
            server.wait_for("open")
            assert publish(server, b"for others\n") == b""
            assert read_lines(other, 1)[0].endswith(b"> for others\n")


def test_crlf_ends_lines_in_crlf() -> None:
    need("nc")
    with serving("pubsub", "--crlf", "--no-prefix") as server:
        assert publish(server, b"one\ntwo\r\n") == b"one\r\ntwo\r\n"


def test_history_comes_first_in_order_and_with_its_prefixes() -> None:
    need("nc")
    with serving("pubsub", "--history", "3") as server:
        back = publish(server, b"1\n2\n3\n4\n5\n")
        newer = publish(server, b"new\n")
        assert newer.splitlines()[:3] == back.splitlines()[2:]
        assert newer.endswith(b"> new\n")


def test_a_line_that_is_too_long_is_told_and_ends_the_connection() -> None:
    need("nc")
    with serving("pubsub", "--max-line", "10") as server, listening(server) as other:
        assert publish(server, b"0123456789\n").endswith(b"> 0123456789\n")
        back = publish(server, b"first\n0123456789+\nnever\n").splitlines()
        assert back[0].endswith(b"> first")
        assert back[1:] == [b"<tw> line too long (max 10 bytes)"]
        assert server.wait_for("refused")["reason"] == "line too long (max 10 bytes)"
        heard = read_lines(other, 2)
        assert [line.partition(b"> ")[2] for line in heard] == [b"0123456789\n", b"first\n"]


def test_an_endless_line_is_not_held_in_memory() -> None:
    with serving("pubsub", "--no-prefix") as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        before = server.resident_bytes()
        client.settimeout(TIMEOUT_S)
        for _ in range(200):
            try:
                client.sendall(bytes(65_536))
            except ConnectionError:
                break
        server.wait_for("refused")
        assert server.resident_bytes() - before < 4 * 1024 * 1024


def test_a_stuck_subscriber_is_disconnected_and_delays_nobody() -> None:
    """Its backlog passes `--backlog`; another subscriber gets every line, in order, meanwhile."""
    line = b"x" * 1000 + b"\n"
    total = 20_000
    with serving("pubsub", "--backlog", "1M", "--no-prefix", "--access-log") as server:
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", server.port))
        server.wait_for("open")
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as reader:
            server.wait_for("open")
            memory = server.resident_bytes()
            publisher = subprocess.Popen(
                ["nc", "-N", "127.0.0.1", str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
            )
            assert publisher.stdin is not None
            received = 0
            for start in range(0, total, 500):
                publisher.stdin.write(b"%07d" % start + line * 500)
                publisher.stdin.flush()
                while received < (start + 500) * len(line):
                    received += len(reader.recv(65_536))
            publisher.stdin.close()
            publisher.wait(TIMEOUT_S)
            dropped = server.wait_for("drop")
            assert dropped["id"] == 1
            assert dropped["dropped_bytes"] > 1024 * 1024
            assert server.resident_bytes() - memory < 16 * 1024 * 1024
        stuck.settimeout(TIMEOUT_S)
        summary = server.stop()
        assert (summary["slow_consumers"], summary["dropped_lines"]) == (1, dropped["lines"])
        stuck.close()


def test_a_slow_subscriber_is_told_why_it_must_go() -> None:
    need("nc")
    with serving("pubsub", "--backlog", "1M", "--access-log") as server, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", server.port))
        slow.settimeout(TIMEOUT_S)
        server.wait_for("open")
        flood = f"yes {'y' * 500} | head -n 40000 | nc -N 127.0.0.1 {server.port}"
        publisher = subprocess.Popen(["sh", "-c", flood], stdout=subprocess.DEVNULL)
        server.wait_for("drop")
        got = b""
        while data := slow.recv(65_536):
            got += data
        publisher.wait(TIMEOUT_S)
    lines = got.splitlines()
    assert lines[-1] == b"<tw> disconnected: more than 1048576 bytes behind"
    assert all(line.endswith(b"> " + b"y" * 500) for line in lines[:-1])


def test_order_is_the_same_for_all_and_complete_with_many_publishers() -> None:
    need("nc")
    with serving("pubsub") as server, listening(server) as one, listening(server) as two:
        read_lines(one, 1)
        publishers = [
            subprocess.Popen(
                ["nc", "-N", "127.0.0.1", str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
            )
            for _ in range(5)
        ]
        for number, process in enumerate(publishers):
            assert process.stdin is not None
            process.stdin.write(b"".join(b"%d %d\n" % (number, index) for index in range(2000)))
            process.stdin.close()
        first, second = read_lines(one, 10_000), read_lines(two, 10_000)
        for process in publishers:
            process.wait(TIMEOUT_S)
    assert first == second
    assert len(first) == 10_000
    for number in range(5):
        own = [line for line in first if line.partition(b"> ")[2].startswith(b"%d " % number)]
        assert [line.rpartition(b" ")[2] for line in own] == [b"%d\n" % index for index in range(2000)]
        assert len({source(line) for line in own}) == 1


def test_stopping_sends_every_subscriber_what_was_published() -> None:
    options = ("--no-prefix", "--drain-timeout", "10m")  # `stop` would give up long before
    with serving("pubsub", *options) as server, listening(server) as reader, listening(server) as publisher:
        read_lines(reader, 1)
        publisher.sendall(b"z" * 999 + b"\n")
        assert len(publisher.recv(1000)) > 0
        server.stop()
        assert read_lines(reader, 1) == [b"z" * 999 + b"\n"]
        assert reader.recv(10) == b""


def test_ipv6_peers_are_written_in_brackets() -> None:
    need("nc")
    with serving("pubsub", place=("--port", "0", "--host", "::1")) as server:
        command = ["nc", "-N", "::1", str(server.port)]
        done = subprocess.run(command, input=b"six\n", capture_output=True, timeout=TIMEOUT_S, check=True)
        assert done.stdout.startswith(b"<[::1]:")


def test_unix_peers_are_numbered(tmp_path: object) -> None:
    need("nc")
    with serving("pubsub", "--listen", f"unix:{tmp_path}/p", place=()):
        command = ["nc", "-N", "-U", f"{tmp_path}/p"]
        done = subprocess.run(command, input=b"u\n", capture_output=True, timeout=TIMEOUT_S, check=True)
        assert done.stdout == b"<unix:1> u\n"


def test_mapped_addresses_are_written_as_ipv4() -> None:
    need("nc")
    with serving("pubsub", place=("--port", "0", "--host", "::")) as server:
        assert publish(server, b"mapped\n").startswith(b"<127.0.0.1:")
