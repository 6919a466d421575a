"""The servers' limits against real sockets: who gets in, who waits, who is turned away, and what is told of it."""

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.harness import TIMEOUT_S, serving, tw, until
from e2e.limited import Clients, echoes


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


# How many -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reactor", ["auto", "stock"])
def test_one_too_many_is_closed_at_once_and_the_next_comes_in_when_one_has_left(reactor: str, stack: ExitStack) -> None:
    with serving("echo", "--max-connections", "2", "--reactor", reactor) as server:
        clients = Clients(server, stack)
        first, second = clients.connect(), clients.connect()
        assert echoes(first)
        assert echoes(second)
        third = clients.connect()
        assert third.recv(1) == b""
        told = server.wait_for("refused")
        assert told["peer"] == f"127.0.0.1:{third.getsockname()[1]}"
        assert (told["reason"], told["suppressed"]) == ("too many connections (max 2)", 0)
        first.close()
        until(clients.served)
        summary = server.stop()
        assert summary["connections"] == 3
        assert summary["refused"] == summary["refusals"]["too many connections (max 2)"] >= 1


@pytest.mark.parametrize("reactor", ["auto", "stock"])
@pytest.mark.parametrize("service", ["echo", "pubsub"])
def test_one_too_many_waits_and_loses_nothing(service: str, reactor: str, stack: ExitStack) -> None:
    more = ("--no-prefix",) if service == "pubsub" else ()
    with serving(service, "--max-connections", "2", "--on-full", "wait", "--reactor", reactor, *more) as server:
        clients = Clients(server, stack)
        first, second = clients.connect(), clients.connect()
        for client in (first, second):
            client.sendall(b"1\n")
            assert client.recv(1) == b"1"
        waiting = clients.connect()  # by the kernel
        waiting.sendall(b"patient\n")
        before_s = server.cpu_s()
        waiting.settimeout(1.0)
        with pytest.raises(TimeoutError):
            waiting.recv(100)
        assert server.cpu_s() - before_s < 0.3  # it does not spin
        waiting.settimeout(TIMEOUT_S)
        first.close()
        assert b"patient\n" in waiting.recv(100)
        summary = server.stop()
        assert (summary["connections"], summary["refused"]) == (3, 0)
        assert summary["accept_pauses"] >= 1


def test_one_host_may_have_so_many(stack: ExitStack) -> None:
    with serving("echo", "--max-per-host", "1") as server:
        clients = Clients(server, stack)
        assert [clients.served(source) for source in ("127.0.0.1", "127.0.0.1", "127.0.0.2")] == [True, False, True]
        assert server.stop()["refusals"] == {"too many connections of one host (max 1)": 1}


def test_a_unix_socket_knows_no_hosts(tmp_path: Path) -> None:
    path = tmp_path / "s"
    limits = ("--max-per-host", "1", "--allow", "192.0.2.1", "--max-connections", "2")
    with serving("echo", "--listen", f"unix:{path}", *limits, place=()) as server, ExitStack() as stack:
        served = []
        for _ in range(3):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(path))
            served.append(echoes(client))
        assert served == [True, True, False]
        assert server.stop()["refusals"] == {"too many connections (max 2)": 1}


def test_a_flood_of_refusals_floods_nobody() -> None:
    with serving("echo", "--deny", "127.0.0.1") as server:
        started_s = time.monotonic()
        for _ in range(1000):
            with (
                socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as client,
                contextlib.suppress(OSError),
            ):
                client.recv(1)
        lasted_s = time.monotonic() - started_s
        summary = server.stop()
        told = [event for event in server.events if event["event"] == "refused"]
        assert summary["refused"] == 1000
        assert 1 <= len(told) <= 10 * (lasted_s + 2)
        assert len(told) + sum(event["suppressed"] for event in told) <= 1000
        assert summary["connections"] == 0


# Who ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_the_lists_hold_on_ipv4_and_on_a_listener_of_both(host: str, stack: ExitStack) -> None:
    limits = ("--allow", "127.0.0.0/30", "--deny", "127.0.0.2", "--host", host)
    with serving("echo", *limits) as server:
        clients = Clients(server, stack)
        sources = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
        assert [clients.served(source) for source in sources] == [True, False, True, False]
        if host == "::":
            assert not clients.served(host="::1")
        assert server.stop()["refusals"] == {"denied": 1, "not allowed": 1 + (host == "::")}


def test_an_ipv6_peer_is_known_by_its_network(stack: ExitStack) -> None:
    with serving("echo", "--host", "::1", "--allow", "::/64") as server:
        assert Clients(server, stack).served(host="::1")
        assert server.stop()["refused"] == 0


def test_datagrams_of_who_is_turned_away_are_not_answered() -> None:
    with serving("echo", "--udp", "--deny", "127.0.0.2", listeners=2) as server, ExitStack() as stack:
        answers = []
        for source in ("127.0.0.2", "127.0.0.1"):
            client = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            client.bind((source, 0))
            client.settimeout(TIMEOUT_S)
            client.sendto(b"datagram", ("127.0.0.1", server.listening[1]["port"]))
            if source == "127.0.0.1":
                answers.append(client.recv(100))
            else:
                assert server.wait_for("refused")["reason"] == "denied"
                client.setblocking(False)
                with pytest.raises(BlockingIOError):
                    client.recv(100)
        assert answers == [b"datagram"]
        summary = server.stop()
        assert (summary["refused"], summary["datagrams"], summary["sent_bytes"]) == (1, 2, 8)


def test_a_probe_that_is_turned_away_fails_as_such() -> None:
    with serving("counter", "--deny", "127.0.0.0/8") as server:
        ran = tw("probe", "counter", server.target, "--count", "1")
        assert ran.code in (3, 7)  # as it meets the close while connecting, or after
        assert server.wait_for("refused")["reason"] == "denied"


# How fast, how long ---------------------------------------------------------------------------------------------------


def test_over_the_rate_nobody_is_refused_and_all_come_in_later(stack: ExitStack) -> None:
    with serving("echo", "--accept-rate", "5") as server:
        started_s = time.monotonic()
        clients = Clients(server, stack)
        connections = [clients.connect() for _ in range(12)]
        assert all(echoes(client) for client in connections)
        assert time.monotonic() - started_s >= (12 - 5) / 5 - 0.01
        summary = server.stop()
        assert (summary["connections"], summary["refused"]) == (12, 0)
        assert summary["accept_pauses"] >= 1


@pytest.mark.parametrize("service", ["echo", "counter", "pubsub"])
@pytest.mark.parametrize("tls", [(), ("--tls-self-signed",)])
def test_a_silent_connection_is_closed(service: str, tls: tuple[str, ...]) -> None:
    with serving(service, "--idle-timeout", "300ms", "--access-log", *tls) as server:
        started_s = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as client:
            client.settimeout(TIMEOUT_S)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
        assert time.monotonic() - started_s >= 0.29
        assert server.wait_for("close")["reason"] == "idle"
        assert server.stop()["idle"] == 1


def test_a_subscriber_that_only_listens_stays_while_lines_come(stack: ExitStack) -> None:
    with serving("pubsub", "--idle-timeout", "4s") as server:
        clients = Clients(server, stack)
        subscriber, publisher = clients.connect(), clients.connect()
        got = b""
        for number in range(12):
            publisher.sendall(f"{number}\n".encode())
            while not got.endswith(f" {number}\n".encode()):
                data = subscriber.recv(1000)
                assert data
                got += data
            time.sleep(0.5)  # what is tested is time itself: 6 s in all, and never 4 s of silence
        assert server.stop()["idle"] == 0
