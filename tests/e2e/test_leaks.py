"""Connections that come and go leave nothing behind, however they go."""

import os
import ssl
import time
from collections.abc import Callable

import pytest

from e2e.badpeers import MANNERS, clean, connect, reset
from e2e.harness import TIMEOUT_S, serving

ROUNDS = int(os.environ.get("LEAK_ROUNDS", "30"))
"""Of every manner 10 times: 2,100 connections. `LEAK_ROUNDS=1430` makes 100,000; see also tests/benchmarks/soak.py."""

GROWTH_BYTES = 3 * 1024 * 1024
"""What the heap may breathe, however many came and went. Of 2,100, each leaked at 2 KB would leave 4 MB."""


def settle(count: Callable[[], int], wanted: int) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while count() > wanted:
        assert time.monotonic() < deadline, f"{count()} descriptors, not {wanted}"
        time.sleep(0.02)


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the system's authorities, which take a while to load
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def full_handshake(port: int, service: str) -> None:
    with connect(port) as raw, trusting().wrap_socket(raw) as client:
        client.sendall(b"x\n")


def broken_handshake(port: int, service: str) -> None:
    """A hello that is whole, and then a reset."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    machine = trusting().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        machine.do_handshake()
    client = connect(port)
    client.sendall(outgoing.read())
    client.recv(100)
    reset(client)


@pytest.mark.parametrize("service", ["echo", "counter", "pubsub"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_coming_and_going_leaves_nothing(service: str, tls: bool) -> None:
    manners = [*MANNERS, full_handshake, broken_handshake] if tls else MANNERS
    # Over TLS, who asks in plain text gets no answer: those that wait for one are for plain servers.
    manners = [manner for manner in manners if not tls or manner.__name__ not in ("clean",)]
    times = 3 if tls else 10
    with serving(service, *(["--tls-self-signed"] if tls else [])) as server:

        def visits(rounds: int) -> None:
            for _ in range(rounds):
                for manner in manners:
                    for _ in range(times):
                        manner(server.port, service)

        idle = server.descriptors()
        visits(ROUNDS // 3)  # what is cached, is by now
        settle(server.descriptors, idle)
        before = server.resident_bytes()
        visits(ROUNDS)
        # Those before it in the kernel's queue have been accepted by the time that this one is answered.
        (full_handshake if tls else clean)(server.port, service)
        settle(server.descriptors, idle)
        assert server.resident_bytes() - before < GROWTH_BYTES
        summary = server.stop()
        assert summary["connections"] == (ROUNDS + ROUNDS // 3) * times * len(manners) + 1
        assert summary["cut_off"] == 0
