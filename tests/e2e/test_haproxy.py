"""HAProxy in front of `tw serve --proxy-protocol`: who connects to it is who the server sees."""

import socket
from pathlib import Path

import pytest

from e2e.haproxy import haproxy
from e2e.harness import TIMEOUT_S, Server, serving, tw

FROM = "127.0.0.2"
"""Where the clients come from; HAProxy itself comes from 127.0.0.1."""

ASKS = ("--proxy-protocol", "--access-log")

VERSIONS = {
    "v1": "send-proxy",
    "v2": "send-proxy-v2",
    "crc32c": "send-proxy-v2 proxy-v2-options crc32c,unique-id",
}

both = pytest.mark.parametrize("version", ["v1", "v2"])


def client(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), TIMEOUT_S, (FROM, 0))


def read_all(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        return stream.read()


def peers(server: Server) -> list[str]:
    """Whose connections the server has told of, without their ports, once it has stopped."""
    server.stop()
    return [event["peer"].rpartition(":")[0] for event in server.events if event["event"] in ("open", "refused")]


@both
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("service", ["echo", "counter", "pubsub"])
def test_each_server_passes_its_probe_and_sees_where_it_came_from(service: str, tls: bool, version: str) -> None:
    with serving(service, *ASKS, *["--tls-self-signed"] * tls) as server:
        with haproxy(server.target, VERSIONS[version]) as port:
            pin = ["--tls", "--pin", server.listening[0]["pin"]] if tls else []
            place = f"127.0.0.1:{port}"
            ran = tw("probe", service, place, "--bind", FROM, "--count", "3", "--interval", "0", "--json", *pin)
        assert (ran.code, ran.json["ok"], ran.json["received"]) == (0, True, 3), ran
        seen = peers(server)
        assert set(seen) == {FROM}
        requests = [event["peer"].rpartition(":")[0] for event in server.events if event["event"] == "request"]
        assert requests == [FROM] * (3 if service == "counter" else 0)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("reactor", ["auto", "stock"])
def test_a_published_line_names_who_sent_it(version: str, reactor: str) -> None:
    with serving("pubsub", *ASKS, "--reactor", reactor) as server:
        with haproxy(server.target, VERSIONS[version]) as port, client(port) as connection:
            source = connection.getsockname()
            connection.sendall(b"line\nPROXY TCP4 203.0.113.9 203.0.113.9 1 1\r\nline\n")
            connection.shutdown(socket.SHUT_WR)
            prefix = b"<%s:%d> " % (source[0].encode(), source[1])
            assert read_all(connection) == b"".join(
                prefix + line + b"\n" for line in (b"line", b"PROXY TCP4 203.0.113.9 203.0.113.9 1 1", b"line")
            )
        assert peers(server) == [FROM]


@both
@pytest.mark.parametrize("reactor", ["auto", "stock"])
def test_much_comes_back_after_a_half_close(version: str, reactor: str) -> None:
    data = bytes(range(256)) * 4096
    with serving("echo", *ASKS, "--reactor", reactor) as server:
        with haproxy(server.target, VERSIONS[version]) as port, client(port) as connection, client(port) as other:
            connection.settimeout(TIMEOUT_S)
            got = b""
            for start in range(0, len(data), 65_536):
                connection.sendall(data[start : start + 65_536])
                while len(got) < start + 65_536:
                    got += connection.recv(65_536)
            connection.sendall(b"the end")
            connection.shutdown(socket.SHUT_WR)
            got += read_all(connection)
            assert got == data + b"the end"
            other.sendall(b"still there")
            assert other.recv(100) == b"still there"
        assert peers(server) == [FROM, FROM]


@both
def test_a_unix_socket_behind_it(version: str, tmp_path: Path) -> None:
    place = ("--listen", f"unix:{tmp_path}/s")
    with serving("echo", *ASKS, place=place) as server:
        with haproxy(f"unix@{tmp_path}/s", VERSIONS[version]) as port, client(port) as connection:
            connection.sendall(b"hello")
            connection.shutdown(socket.SHUT_WR)
            assert read_all(connection) == b"hello"
        assert peers(server) == [FROM]


@both
def test_its_health_checks_are_its_own_connections(version: str) -> None:
    with serving("echo", *ASKS) as server:
        with haproxy(server.target, f"{VERSIONS[version]} check inter 50ms"):
            for _ in range(3):
                assert server.wait_for("open")["peer"].startswith("127.0.0.1:")
        seen = peers(server)
        assert set(seen) == {"127.0.0.1"}
        assert not [event for event in server.events if event["event"] == "refused"]


def test_one_that_sends_no_header_gets_nothing_through() -> None:
    with serving("echo", *ASKS) as server:
        with haproxy(server.target, "") as port, client(port) as connection:
            connection.sendall(b"hello")
            try:
                got = read_all(connection)
            except ConnectionResetError:
                got = b""
            assert got == b""
        assert server.wait_for("refused")["reason"] == "no PROXY header: it begins with something else"
        assert server.stop()["refused"] == 1
