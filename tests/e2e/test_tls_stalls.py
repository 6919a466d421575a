"""Peers that stop in the middle of TLS: they hold nothing for long, neither a connection nor a stop."""

import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.harness import TIMEOUT_S, Server, serving

LONG_S = 20.0


def client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    side = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    return outgoing.read()


@contextmanager
def plain(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as client:
        yield client


@contextmanager
def secured(server: Server, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Iterator[ssl.SSLSocket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = version
    with plain(server) as client, context.wrap_socket(client) as inside:
        yield inside


def closed_after(client: socket.socket) -> float:
    """How many seconds the server still kept it."""
    began = time.monotonic()
    try:
        while client.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - began


@pytest.mark.parametrize("says", [b"", b"\x16", client_hello()], ids=["nothing", "a byte", "a hello"])
def test_a_handshake_that_stalls_is_ended_and_counted(says: bytes) -> None:
    with serving("echo", "--tls-self-signed", "--handshake-timeout", "2s", "--access-log") as server:
        with secured(server) as other, plain(server) as client:
            client.sendall(says)
            assert closed_after(client) < LONG_S
            told = server.wait_for("refused")
            assert told["reason"] == "the TLS handshake took too long"
            assert server.wait_for("close")["reason"] == told["reason"]
            other.sendall(b"x")
            assert other.recv(1) == b"x", "who is through has no such limit"
        assert server.stop()["refused"] == 1


def test_a_byte_now_and_then_does_not_extend_it() -> None:
    with serving("echo", "--tls-self-signed", "--handshake-timeout", "1s") as server, plain(server) as client:
        began = time.monotonic()
        hello = iter(client_hello())
        gone = False
        while not gone and time.monotonic() - began < LONG_S:
            try:
                client.send(bytes([next(hello)]))
            except (BrokenPipeError, ConnectionResetError):
                break
            gone = bool(select.select([client], [], [], 0.05)[0])
        assert time.monotonic() - began < LONG_S
        assert server.wait_for("refused")["reason"] == "the TLS handshake took too long"
        server.stop()


# Stopping ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["echo", "counter", "pubsub"])
def test_an_idle_client_that_answers_no_close_notify_does_not_hold_up_a_stop(
    name: str, version: ssl.TLSVersion
) -> None:
    with serving(name, "--tls-self-signed", "--drain-timeout", "60s") as server:
        with secured(server, version):
            summary = server.stop()
        assert (summary["connections"], summary["cut_off"]) == (1, 0)


@pytest.mark.parametrize("name", ["echo", "pubsub"])
def test_a_client_in_the_middle_of_its_handshake_does_not_hold_up_a_stop(name: str) -> None:
    args = ("--history", "5") if name == "pubsub" else ()
    with serving(name, "--tls-self-signed", "--drain-timeout", "60s", *args) as server:
        if name == "pubsub":
            with secured(server) as publisher:
                publisher.sendall(b"kept for who comes later\n")
                publisher.recv(100)
                with plain(server) as client:
                    client.sendall(client_hello())
                    client.recv(1)
                    server.stop()
        else:
            with plain(server) as client:
                client.sendall(client_hello())
                client.recv(1)
                server.stop()


def test_what_is_under_way_to_a_slow_reader_still_arrives_although_it_says_no_goodbye() -> None:
    """The short wait is for an answer, not for the bytes."""
    size = 4 * 1024 * 1024
    with serving("echo", "--tls-self-signed", "--drain-timeout", "60s") as server, secured(server) as client:
        client.setblocking(False)
        sent, got = 0, 0
        block = bytes(65536)
        while sent < size:
            try:
                sent += client.send(block)
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                if not select.select([client], [client], [], 1.0)[1]:
                    break  # the server reads no more: what it has written waits for us
        server.process.terminate()
        server.wait_for("stopping")
        client.settimeout(TIMEOUT_S)
        while data := client.recv(65536):
            got += len(data)
        summary = server.wait_for("summary")
        assert got == summary["sent_bytes"] > 0
        assert summary["cut_off"] == 0
