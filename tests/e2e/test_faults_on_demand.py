"""The matched pair over real sockets: the probe reports the faults that `tw serve` says it made, each of them once."""

import re
import selectors
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from e2e.haproxy import haproxy
from e2e.harness import TIMEOUT_S, TW, Ran, environment, serving, tw
from e2e.programs import need
from e2e.proxy import proxy
from tw.core.faults import Faults
from tw.errors import ExitCode
from tw.fault_options import FaultOptions

FAST = ("--count", "200", "--interval", "0", "--json")


def made(summary: dict[str, Any]) -> dict[str, int]:
    """The faults of a server's summary, without those that it did not make."""
    return {name: count for name, count in summary["faults"].items() if count}


def told(report: dict[str, Any]) -> dict[str, int]:
    """What a probe's report says of the same faults."""
    errors = report["errors"]
    counts = {
        "reset": errors.get("reset", 0) + report.get("retried", 0),
        "corrupt": report["corrupted"] - report["truncated"],
        "truncate": report["truncated"],
        "status": sum(count for kind, count in errors.items() if kind.startswith("status")),
    }
    return {name: count for name, count in counts.items() if count}


def pin(listening: dict[str, Any]) -> list[str]:
    return ["--tls", "--pin", listening["pin"]] if listening["tls"] else []


@pytest.mark.parametrize("tls", [(), ("--tls-self-signed",)], ids=["plain", "tls"])
@pytest.mark.parametrize(
    ("service", "faults", "kinds"),
    [
        ("echo", "--corrupt 10", {"corrupt"}),
        ("echo", "--truncate 10", {"truncate"}),
        ("echo", "--corrupt 10 --truncate 10 --delay 20ms --jitter 20ms", {"corrupt", "truncate", "delay"}),
        ("counter", "--corrupt 10", {"corrupt"}),
        ("counter", "--truncate 10", {"truncate"}),
        ("counter", "--reset 10", {"reset"}),
        ("counter", "--status 503:10 --status 429:5", {"status"}),
        ("counter", "--reset 5 --corrupt 5 --truncate 5 --status 500:5", {"reset", "corrupt", "truncate", "status"}),
    ],
)
def test_every_fault_is_told_once(service: str, faults: str, kinds: set[str], tls: tuple[str, ...]) -> None:
    with serving(service, *faults.split(), "--seed", "5", *tls) as server:
        ran = tw("probe", service, server.target, *pin(server.listening[0]), *FAST)
        faults_made = made(server.stop())
    assert ran.code == ExitCode.BAD_VERDICT, ran
    assert set(faults_made) == kinds
    if faults_made.pop("delay", 0):
        assert ran.json["rtt_ms"]["min"] >= 20
    assert faults_made == told(ran.json)


@pytest.mark.parametrize(
    ("service", "faults"),
    [("echo", "--corrupt 3 --reset 1"), ("counter", "--reset 3 --corrupt 3 --truncate 3 --status 503:3")],
)
def test_under_load_as_well(service: str, faults: str) -> None:
    with serving(service, *faults.split(), "--seed", "5") as server:
        ran = tw("probe", service, server.target, "--connections", "5", "--count", "1000", "--json")
        summary = server.stop()
    assert told(ran.json) == made(summary)
    assert ran.json["lost"] == ran.json["errors"].get("reset", 0)


def test_over_udp_as_well() -> None:
    with serving("echo", "--udp", "--corrupt", "10", "--truncate", "10", "--reset", "50", listeners=2) as server:
        ran = tw("probe", "echo", server.target, "--udp", *FAST)
        assert told(ran.json) == made(server.stop())
    assert ran.json["lost"] == 0


def test_a_reset_ends_an_echo_and_is_a_reset_on_the_wire() -> None:
    with serving("echo", "--reset", "100") as server:
        ran = tw("probe", "echo", server.target, *FAST)
        assert (ran.code, ran.json["error"]["reason"]) == (ExitCode.PROTOCOL, "reset")
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.settimeout(TIMEOUT_S)
            client.sendall(b"line\n")
            with pytest.raises(ConnectionResetError):
                client.recv(100)
        assert made(server.stop()) == {"reset": 2}


def test_after_so_many_bytes_the_stream_ends_in_good_order_whatever_else_is_sent() -> None:
    with serving("echo", "--close-after", "1000") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.settimeout(TIMEOUT_S)
            client.sendall(b"x" * 99 + b"\n" * 50_000)
            got = b""
            while data := client.recv(65_536):  # raises where it was reset
                got += data
        assert len(got) == 1000
        assert made(server.stop()) == {"close": 1}


@pytest.mark.parametrize("service", ["echo", "counter"])
def test_a_seed_is_told_and_makes_the_same_faults_again(service: str) -> None:
    summaries, reports = [], []
    seed: list[str] = []
    for _ in range(2):
        with serving(service, "--corrupt", "20", *seed) as server:
            event = server.wait_for("faults")
            seed = ["--seed", str(event["seed"])]
            reports.append(tw("probe", service, server.target, *FAST).json)
            summaries.append(server.stop())
    assert summaries[0]["seed"] == summaries[1]["seed"] == int(seed[1])
    assert summaries[0]["faults"] == summaries[1]["faults"]
    first, again = (report["first_fault"] for report in reports)
    assert (first["number"], first["offset"]) == (again["number"], again["offset"])


