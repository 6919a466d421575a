"""`tw serve counter` with curl, nc and raw sockets; its state across stops, kills and full disks."""

import json
import re
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from e2e.harness import TIMEOUT_S, TW, Server, environment, serving, tw
from e2e.programs import need
from tw.errors import ExitCode

MIB = 1024 * 1024


def curl(server: Server, *args: str, path: str = "/") -> str:
    url = f"http://{server.target}{path}"
    done = subprocess.run(["curl", "-sS", *args, url], capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    return done.stdout


def ask(server: Server, request: bytes) -> bytes:
    """Send bytes, half-close, and read to the end."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        got = b""
        while data := client.recv(65_536):
            got += data
    return got


def numbers(answers: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"I am request #(\d+)\n", answers)]


def test_curl_gets_numbers_from_any_path() -> None:
    need("curl")
    with serving("counter") as server:
        assert curl(server) == "I am request #1\n"
        assert curl(server, path="/any/path?and=query") == "I am request #2\n"
        assert json.loads(curl(server, "-H", "Accept: application/json")) == {"v": 1, "request": 3}
        head = curl(server, "-I")
        assert head.startswith("HTTP/1.1 200 OK")
        assert "X-Request-Number: 4" in head
        headers = curl(server, "-D", "-", "-o", "/dev/null")
        assert "Content-Type: text/plain; charset=utf-8" in headers
        assert "Cache-Control: no-store" in headers
        assert re.search(r"X-Instance: \w+", headers)
        assert server.stop()["requests"] == 5


@pytest.mark.parametrize("option", ["--http1.0", "--http1.1", "--http2"])
def test_curls_versions_are_answered(option: str) -> None:
    """`--http2` asks for an upgrade, which is answered as a plain GET."""
    need("curl")
    with serving("counter") as server:
        assert curl(server, option) == "I am request #1\n"


@pytest.mark.parametrize("option", ["--http1.1", "--http2"])
def test_curl_over_tls_offers_protocols_and_gets_one_that_is_spoken(option: str) -> None:
    need("curl")
    with serving("counter", "--tls-self-signed") as server:
        pin = server.listening[0]["pin"]
        command = ["curl", "-sS", "-k", "--pinnedpubkey", pin, option, f"https://{server.target}/"]
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=True)
        assert done.stdout == b"I am request #1\n"


def test_another_method_gets_405_and_takes_no_number() -> None:
    need("curl")
    with serving("counter", "--access-log") as server:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            shown = curl(server, "-X", method, "-D", "-", "-d", "body")
            assert shown.startswith("HTTP/1.1 405 ")
            assert "Allow: GET, HEAD" in shown
        assert server.wait_for("request")["number"] is None
        assert curl(server) == "I am request #1\n"


def test_one_connection_serves_many_requests() -> None:
    need("curl")
    with serving("counter") as server:
        url = f"http://{server.target}/[1-20]"
        done = subprocess.run(["curl", "-sS", url], capture_output=True, timeout=TIMEOUT_S, check=True)
        assert numbers(done.stdout) == list(range(1, 21))
        assert server.stop()["connections"] == 1


def test_pipelined_requests_are_answered_in_order_also_after_a_half_close() -> None:
    with serving("counter") as server:
        got = ask(server, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 1000)
        assert numbers(got) == list(range(1, 1001))


def test_nc_gets_its_pending_answer() -> None:
    need("nc")
    with serving("counter") as server:
        command = ["nc", "-N", "127.0.0.1", str(server.port)]
        done = subprocess.run(
            command, input=b"GET / HTTP/1.0\r\n\r\n", capture_output=True, check=True, timeout=TIMEOUT_S
        )
        assert numbers(done.stdout) == [1]


def test_a_client_that_pipelines_and_reads_nothing_keeps_memory_flat() -> None:
    request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    with serving("counter") as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        before = server.resident_bytes()
        client.settimeout(0.5)
        with suppress(TimeoutError):
            for _ in range(10_000):
                client.sendall(request * 2000)
        assert server.resident_bytes() - before < 8 * MIB
        client.settimeout(TIMEOUT_S)
        got = b""
        while len(numbers(got)) < 1000:
            got += client.recv(65_536)
        assert numbers(got)[:1000] == list(range(1, 1001))


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", b"431"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /\r\n\r\n", b"400"),
    ],
)
def test_a_bad_request_takes_no_number(request_bytes: bytes, status: bytes) -> None:
    with serving("counter") as server:
        got = ask(server, request_bytes)
        assert got.startswith(b"HTTP/1.1 " + status), got
        assert numbers(got) == []
        assert numbers(ask(server, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")) == [1]


def test_start_and_state(tmp_path: Path) -> None:
    need("curl")
    state = tmp_path / "state"
    with serving("counter", "--start", "41") as server:
        assert curl(server) == "I am request #41\n"
    with serving("counter", "--start", "7", "--state", str(state)) as server:
        assert curl(server) == "I am request #7\n"
        first = curl(server, "-I")
        assert server.stop()["requests"] == 2
    with serving("counter", "--start", "7", "--state", str(state)) as server:
        assert curl(server) == "I am request #9\n"
        second = curl(server, "-I")
    instance = re.compile(r"X-Instance: (\w+)")
    assert instance.search(first)[1] != instance.search(second)[1]


def test_a_kill_leaves_a_gap_and_never_a_repetition(tmp_path: Path) -> None:
    state = tmp_path / "state"
    seen: list[int] = []
    for _ in range(5):
        with serving("counter", "--state", str(state)) as server:
            seen += numbers(ask(server, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 50))
            server.process.send_signal(signal.SIGKILL)
            server.process.wait(TIMEOUT_S)
    assert len(seen) == len(set(seen)) == 250
    assert seen == sorted(seen)


def test_state_that_cannot_be_used(tmp_path: Path) -> None:
    state = tmp_path / "state"

    def refused(*args: str, code: ExitCode) -> str:
        ran = tw("serve", "counter", "--port", "0", *args)
        assert ran.code == code, ran
        return ran.error_line

    assert "none" in refused("--state", str(tmp_path / "none" / "state"), code=ExitCode.LOCAL)
    state.write_text("not a state")
    assert str(state) in refused("--state", str(state), code=ExitCode.LOCAL)
    assert state.read_text() == "not a state"
    state.unlink()
    with serving("counter", "--state", str(state), "--start", "5") as server:
        assert str(state) in refused("--state", str(state), code=ExitCode.LOCAL)
        server.stop()
    assert "--start" in refused("--state", str(state), "--start", "1", code=ExitCode.USAGE)
    with serving("counter", "--state", str(state), "--start", "5"):
        pass


def test_stopping_finishes_requests_and_closes_idle_connections_at_once() -> None:
    with serving("counter", "--access-log") as server:
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as idle:
            idle.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            server.wait_for("request")
            with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as busy:
                # One and a half requests in one segment: once the one is answered, the half has been read.
                busy.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHos")
                server.wait_for("request")
                server.process.send_signal(signal.SIGTERM)
                server.wait_for("stopping")
                busy.sendall(b"t: h\r\n\r\n")
                got = b""
                while data := busy.recv(65_536):
                    got += data
                assert numbers(got) == [2, 3]
                assert b"Connection: close" in got
        assert server.process.wait(TIMEOUT_S) == 0


def test_the_access_log_for_people_is_safe_on_a_terminal() -> None:
    process = subprocess.Popen(
        [TW, "serve", "counter", "--port", "0", "--access-log"], stderr=subprocess.PIPE, env=environment()
    )
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    port = int(line.rstrip().rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
        client.sendall(b"GET /\xc2\x9b31m\xe2\x80\xae HTTP/1.1\r\nHost: h\r\n\r\n")
        client.recv(65_536)
    process.terminate()
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert b"\xc2\x9b" not in err
    assert "\u202e".encode() not in err
