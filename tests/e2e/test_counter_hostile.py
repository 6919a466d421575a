"""`tw serve counter` against hostile clients, over real sockets: slow ones, greedy ones, and others beside them."""

import re
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from e2e.harness import TIMEOUT_S, Server, serving

MIB = 1024 * 1024
REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
PIPELINED = 100_000
WHILE_S = 1.0
READ_BYTES = 256 * 1024
"""What is read at once, and so what a client that does not read may have waiting here."""

PAUSE_BYTES = 64 * 1024
"""Of answers that wait to be sent, before reading stops; the last slice of requests may add 80 KB."""


def numbers(answers: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"I am request #(\d+)\n", answers)]


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S)


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def to_the_end(client: socket.socket) -> bytes:
    got = b""
    with suppress(ConnectionError):
        while data := client.recv(65_536):
            got += data
    return got


def rate(server: Server) -> float:
    """Requests that one well-behaved client gets answered in a second of the server's CPU, one after the other.

    By the clock, it would tell as much about who else wants the machine as about the server.
    """
    with connect(server) as client:
        count, began_s = 0, server.cpu_s()
        while server.cpu_s() < began_s + WHILE_S:
            client.sendall(REQUEST)
            assert client.recv(65_536).startswith(b"HTTP/1.1 200")
            count += 1
        return count / (server.cpu_s() - began_s)


# Slow clients --------------------------------------------------------------------------------------------------------


@contextmanager
def dripping(clients: list[socket.socket]) -> Iterator[None]:
    """One byte on each of them, again and again."""
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.02):
            for client in clients:
                with suppress(OSError):
                    client.send(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_slow_headers_are_a_408_while_others_are_served() -> None:
    with serving("counter", "--header-timeout", "1s") as server, ExitStack() as stack:
        server.process.send_signal(signal.SIGSTOP)  # whoever is accepted has said this by then, however slow we are
        clients = [stack.enter_context(connect(server)) for _ in range(50)]
        for client in clients:
            client.sendall(REQUEST + b"GET / HTTP/1.1\r\nX: ")
        server.process.send_signal(signal.SIGCONT)
        with dripping(clients):
            assert rate(server) > 0
            ends = [to_the_end(client) for client in clients]
        for end in ends:
            assert re.findall(rb"HTTP/1.1 (\d+)", end) == [b"200", b"408"]
        assert len({number for end in ends for number in numbers(end)}) == 50
        summary = server.stop()
        assert (summary["timeouts"], summary["errors"], summary["cut_off"]) == (50, 50, 0)


def test_slow_bodies_are_a_408() -> None:
    with serving("counter", "--body-timeout", "500ms") as server, connect(server) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")
        with dripping([client]):
            assert to_the_end(client).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


@pytest.mark.parametrize("tls", [False, True])
def test_idle_connections_end_silently(tls: bool) -> None:
    options = ("--tls-self-signed",) if tls else ()
    with serving("counter", "--keepalive-timeout", "500ms", *options) as server, ExitStack() as stack:
        client = stack.enter_context(connect(server))
        if tls:
            client = stack.enter_context(unverified().wrap_socket(client))
        client.sendall(REQUEST)
        assert len(numbers(to_the_end(client))) == 1
        client.close()  # over TLS the server waits for it
        assert server.stop()["timeouts"] == 0


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02"])
def test_a_tls_handshake_that_stalls_is_ended(sent: bytes) -> None:
    with serving("counter", "--tls-self-signed", "--header-timeout", "500ms") as server, connect(server) as client:
        client.sendall(sent)
        to_the_end(client)
        assert server.stop()["cut_off"] == 0


def test_a_client_that_takes_nothing_is_cut_off() -> None:
    with serving("counter", "--send-timeout", "500ms") as server, connect(server) as client:
        with suppress(ConnectionError):
            while True:
                client.sendall(REQUEST * 10_000)
        assert server.stop()["timeouts"] == 1


def test_limits_of_a_request_are_what_the_user_says() -> None:
    with serving("counter", "--max-header", "1k", "--max-body", "10") as server:
        for request, status in (
            (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 2000 + b"\r\n\r\n", b"431"),
            (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", b"413"),
            (b"GET / HTTP/1.0\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789", b"200"),
        ):
            with connect(server) as client:
                client.sendall(request)
                assert client.recv(65_536).startswith(b"HTTP/1.1 " + status)


# Greedy clients ------------------------------------------------------------------------------------------------------


def test_a_hundred_thousand_pipelined_requests_that_nobody_reads_are_bounded_and_then_all_answered() -> None:
    # However long a busy machine takes for the others, the greedy one is not cut off meanwhile: its requests come at
    # once, and it may wait as long as it likes before it reads.
    with serving("counter", "--send-timeout", "10m") as server, ExitStack() as stack:
        undisturbed = rate(server)
        greedy = stack.enter_context(connect(server))
        before_bytes = server.resident_bytes()
        sender = threading.Thread(target=greedy.sendall, args=(REQUEST * PIPELINED,))
        sender.start()
        disturbed = rate(server)
        # What one client may cost, and a margin for the interpreter's own.
        assert server.resident_bytes() - before_bytes < READ_BYTES + 3 * PAUSE_BYTES + 4 * MIB
        assert disturbed > 0.1 * undisturbed
        got = b""
        while got.count(b"I am request #") < PIPELINED or not got.endswith(b"\n"):
            data = greedy.recv(1024 * 1024)
            assert data
            got += data
        sender.join()
        answered = numbers(got)
        assert len(answered) == PIPELINED
        assert answered == sorted(set(answered))


@pytest.mark.parametrize("kind", ["tls", "unix", "stock"])
def test_much_at_once_is_answered_in_order_on_every_transport(kind: str, tmp_path: Path) -> None:
    """A slice at a time: whatever is read or decrypted in between waits for its turn."""
    count = 20_000
    place = ("--listen", f"unix:{tmp_path}/s") if kind == "unix" else ("--port", "0")
    options = {"tls": ("--tls-self-signed",), "unix": (), "stock": ("--reactor", "stock")}[kind]
    with serving("counter", *options, place=place) as server, ExitStack() as stack:
        if kind == "unix":
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(tmp_path / "s"))
        else:
            client = stack.enter_context(connect(server))
        if kind == "tls":
            client = stack.enter_context(unverified().wrap_socket(client))
        sender = threading.Thread(target=client.sendall, args=(REQUEST * count,))
        sender.start()
        got = b""
        while got.count(b"I am request #") < count or not got.endswith(b"\n"):
            data = client.recv(1024 * 1024)
            assert data
            got += data
        sender.join()
        assert numbers(got) == list(range(1, count + 1))


def test_fifty_clients_that_read_nothing_leave_the_others_alone() -> None:
    with serving("counter") as server, ExitStack() as stack:
        rate(server)
        before_bytes = server.resident_bytes()
        clients = [stack.enter_context(connect(server)) for _ in range(50)]
        for client in clients:
            client.setblocking(False)
        for _ in range(100):
            for client in clients:
                with suppress(BlockingIOError):
                    client.send(REQUEST * 2000)
        with connect(server) as client:
            # Whatever the kernel buffers, megabytes for each, is being answered; in between everyone has a turn.
            for _ in range(3):
                began_s = server.cpu_s()
                client.sendall(REQUEST)
                assert client.recv(65_536).startswith(b"HTTP/1.1 200")
                assert server.cpu_s() - began_s < 0.5  # 0.08 s and less
        assert server.resident_bytes() - before_bytes < 50 * (READ_BYTES + 3 * PAUSE_BYTES) + 4 * MIB
