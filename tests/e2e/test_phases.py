"""The phases of a request, beside curl's figures for the same: a server that dawdles at one step shows there alone.

Of several requests, the one that a phase took least time of tells that nothing else is counted there, and the one that
it took most of that its own is: a busy machine delays some, and a first byte that is seen late makes the body's time
shorter.
"""

import json
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from e2e.certificates import Certificates, make_certificates
from e2e.harness import TIMEOUT_S, TW, environment, serving, tw, until
from e2e.programs import need

DELAY_S = 0.3
REQUESTS = 3
STEPS = ("connect", "tls", "first_byte", "body")
CURL_TIMES = ("namelookup", "connect", "appconnect", "pretransfer", "starttransfer", "total")


@dataclass
class Dawdler:
    """A server for one HTTPS request a connection, that waits `DELAY_S` before one of `STEPS`.

    A slow `connect` is a full queue: the client's SYN is dropped, and it tries again after a second (RFC 6298, 2.1).
    """

    slow: str
    context: ssl.SSLContext
    listener: socket.socket
    stopped: bool = False

    def __post_init__(self) -> None:
        self._fill()

    def run(self) -> None:
        with suppress(OSError):
            while not self.stopped:
                self._turn_one_away()
                client, _ = self.listener.accept()
                client.settimeout(TIMEOUT_S)
                with client:
                    self._fill()
                    self.serve(client)

    def _fill(self) -> None:
        self.filler = socket.create_connection(self.listener.getsockname()) if self.slow == "connect" else None

    def _turn_one_away(self) -> None:
        """Let nobody in until somebody has tried."""
        if self.filler is None:
            return
        with self.filler:
            connecting = re.compile(rf" [0-9A-F]{{8}}:{self.listener.getsockname()[1]:04X} 02 ")  # proc(5), SYN_SENT
            until(lambda: self.stopped or connecting.search(Path("/proc/net/tcp").read_text()))
            self.listener.accept()[0].close()

    def serve(self, plain: socket.socket) -> None:
        with suppress(OSError):
            self._wait("tls")
            with self.context.wrap_socket(plain, server_side=True) as client:
                request = b""
                while not request.endswith(b"\r\n\r\n"):
                    request += client.recv(1000)
                self._wait("first_byte")
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\nConnection: close\r\n\r\n")
                self._wait("body")
                client.sendall(b"I am request #1\n")

    def _wait(self, step: str) -> None:
        if step == self.slow:
            time.sleep(DELAY_S)


