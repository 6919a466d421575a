"""The connection without a reactor: real sockets of loopback."""

import errno
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from direct_rig import LONG_S, SHORT_S, WHERE, side_by_side
from ports import held_port
from tw.errors import ConnectError
from tw.net.direct import Deadline, Direct, Overdue


@pytest.fixture
def pair() -> Iterator[tuple[Direct, socket.socket]]:
    here, there = socket.socketpair()
    there.settimeout(LONG_S)
    direct = Direct(here, Deadline(LONG_S), WHERE)
    yield direct, there
    direct.close()
    there.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(LONG_S)
        yield made


def _port(listener: socket.socket) -> int:
    port = listener.getsockname()[1]
    assert isinstance(port, int)
    return port


@pytest.fixture
def closed_port() -> Iterator[int]:
    with held_port() as port:
        yield port


# The deadline ------------------------------------------------------------------------------------------------------


def test_a_deadline_is_over_when_its_time_is() -> None:
    now_s = 100.0
    deadline = Deadline(5.0, lambda: now_s)
    assert deadline.left_s() == 5.0
    now_s = 104.5
    assert deadline.left_s() == 0.5
    now_s = 105.0
    with pytest.raises(Overdue):
        deadline.left_s()


# Connecting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_it_connects_by_address_and_by_name(listener: socket.socket, host: str) -> None:
    direct = Direct.to(host, _port(listener), Deadline(LONG_S), WHERE)
    there, _ = listener.accept()
    with there:
        assert direct.peer == ("127.0.0.1", _port(listener))
        direct.send(b"hello")
        assert there.recv(10) == b"hello"
        there.sendall(b"you")
        assert direct.receive() == b"you"
        assert (direct.protection, direct.certificate_end_s) == ("", None)
    assert direct.receive() == b""
    direct.close()


def _refusal(host: str, port: int) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        Direct.to(host, port, Deadline(LONG_S), WHERE)
    return caught.value


def test_a_refusal_says_so(closed_port: int) -> None:
    assert str(_refusal("127.0.0.1", closed_port)) == f"connection refused ({WHERE}); is the server running there?"


def test_what_the_system_says_of_an_address_is_told() -> None:
    # A broadcast address takes no TCP.
    error = _refusal("255.255.255.255", 1)
    assert error.what in {"no route to the host", "cannot connect: permission denied"}


@pytest.mark.parametrize("problem", [socket.gaierror(socket.EAI_NONAME, "x"), UnicodeError("label too long")])
def test_a_name_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    def unknown(*_: object, **__: object) -> Any:
        raise problem

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert str(_refusal("no\x1bwhere", 1)) == "no such host (no\\x1bwhere); check the name"


def test_a_resolver_that_hangs_costs_the_deadline_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    real = socket.getaddrinfo

    def hang(*args: Any, **more: Any) -> Any:
        if not more.get("flags"):
            let_go.wait(LONG_S)
        return real(*args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(Overdue):
            Direct.to("localhost", 1, Deadline(SHORT_S), WHERE)
    finally:
        let_go.set()


@contextmanager
def _silent() -> Iterator[int]:
    """The port of a listener that has its queue full: further handshakes get no answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        filling = [socket.socket() for _ in range(4)]
        for one in filling:
            one.setblocking(False)
            assert one.connect_ex(listener.getsockname()) in (0, errno.EINPROGRESS)
        try:
            yield _port(listener)
        finally:
            for one in filling:
                one.close()


def _found(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports]

    def look_up(*_: object, flags: int = 0, **__: object) -> Any:
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        return addresses

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_a_refusal_leads_on_at_once_and_silence_after_a_moment(
    listener: socket.socket, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _silent() as silent:
        _found(monkeypatch, closed_port, silent, _port(listener))
        direct = Direct.to("many", 1, Deadline(LONG_S), WHERE)
        assert direct.peer[1] == _port(listener)
        direct.close()


def test_silence_everywhere_costs_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with _silent() as silent:
        _found(monkeypatch, silent)
        with pytest.raises(Overdue):
            Direct.to("many", 1, Deadline(SHORT_S), WHERE)
    assert len(os.listdir("/proc/self/fd")) == before  # the attempt was given up


def test_of_several_failures_the_last_is_told(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    _found(monkeypatch, closed_port, closed_port)
    assert _refusal("many", 1).what == "connection refused"


# Sending and receiving ---------------------------------------------------------------------------------------------


def test_silence_costs_the_deadline() -> None:
    here, there = socket.socketpair()
    with here, there:
        direct = Direct(here, Deadline(SHORT_S), WHERE)
        with pytest.raises(Overdue):
            direct.receive()
        with pytest.raises(Overdue):
            direct.send(b"too late")


def test_a_peer_that_reads_nothing_costs_the_deadline() -> None:
    here, there = socket.socketpair()
    with here, there, pytest.raises(Overdue):
        Direct(here, Deadline(SHORT_S), WHERE).send(bytes(1 << 24))


def test_what_a_peer_said_before_it_left_is_heard_although_sending_fails(pair: tuple[Direct, socket.socket]) -> None:
    direct, there = pair
    there.sendall(b"* BYE\r\n")
    there.close()
    direct.send(b"A1 LOGIN\r\n")
    assert direct.receive() == b"* BYE\r\n"


def test_a_reset_is_told_from_an_end(listener: socket.socket) -> None:
    direct = Direct.to("127.0.0.1", _port(listener), Deadline(LONG_S), WHERE)
    there, _ = listener.accept()
    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    there.close()
    with pytest.raises(ConnectionError):
        direct.receive()
    direct.close()


def test_parting_lets_the_last_words_arrive_and_waits_for_the_peers_end(pair: tuple[Direct, socket.socket]) -> None:
    direct, there = pair
    there.sendall(b"unread")
    direct.send(b"A9 LOGOUT\r\n")
    heard: list[bytes] = []

    def peer() -> None:
        while data := there.recv(100):
            heard.append(data)
        there.sendall(b"* BYE\r\n")
        there.close()

    with side_by_side(peer):
        direct.part(LONG_S)
    assert b"".join(heard) == b"A9 LOGOUT\r\n"


def test_parting_does_not_wait_for_ever(pair: tuple[Direct, socket.socket]) -> None:
    direct, there = pair
    direct.part(SHORT_S)
    assert there.recv(1) == b""
