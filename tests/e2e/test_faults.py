"""Faults of peers, and of tw itself: each costs one connection, and never another."""

import select
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import pytest

from e2e.badpeers import HELLO, MANNERS, SAYINGS, WHOLE, connect, descriptors, fill, push, reset
from e2e.harness import serving, tw

MIB = 1024 * 1024
SERVICES = ["echo", "counter", "pubsub"]

STUCK = 1000
STUCK_BYTES = 400 * 1024
"""What a client that never reads may cost: what made the server pause (64 KiB, or answers of one slice more), one read
(256 KiB), and room for the objects."""


@contextmanager
def errors() -> Iterator[IO[bytes]]:
    """Where a server's stderr goes; it must stay silent."""
    with tempfile.TemporaryFile() as file:
        yield file
        file.seek(0)
        assert file.read() == b""


@pytest.mark.parametrize(
    ("service", "count", "saying"),
    [("echo", STUCK, bytes(65_536)), ("counter", STUCK // 10, WHOLE["counter"] * 100_000)],
    ids=["echo", "counter"],
)
def test_clients_that_never_read_cost_what_is_stated_and_nobody_else(service: str, count: int, saying: bytes) -> None:
    """They send for ever, or pipeline 100,000 requests."""
    with descriptors(count + 200) as allowed, errors() as stderr:
        if not allowed:
            pytest.skip(f"the system allows no {count + 200} open files")
        # However long they take here, it is the stop that ends them.
        patient = ("--send-timeout", "10m") if service == "counter" else ()
        with serving(service, "--drain-timeout", "200ms", *patient, stderr=stderr) as server:
            before = server.resident_bytes()
            clients = [connect(server.port, small=True) for _ in range(count)]
            try:
                for client in clients:
                    client.setblocking(False)
                fill(server, clients, saying)
                assert server.resident_bytes() - before < count * STUCK_BYTES
                ran = tw(
                    "probe", service, "--count", "50", "--interval", "0", "--timeout", "20s", "--json", server.target
                )
                assert (ran.code, ran.json["received"]) == (0, 50)
                assert server.resident_bytes() - before < count * STUCK_BYTES
                assert server.stop()["cut_off"] == count
            finally:
                for client in clients:
                    client.close()


@pytest.mark.parametrize("reactor", ["auto", "stock"])
@pytest.mark.parametrize("service", SERVICES)
def test_bad_peers_cost_no_good_one(service: str, reactor: str) -> None:
    with errors() as stderr, serving(service, "--reactor", reactor, stderr=stderr) as server:
        kept: list[socket.socket] = []
        try:
            for number in range(20):
                for manner in MANNERS:
                    manner(server.port, service)
                stalled = connect(server.port)  # says something, and then nothing more
                stalled.sendall(SAYINGS[service][: number % 7])
                deaf = connect(server.port, small=True)  # asks and asks, and reads nothing
                deaf.setblocking(False)
                push([deaf], WHOLE[service] * 2000)
                kept += [stalled, deaf]
            ran = tw("probe", service, "--count", "20", "--interval", "10ms", "--json", server.target)
            assert (ran.code, ran.json["ok"], ran.json["received"]) == (0, True, 20), ran
        finally:
            for client in kept:
                reset(client)
        assert server.stop()["connections"] >= 20 * (len(MANNERS) + 2)


@pytest.mark.parametrize("service", SERVICES)
def test_stalled_tls_handshakes_cost_no_good_peer(service: str) -> None:
    patient = ("--drain-timeout", "10m", "--handshake-timeout", "10m")  # `stop` would give up long before
    with errors() as stderr, serving(service, "--tls-self-signed", *patient, stderr=stderr) as server:
        kept = [connect(server.port) for _ in range(50)]
        for number, client in enumerate(kept):
            client.sendall(HELLO[: number % len(HELLO)])
        pin = server.listening[0]["pin"]
        ran = tw("probe", service, "--tls", "--pin", pin, "--count", "5", "--interval", "0", server.target)
        assert ran.code == 0, ran
        server.stop()  # nobody who stalls is waited for
        for client in kept:
            client.close()


@pytest.mark.parametrize("service", SERVICES)
def test_one_byte_at_a_time_is_as_good_as_all(service: str) -> None:
    with serving(service) as server, connect(server.port) as client:
        for byte in WHOLE[service]:
            client.sendall(bytes([byte]))
            select.select([client], [], [], 0.02)  # wait for nothing, as a slow peer does
        client.shutdown(socket.SHUT_WR)
        got = b""
        while data := client.recv(65_536):
            got += data
    assert got
    if service == "counter":
        assert b"\r\n\r\nI am request #1\n" in got
    else:
        assert got.endswith(WHOLE[service])


# A peer that vanishes -------------------------------------------------------------------------------------------------

QUICK_KEEPALIVE = """
import sys
from tw.net import keepalive
keepalive.INTERVAL_S = 1
keepalive.PROBES = 2
sys.argv[0] = "tw"
from tw.__main__ import main
sys.exit(main())
"""
"""tw, with less patience than two minutes."""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def elsewhere() -> Iterator[tuple[str, str]]:
    """A network namespace, and an address of ours that it reaches; skips where that is not allowed."""
    name = f"tw{uuid.uuid4().hex[:8]}"
    # Of the range for benchmarks (RFC 2544), which no network uses; at random, as others may be at it too.
    net, low = int(name[2:4], 16), int(name[4:6], 16) // 4 * 4
    ours, theirs = f"198.18.{net}.{low + 1}", f"198.18.{net}.{low + 2}"
    try:
        ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError) as problem:
        reason = getattr(problem, "stderr", b"").decode().strip() or str(problem)
        pytest.skip(f"no network namespaces here: {reason}")
    try:
        try:
            ip("link", "add", name, "type", "veth", "peer", "name", "far", "netns", name)
            ip("address", "add", f"{ours}/30", "dev", name)
            ip("link", "set", name, "up")
            ip("-n", name, "address", "add", f"{theirs}/30", "dev", "far")
            ip("-n", name, "link", "set", "far", "up")
        except (OSError, subprocess.CalledProcessError) as problem:
            pytest.skip(f"no virtual links here: {getattr(problem, 'stderr', problem)}")
        yield name, ours
    finally:
        ip("netns", "delete", name)
        with suppress(subprocess.CalledProcessError):  # it goes with the namespace, a moment later
            ip("link", "delete", name)


@pytest.mark.parametrize("service", SERVICES)
def test_a_peer_that_vanishes_is_noticed(service: str) -> None:
    with elsewhere() as (name, ours), errors() as stderr:
        program = (sys.executable, "-c", QUICK_KEEPALIVE)
        place = ("--host", ours, "--port", "0")
        quick = ("--access-log", "--tcp-keepalive", "1s")
        with serving(service, *quick, place=place, program=program, stderr=stderr) as server:
            client = f"import socket; s = socket.create_connection(('{ours}', {server.port})); s.recv(1)"
            away = subprocess.Popen(["ip", "netns", "exec", name, sys.executable, "-c", client])
            try:
                opened = server.wait_for("open")
                ip("-n", name, "link", "set", "far", "down")
                closed = server.wait_for("close")
                assert (closed["id"], closed["reason"]) == (opened["id"], "lost")
            finally:
                away.kill()
                away.wait()
            server.stop()


# A fault of tw's own --------------------------------------------------------------------------------------------------

BROKEN = """
import sys
from tw.protocols.{module} import {name} as Broken
real = Broken.{method}
def broken(self, *args):
    if b"boom" in (args[0] if args and isinstance(args[0], bytes) else self.said):
        self.said = b"boom"
        raise RuntimeError("boom")
    return real(self, *args)
Broken.said = b""
Broken.{method} = broken
received = Broken.dataReceived
def remember(self, data):
    self.said = data
    received(self, data)
if "{method}" != "dataReceived":
    Broken.dataReceived = remember
sys.argv[0] = "tw"
from tw.__main__ import main
sys.exit(main())
"""
"""tw, with a protocol that raises once it has heard `boom`."""

PROTOCOLS = {
    "echo": ("echo", "EchoServer", b"boom"),
    "counter": ("counter", "CounterServer", b"GET /boom HTTP/1.1\r\nHost: a\r\n\r\n"),
    "pubsub": ("pubsub", "PubSubServer", b"boom\n"),
}


@pytest.mark.parametrize(
    ("method", "reactor"),
    [
        ("dataReceived", "auto"),
        ("dataReceived", "stock"),
        ("readConnectionLost", "auto"),
        ("connectionLost", "auto"),
        ("connectionLost", "stock"),
    ],
)
@pytest.mark.parametrize("service", SERVICES)
def test_an_exception_in_one_protocol_costs_that_connection_alone(service: str, method: str, reactor: str) -> None:
    module, name, boom = PROTOCOLS[service]
    program = (sys.executable, "-c", BROKEN.format(module=module, name=name, method=method))
    more = ("--reactor", reactor, "--drain-timeout", "300ms")
    with tempfile.TemporaryFile() as stderr:
        with serving(service, *more, program=program, stderr=stderr) as server:
            with connect(server.port) as other, connect(server.port) as client:
                client.sendall(boom)
                client.shutdown(socket.SHUT_WR)
                with suppress(ConnectionError):
                    while client.recv(65_536):
                        pass
                other.sendall(WHOLE[service])
                got = b""
                while WHOLE[service][-4:] not in got and b"I am request" not in got:
                    data = other.recv(65_536)
                    assert data, "another connection was closed"
                    got += data
                ran = tw("probe", service, "--count", "2", "--interval", "0", server.target)
                assert ran.code == 0, ran
            server.stop()
        stderr.seek(0)
        told = stderr.read().decode().splitlines()
    assert told, "nobody was told"
    assert set(told) == {"tw: a bug in tw: RuntimeError: boom; run it with -vv to see where"}