@contextmanager
def dawdling(slow: str, files: Certificates) -> Iterator[int]:
    """The server on a free port of 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        dawdler = Dawdler(slow, context, listener)
        accepting = Thread(target=dawdler.run)
        accepting.start()
        yield listener.getsockname()[1]
        dawdler.stopped = True
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join(TIMEOUT_S)


Ranges = dict[str, tuple[float, float]]
"""The least and the most that each phase took, in seconds."""


def curl(url: str, *options: str, program: tuple[str, ...] = ()) -> Ranges:
    """The same phases, of curl's. `program` is what starts it."""
    form = " ".join(f"%{{time_{name}}}" for name in CURL_TIMES) + "\n"
    phases: list[dict[str, float]] = []
    for _ in range(REQUESTS):
        command = [*program, "curl", "-q", "-sS", "-4", "-o", "/dev/null", "-w", form, *options, url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
        at = dict(zip(CURL_TIMES, map(float, done.stdout.split()), strict=True))
        phases.append(
            {
                "dns": at["namelookup"],
                "connect": at["connect"] - at["namelookup"],
                "tls": max(at["appconnect"] - at["connect"], 0.0),  # 0 without TLS
                "first_byte": at["starttransfer"] - at["pretransfer"],
                "body": at["total"] - at["starttransfer"],
            }
        )
    taken = {name: [phase[name] for phase in phases] for name in phases[0]}
    return {name: (min(times), max(times)) for name, times in taken.items()}


def ranges(phases_ms: dict[str, dict[str, float]]) -> Ranges:
    return {name: (times["min"] / 1000, times["max"] / 1000) for name, times in phases_ms.items()}


def check(ours: Ranges, theirs: Ranges, slow: str) -> None:
    """One phase is slow, and the two agree on which, and on how slow."""
    for taken in (ours, theirs):
        assert {name for name, (least, _) in taken.items() if least > DELAY_S / 2} <= {slow}
        assert taken[slow][1] > DELAY_S / 2
    for name, (least, most) in ours.items():
        assert least < theirs[name][1] + DELAY_S / 2, name
        assert theirs[name][0] < most + DELAY_S / 2, name


@pytest.mark.parametrize("slow", STEPS)
def test_each_phase_sees_its_own_delay_and_not_the_others(slow: str, tmp_path: Path) -> None:
    need("curl")
    files = make_certificates(tmp_path, "localhost")
    with dawdling(slow, files) as port:
        url = f"https://localhost:{port}/"
        options = ("--ca-file", files.ca, "--count", str(REQUESTS), "--interval", "0", "--no-keepalive", "-4", "--json")
        ran = tw("probe", "counter", url, *options)
        theirs = curl(url, "--cacert", files.ca)
    ours = ranges(ran.json["phases_ms"])
    assert ours.keys() == theirs.keys()
    check(ours, theirs, slow)
    least = {name: least for name, (least, _) in ours.items()}
    assert least["dns"] + least["connect"] + least["tls"] <= ran.json["connect_ms"]["max"] / 1000
    assert least["first_byte"] + least["body"] <= ran.json["rtt_ms"]["max"] / 1000


def test_a_slow_name_server_shows_in_dns_alone() -> None:
    need("curl")
    own_net = ("unshare", "--net", "--mount", "--map-root-user")
    try:
        subprocess.run([*own_net, "ip", "link", "set", "lo", "up"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"no namespaces here: {problem}")
    slowly = (*own_net, sys.executable, str(Path(__file__).with_name("slow_names.py")), str(DELAY_S))
    url = "http://name.example/"
    options = ("--count", str(REQUESTS), "--interval", "0", "--no-keepalive", "-4", "--json")
    done = subprocess.run(
        [*slowly, TW, "probe", "counter", url, *options],
        env=environment(),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 1, done  # the number that it is given stands still
    phases = json.loads(done.stdout)["phases_ms"]
    theirs = curl(url, program=slowly)
    assert phases.pop("tls") is None
    del theirs["tls"]
    check(ranges(phases), theirs, "dns")


def measured(ran: Any) -> list[str]:
    return [name for name, times in ran.json["phases_ms"].items() if times is not None]


def test_without_keepalive_each_request_has_its_own_connection_and_the_report_says_so(tmp_path: Path) -> None:
    with serving("counter") as server:
        ran = tw("probe", "counter", f"localhost:{server.port}", "--no-keepalive", "--interval", "0", "-4")
    assert ran.code == 0
    names = [line.partition(":")[0] for line in ran.out.splitlines()]
    at = names.index("round trip")
    assert names[at : at + 6] == ["round trip", "  first byte", "  body", "connect", "  DNS", "  TCP"]


@pytest.mark.parametrize("service", ["echo", "pubsub"])
def test_the_other_probes_have_those_of_connecting(service: str, tmp_path: Path) -> None:
    path = tmp_path / "s"
    place = ("--listen", "tcp:0:interface=127.0.0.1", "--listen", f"unix:{path}")
    with serving(service, "--tls-self-signed", listeners=2, place=place) as server:
        run = ("probe", service, "--count", "2", "--interval", "0", "--json", "--tls", "--insecure")
        assert measured(tw(*run, f"localhost:{server.port}", "-4")) == ["dns", "connect", "tls"]
        assert measured(tw(*run, server.target)) == ["connect", "tls"]
        assert measured(tw(*run, f"unix:{path}")) == ["connect", "tls"]
    assert "phases_ms" not in tw("probe", "echo", "--udp", "--self", "--count", "1", "--json").json
