"""`--find-idle-timeout` through real servers and proxies, and one that forgets without a word."""

import math
import os
import pty
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from e2e.certificates import make_certificates
from e2e.haproxy import haproxy
from e2e.harness import TIMEOUT_S, TW, environment, serving, tw
from e2e.nginx import nginx
from ports import held_port

FORGETS_S = 0.5
FAR = ("--max-idle", "20s")
ABOUT_1_S = 0.5
"""What is found, at least, of a second: an answer that a busy machine sees late makes the silence after it shorter."""


def found(service: str, place: str, *more: str) -> Any:
    ran = tw("probe", service, place, "--find-idle-timeout", "--json", *more)
    assert (ran.code, ran.json["ok"], ran.err) == (0, True, ""), ran
    return ran.json["idle_timeout"]


@contextmanager
def forgetful(*, resets: bool) -> Iterator[str]:
    """An echo that forgets what is silent for `FORGETS_S`: it resets it, or reads on and answers no more."""
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(client: socket.socket) -> None:
        # On a busy machine the first message may be long in coming, and is not what is measured.
        answered = math.inf
        with suppress(OSError):
            try:
                while data := client.recv(65_536):
                    # What came late is late, also where this thread was not there to see it.
                    now = time.monotonic()
                    if now - answered < FORGETS_S:
                        answered = now  # before it is sent: the client's silence is no longer than ours
                        client.sendall(data)
                        client.settimeout(FORGETS_S if resets else None)
                    else:
                        answered = 0.0
            except TimeoutError:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                sockets.append(client)
                threads.append(threading.Thread(target=serve, args=(client,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(TIMEOUT_S)
            for client in sockets:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(TIMEOUT_S)
            for client in sockets:
                client.close()


# What is closed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True])
def test_the_idle_timeout_of_an_echo_is_found(tls: bool) -> None:
    with serving("echo", "--idle-timeout", "1s", *["--tls-self-signed"] * tls) as server:
        pin = ("--tls", "--pin", server.listening[0]["pin"]) if tls else ()
        idle = found("echo", server.target, *FAR, *pin)
    assert idle["how"] == "closed"
    assert ABOUT_1_S <= idle["kept_s"] <= idle["lost_s"] < 20.0


def test_that_of_nginx_is_found() -> None:
    with serving("counter") as server:
        with nginx(f"keepalive_timeout 1s; location / {{ proxy_pass http://{server.target}; }}") as front:
            idle = found("counter", front.target, *FAR)
    assert idle["how"] == "closed"
    assert ABOUT_1_S <= idle["kept_s"] < 20.0


@pytest.mark.parametrize("service", ["echo", "counter"])
@pytest.mark.parametrize("tls", [False, True])
def test_that_of_haproxy_is_found(tmp_path_factory: pytest.TempPathFactory, service: str, tls: bool) -> None:
    files = make_certificates(tmp_path_factory.mktemp("certificates"), "127.0.0.1")
    with open(files.cert, "ab") as cert, open(files.key, "rb") as key:
        cert.write(key.read())
    with serving(service) as server:
        with haproxy(server.target, "", f"ssl crt {files.cert}" if tls else "", "timeout client 1s") as front:
            trust = ("--tls", "--ca-file", files.ca) if tls else ()
            idle = found(service, f"127.0.0.1:{front}", *FAR, *trust)
    assert idle["how"] == "closed"
    assert ABOUT_1_S <= idle["kept_s"] < 20.0


def test_in_words_it_is_one_line() -> None:
    with serving("counter", "--keepalive-timeout", "500ms") as server:
        ran = tw("probe", "counter", server.target, "--find-idle-timeout", *FAR)
    assert (ran.code, ran.err) == (0, "")
    assert " s (FIN)" in ran.out
    assert [line for line in ran.out.splitlines() if line.startswith("silent connection: kept for ")]


# What is reset, dropped or kept ---------------------------------------------------------------------------------------


def test_a_reset_is_told_from_a_close() -> None:
    with forgetful(resets=True) as place:
        idle = found("echo", place, "--max-idle", "8s")
    assert idle["how"] == "reset"
    assert idle["kept_s"] < 8.0


def test_a_silent_drop_is_found_by_trying() -> None:
    with forgetful(resets=False) as place:
        idle = found("echo", place, "--max-idle", "2s", "--idle-precision", "200ms", "--timeout", "1500ms")
    assert idle["how"] == "dropped"
    assert idle["kept_s"] <= FORGETS_S
    assert idle["kept_s"] < idle["lost_s"]


@pytest.mark.parametrize("service", ["echo", "counter"])
def test_what_is_kept_for_as_long_as_it_is_asked_is_told_as_that(service: str) -> None:
    idle = found(service, "--self", "--max-idle", "500ms", "--idle-precision", "100ms")
    assert idle == {"kept_s": 0.5, "lost_s": None, "how": None}


def test_nobody_there_is_a_connect_error() -> None:
    with held_port() as port:
        ran = tw("probe", "echo", f":{port}", "--find-idle-timeout", "--json")
    assert (ran.code, ran.json["error"]["kind"], "idle_timeout" in ran.json) == (3, "connect", False)


def test_a_person_who_watches_sees_each_silence_as_it_ends() -> None:
    ours, theirs = pty.openpty()
    run = [TW, "probe", "echo", "--self", "--find-idle-timeout", "--max-idle", "400ms", "--idle-precision", "200ms"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=theirs, env=environment()) as process:
        out, _ = process.communicate(timeout=TIMEOUT_S)
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # how the end of a terminal shows
        while data := os.read(ours, 65_536):
            seen += data
    os.close(ours)
    assert b"after 0.2 s of silence" in seen
    assert b"after 0.4 s of silence" in seen
    assert b"kept for at least 0.4 s" in out
