"""Socket activation: the socket belongs to whoever passed it, and outlives every server that listens on it."""

import os
import shutil
import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.certificates import make_certificates
from e2e.harness import TIMEOUT_S, TW, environment, tw
from e2e.lifecycle import service, wait_until
from tw.errors import ExitCode

pytestmark = pytest.mark.measured


def bound(address: str | tuple[str, int] = ("127.0.0.1", 0)) -> socket.socket:
    """A listening socket, as systemd makes it."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.bind(address)
    made.listen(128)
    return made


def echoed(address: object, family: int = socket.AF_INET, words: bytes = b"hello") -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_S)
        client.connect(address)  # type: ignore[arg-type]
        return says(client, words)


def says(client: socket.socket, words: bytes) -> bool:
    client.sendall(words)
    got = b""
    while len(got) < len(words):
        data = client.recv(100)
        if not data:
            return False
        got += data
    return got == words


@pytest.mark.parametrize(
    ("names", "listen"),
    [
        ("", "systemd:domain=INET:index=0"),
        ("", "systemd:INET:0"),
        ("web", "systemd:index=0"),
        ("web", "systemd:domain=INET:name=web"),
    ],
)
def test_a_passed_socket_is_served(tmp_path: Path, names: str, listen: str) -> None:
    with bound() as passed, service(tmp_path, "echo", "--listen", listen, sockets=[passed], names=names) as server:
        assert (server.listening[0]["host"], server.port) == passed.getsockname()
        assert echoed(passed.getsockname())
        server.stop()


def test_several_are_told_apart_by_name_and_by_index(tmp_path: Path) -> None:
    place = str(tmp_path / "unix")
    args = ("--listen", "systemd:domain=UNIX:name=two", "--listen", "systemd:domain=INET6:index=2")
    with (
        bound() as one,
        bound(place) as two,
        bound(("::1", 0)) as three,
        service(tmp_path, "echo", *args, sockets=[one, two, three], names="one:two:three", listeners=2) as server,
    ):
        assert [each.get("path", each.get("host")) for each in server.listening] == [place, "::1"]
        assert echoed(place, socket.AF_UNIX)
        assert echoed(three.getsockname(), socket.AF_INET6)
        server.stop()


def test_tls_is_spoken_over_a_passed_socket(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, "localhost")
    args = ("--listen", "systemd:domain=INET:index=0", "--tls-cert", files.cert, "--tls-key", files.key)
    with bound() as passed, service(tmp_path, "echo", *args, sockets=[passed]) as server:
        context = ssl.create_default_context(cafile=files.ca)
        with context.wrap_socket(
            socket.create_connection(passed.getsockname(), timeout=TIMEOUT_S), server_hostname="localhost"
        ) as client:
            assert says(client, b"inside")
        server.stop()


@pytest.mark.parametrize("abstract", [False, True])
def test_a_passed_unix_socket_keeps_its_file_and_its_mode(tmp_path: Path, abstract: bool) -> None:
    place = f"\0tw-{os.getpid()}-{tmp_path.name}" if abstract else str(tmp_path / "unix")
    with bound(place) as passed:
        if not abstract:
            os.chmod(place, 0o600)
        for _ in range(2):
            with service(tmp_path, "echo", "--listen", "systemd:UNIX:0", sockets=[passed]) as server:
                assert echoed(place, socket.AF_UNIX)
                server.stop()
            if not abstract:
                assert stat.S_IMODE(os.stat(place).st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as later:
            later.connect(place)  # nobody accepts it now, and it waits


@pytest.mark.parametrize(
    ("listen", "names", "words"),
    [
        ("systemd:INET:7", "web", "no such socket was passed"),
        ("systemd:INET:name=other", "web", "they are called web"),
        ("systemd:UNIX:0", "web", "the passed socket's domain is INET"),
        ("systemd:name=web", "web:web", "several sockets of that name"),
    ],
)
def test_what_was_not_passed_is_a_usage_error(tmp_path: Path, listen: str, names: str, words: str) -> None:
    count = len(names.split(":"))
    with bound() as passed, pytest.raises(AssertionError, match="the server ended: 2"):
        with service(tmp_path, "echo", "--listen", listen, sockets=[passed] * count, names=names):
            pass
    (log,) = tmp_path.glob("stderr-*")
    assert words in log.read_text()


def test_without_a_manager_there_is_nothing_to_listen_on() -> None:
    for env in ({}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_FDS": "1"}):
        ran = tw("serve", "echo", "--listen", "systemd:INET:0", env=env)
        assert (ran.code, "no socket was passed" in ran.error_line) == (ExitCode.USAGE, True)


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not installed")
def test_it_works_with_systemds_own_tool(tmp_path: Path) -> None:
    place = tmp_path / "unix"
    command = ["systemd-socket-activate", "-l", str(place), "--fdname=web"]
    process = subprocess.Popen(
        [*command, TW, "serve", "echo", "--listen", "systemd:UNIX:name=web"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    try:
        wait_until(place.is_socket, "the socket is there")
        wait_until(lambda: _answers(str(place)), "it is served")
        process.terminate()
        assert process.wait(TIMEOUT_S) == 0
        assert place.is_socket()
    finally:
        process.kill()
        process.wait(TIMEOUT_S)


def _answers(place: str) -> bool:
    try:
        return echoed(place, socket.AF_UNIX)
    except ConnectionRefusedError:
        return False  # bound, and not listening yet


# Across a restart ----------------------------------------------------------------------------------------------------

RESTARTS = 4


class Caller(threading.Thread):
    """Connects again and again, and notes each connection that was not answered."""

    def __init__(self, call: Callable[[], bool]) -> None:
        super().__init__()
        self._call = call
        self.over = threading.Event()
        self.answered = 0
        self.failures: list[str] = []

    def run(self) -> None:
        while not self.over.is_set():
            try:
                if self._call():
                    self.answered += 1
                else:
                    self.failures.append("closed without an answer")
            except OSError as error:
                self.failures.append(repr(error))


def http(address: tuple[str, int]) -> bool:
    with socket.create_connection(address, timeout=TIMEOUT_S) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return client.makefile("rb").readline().startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("what", ["echo", "echo over unix", "echo over TLS", "counter"])
def test_nobody_is_refused_or_left_without_an_answer_across_restarts(tmp_path: Path, what: str) -> None:
    place = str(tmp_path / "unix")
    files = make_certificates(tmp_path, "localhost")
    context = ssl.create_default_context(cafile=files.ca)
    with bound(place) if "unix" in what else bound() as passed:
        address = passed.getsockname()
        args = [what.split()[0], "--listen", "systemd:index=0"]
        if "TLS" in what:
            args += ["--tls-cert", files.cert, "--tls-key", files.key]

        def call() -> bool:
            if what == "counter":
                return http(address)
            if "TLS" not in what:
                return echoed(address, passed.family)
            plain = socket.create_connection(address, timeout=TIMEOUT_S)
            with context.wrap_socket(plain, server_hostname="localhost") as client:
                return says(client, b"hello")

        callers = [Caller(call) for _ in range(3)]
        for caller in callers:
            caller.start()
        try:
            for _ in range(RESTARTS):
                _serve_until_answered(tmp_path, args, passed, callers)
        finally:
            for caller in callers:
                caller.over.set()
            with service(tmp_path, *args, sockets=[passed]) as last:  # for whoever waits in the queue
                for caller in callers:
                    caller.join(TIMEOUT_S)
                last.stop()
    assert [failure for caller in callers for failure in caller.failures] == []


def _serve_until_answered(folder: Path, args: list[str], passed: socket.socket, callers: list[Caller]) -> None:
    with service(folder, *args, sockets=[passed]) as server:
        before = [caller.answered for caller in callers]
        wait_until(
            lambda: all(caller.answered > count + 3 for caller, count in zip(callers, before, strict=True)),
            f"answers: {[caller.failures for caller in callers]}",
        )
        server.stop()
