"""A server goes on although nobody reads its events, and says later what it has dropped."""

import fcntl
import json
import os
import signal
import socket
import subprocess

import pytest

from e2e.harness import TIMEOUT_S, TW, environment, tw


@pytest.mark.parametrize(("stream", "connections"), [("stdout", 4_000), ("stderr", 12_000)])
def test_nobody_who_reads_its_events_stops_no_server(stream: str, connections: int) -> None:
    """So many connections are told of in more than a pipe and what is kept hold."""
    read_fd, write_fd = os.pipe()
    command = [TW, "serve", "echo", "--port", "0", "--access-log", *(["--json"] if stream == "stdout" else [])]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: write_fd}
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment(), **streams)  # type: ignore[call-overload]
    os.close(write_fd)
    try:
        with open(read_fd, encoding="utf-8") as events:
            first = events.readline()
            port = json.loads(first)["port"] if stream == "stdout" else int(first.rpartition(":")[2])
            flood(port, connections)
            assert tw("probe", "echo", f":{port}", "--count", "3", "--interval", "0").code == 0
            server.send_signal(signal.SIGTERM)
            rest = events.read()
        assert server.wait(TIMEOUT_S) == 0
        assert "unwritten" in rest or "dropped here" in rest
    finally:
        server.kill()
        server.wait()


def test_nobody_who_reads_its_log_stops_no_server() -> None:
    """Under `-v` each handshake that fails is a line: whoever is let in could fill the pipe, and stop the server."""
    read_fd, write_fd = os.pipe()
    fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, 4096)
    command = [TW, "serve", "echo", "--port", "0", "--tls-self-signed", "-v", "--json"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=write_fd, text=True, env=environment()
    ) as server:
        os.close(write_fd)
        try:
            assert server.stdout is not None
            listening = json.loads(server.stdout.readline())
            for _ in range(200):  # 20 bytes each and more
                with socket.create_connection(("127.0.0.1", listening["port"]), TIMEOUT_S) as client:
                    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
                    client.recv(100)
            pin = ("--tls", "--pin", listening["pin"])
            assert tw("probe", "echo", f":{listening['port']}", *pin, "--count", "3", "--interval", "0").code == 0
            server.send_signal(signal.SIGTERM)
            with open(read_fd, encoding="utf-8") as log:
                text = log.read()
            assert server.wait(TIMEOUT_S) == 0
            assert text.count("TLS") > 150
        finally:
            server.kill()


def flood(port: int, count: int) -> None:
    """Connections that come and go, each of which is told of twice."""

    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
            client.sendall(b"x")
            client.recv(1)