def test_the_words_on_stderr_name_the_seed_and_the_summary_what_was_made() -> None:
    process = subprocess.Popen(
        [TW, "serve", "counter", "--port", "0", "--status", "503:100", "--seed", "7"],
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stderr is not None
    try:
        found = re.search(rb"127\.0\.0\.1:(\d+)", process.stderr.readline())
        assert found is not None
        assert b"--seed 7" in process.stderr.readline()
        tw("probe", "counter", f":{int(found[1])}", "--count", "3", "--interval", "0")
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
        process.wait(TIMEOUT_S)
    assert b"faults made: 3 status (seed 7)" in rest


# In between -----------------------------------------------------------------------------------------------------------


@contextmanager
def socat(port: int) -> Iterator[str]:
    """A relay that passes 13 bytes at a time."""
    need("socat")
    process = subprocess.Popen(
        ["socat", "-d", "-d", "-b", "13", "TCP-LISTEN:0,bind=127.0.0.1,fork", f"TCP:127.0.0.1:{port}"],
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        found = re.search(rb"listening on .*:(\d+)", process.stderr.readline())
        assert found is not None
        yield f"127.0.0.1:{int(found[1])}"
    finally:
        process.kill()
        process.communicate()


def echo_through(place: str) -> Ran:
    return tw("probe", "echo", place, *FAST, "--size", "100")


@pytest.mark.parametrize("between", ["socat", "haproxy", "splitter"])
def test_the_verdict_is_the_same_behind_what_splits_and_joins(between: str) -> None:
    with serving("echo", "--corrupt", "10", "--truncate", "10", "--delay", "5ms:20", "--seed", "9") as server:
        if between == "socat":
            with socat(server.port) as place:
                ran = echo_through(place)
        elif between == "haproxy":
            with haproxy(server.target, "") as port:
                ran = echo_through(f"127.0.0.1:{port}")
        else:
            with proxy(server.port, split=7) as place:
                ran = echo_through(place)
        summary = server.stop()
    faults = {name: count for name, count in made(summary).items() if name != "delay"}
    assert set(faults) == {"corrupt", "truncate"}
    assert told(ran.json) == faults
    assert (ran.json["lost"], ran.json["errors"], ran.json["stalled"]) == (0, {}, 0)
    first = ran.json["first_fault"]
    expected, received = bytes.fromhex(first["expected_hex"]), bytes.fromhex(first["received_hex"])
    at = first["offset"] - first["from_offset"]
    assert expected[:at] == received[:at]
    assert expected[at : at + 1] != received[at : at + 1]


def test_a_server_that_stops_in_the_middle_has_stalled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_once() -> None:
            client, _ = listener.accept()
            with client:
                client.sendall(client.recv(64, socket.MSG_WAITALL))
                while client.recv(65_536):
                    pass

        answering = threading.Thread(target=answer_once)
        answering.start()
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        report = tw("probe", "echo", place, "--count", "3", "--interval", "0", "--timeout", "1", "--json").json
        answering.join(TIMEOUT_S)
    assert (report["received"], report["lost"], report["errors"], report["stalled"]) == (1, 2, {"timeout": 2}, 2)


# Beside other things --------------------------------------------------------------------------------------------------


def test_a_delay_holds_nobody_else_up() -> None:
    faults = Faults(FaultOptions(delay_s=3600.0, delay_percent=50.0), 2)
    quick = sum(not faults.fate().delay_s for _ in range(20))
    assert 0 < quick < 20
    with serving("echo", "--delay", "1h:50", "--seed", "2", "--drain-timeout", "0") as server, ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(20):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.sendall(b"line\n")
            selector.register(client, selectors.EVENT_READ)
        for _ in range(quick):  # whichever of them it is
            ((key, _), *_) = selector.select(TIMEOUT_S)
            assert key.fileobj.recv(100) == b"line\n"  # type: ignore[union-attr]
            selector.unregister(key.fileobj)
        assert selector.select(0) == []
        assert server.stop()["cut_off"] == 20 - quick


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(("delay", "limit", "cut_off"), [("1s", "30s", 0), ("10m", "100ms", 1)])
def test_a_drain_waits_for_what_is_late_up_to_its_timeout(delay: str, limit: str, cut_off: int) -> None:
    with serving("counter", "--delay", delay, "--drain-timeout", limit, "--access-log") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.settimeout(TIMEOUT_S)
            client.sendall(GET)
            server.wait_for("request")
            summary = server.stop()
            if cut_off:
                with pytest.raises(ConnectionResetError):
                    client.recv(1000)
            else:
                assert client.recv(1000).endswith(b"I am request #1\n")
    assert (summary["cut_off"], made(summary)) == (cut_off, {} if cut_off else {"delay": 1})


def test_behind_a_proxy_header_the_client_is_the_one_that_is_reset() -> None:
    with serving("counter", "--proxy-protocol", "--reset", "100", "--access-log") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.settimeout(TIMEOUT_S)
            client.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 5 80\r\n" + GET)
            with pytest.raises(ConnectionResetError):
                client.recv(100)
        assert server.wait_for("open")["peer"] == "192.0.2.7:5"
        assert made(server.stop()) == {"reset": 1}


def test_a_client_that_resets_leaves_nothing_of_what_was_late() -> None:
    with serving("echo", "--delay", "10m", "--access-log") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"line\n")
            server.wait_for("open")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.wait_for("close")
        assert made(server.stop()) == {}
