"""`tw serve --proxy-protocol` on the wire: headers a byte at a time, and peers that have no say."""

import socket
from contextlib import suppress

import pytest

from e2e.harness import TIMEOUT_S, Server, serving
from tw.core.proxy import HostAddress, v1_header, v2_header

SOURCE, HERE = HostAddress("192.0.2.1", 4711), HostAddress("192.0.2.9", 80)
V1, V2 = v1_header(SOURCE, HERE), v2_header(SOURCE, HERE, vectors=[(2, b"a.example")], checksum=True)

headers = pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])


def connect(server: Server) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def read_all(client: socket.socket) -> bytes:
    """What comes until the server closes, or resets since it has not read all."""
    got = b""
    while True:
        try:
            data = client.recv(65_536)
        except ConnectionResetError:
            return got
        if not data:
            return got
        got += data


@headers
@pytest.mark.parametrize("reactor", ["auto", "stock"])
def test_a_header_may_come_a_byte_at_a_time(header: bytes, reactor: str) -> None:
    with serving("pubsub", "--proxy-protocol", "--reactor", reactor) as server:
        with connect(server) as client:
            for byte in header + b"line\n":
                client.send(bytes([byte]))
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == b"<192.0.2.1:4711> line\n"


@headers
def test_a_peer_that_is_not_trusted_cannot_choose_its_source(header: bytes) -> None:
    with serving("pubsub", "--proxy-protocol", "--proxy-trust", "192.0.2.0/24") as server:
        with connect(server) as client:
            own = f"127.0.0.1:{client.getsockname()[1]}"
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have closed already
                client.sendall(header + b"line\n")
            assert read_all(client) == b""
        told = server.wait_for("refused")
        assert (told["peer"], told["reason"]) == (own, "not trusted to send a PROXY header")
        summary = server.stop()
        assert (summary["connections"], summary["refused"], summary["lines"]) == (0, 1, 0)


@headers
def test_without_the_option_a_header_names_nobody(header: bytes) -> None:
    with serving("pubsub") as server:
        with connect(server) as client:
            client.sendall(header + b"line\n")
            client.shutdown(socket.SHUT_WR)
            *lines, end = read_all(client).split(b"\n")
            own = b"<127.0.0.1:%d> " % client.getsockname()[1]
    assert end == b""
    assert len(lines) > 1
    assert [line for line in lines if not line.startswith(own)] == []


@pytest.mark.parametrize("sent", [b"", V1[:-1], V2[:-1]])
def test_a_stop_does_not_wait_for_a_header(sent: bytes) -> None:
    with serving("echo", "--proxy-protocol", "--access-log", "--drain-timeout", "1h") as server:
        with connect(server) as pending, connect(server) as client:
            pending.sendall(sent)
            client.sendall(V1 + b"hello")
            assert client.recv(100) == b"hello"
            summary = server.stop()
            assert read_all(pending) == b""
            assert read_all(client) == b""
    assert (summary["connections"], summary["refused"], summary["cut_off"]) == (1, 0, 0)
