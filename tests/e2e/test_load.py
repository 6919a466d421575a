"""`tw probe` under load: against its own servers, servers that stall, and proxies that harm what passes."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from e2e.harness import CONNECTED, TIMEOUT_S, TW, environment, serving, tw
from e2e.proxy import Harm, by_line, proxy
from ports import held_port
from tw.errors import ExitCode

LOAD_FIELDS = {
    "pacing", "connections", "rate_asked_per_s", "service_ms", "late_ms", "cpu_share", "cpu_wait_share", "limit",
    "held", "unsent", "reconnected", "warmup",
}  # fmt: skip


@pytest.mark.parametrize("probe", ["echo", "counter"])
@pytest.mark.parametrize("more", [(), ("--tls",), ("--reactor", "stock"), ("-6",)], ids=lambda more: "".join(more))
def test_a_closed_loop_gets_every_answer(probe: str, more: tuple[str, ...]) -> None:
    ran = tw("probe", probe, "--self", "--connections", "20", "--count", "2000", *more, "--json")
    assert (ran.code, ran.err) == (0, ""), ran
    report = ran.json
    assert (report["ok"], report["sent"], report["received"], report["errors"]) == (True, 2000, 2000, {})
    assert set(report) >= LOAD_FIELDS
    assert (report["pacing"], report["connections"], report["service_ms"]) == ("closed", 20, None)
    assert report["connect_ms"]["min"] > 0
    if probe == "counter":
        numbers = report["numbers"]
        # The first answer to arrive is one of those to the first requests.
        assert (numbers["first"] <= 20, numbers["gaps"], numbers["instances"]) == (True, 0, 1)


@pytest.mark.parametrize("probe", ["echo", "counter"])
def test_an_open_loop_keeps_its_rate(probe: str) -> None:
    ran = tw("probe", probe, "--self", "--rate", "200", "--duration", "1s", "--warmup", "500ms", "--json")
    assert (ran.code, ran.err) == (0, ""), ran
    report = ran.json
    assert (report["pacing"], report["sent"], report["received"], report["unsent"]) == ("open", 200, 200, 0)
    assert report["warmup"]["sent"] == report["warmup"]["received"] == 100
    assert report["duration_s"] >= 0.99
    assert report["service_ms"]["min"] <= report["rtt_ms"]["min"]
    assert 0 <= report["late_ms"]["min"] <= report["late_ms"]["p50"]
    assert 0 < report["cpu_share"] < 1.5


def test_thousands_of_connections_are_opened_and_used() -> None:
    ran = tw("probe", "echo", "--self", "--connections", "2000", "--count", "6000", "--json")
    assert (ran.code, ran.json["received"]) == (0, 6000), ran


def test_every_request_can_have_a_connection_of_its_own() -> None:
    with serving("counter") as server:
        ran = tw("probe", "counter", server.target, "--connections", "5", "--count", "200", "--no-keepalive", "--json")
        # One may be opened for which there is no request left: each connection makes itself ready by itself.
        assert 200 <= server.stop()["connections"] < 205
    assert (ran.code, ran.json["received"], ran.json["numbers"]["gaps"]) == (0, 200, 0)


# Faults --------------------------------------------------------------------------------------------------------------


def every(nth: int, change: Harm) -> Harm:
    """Harm every n-th line of a connection."""
    count = 0

    def harm(line: bytes) -> list[bytes]:
        nonlocal count
        count += 1
        return change(line) if count % nth == 0 else [line]

    return by_line(harm)


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (lambda line: [], {"lost": 4, "errors": {"timeout": 4}}),
        (lambda line: [line, line], {"duplicated": 4}),
        (lambda line: [line[:30] + bytes([line[30] ^ 1]) + line[31:]], {"corrupted": 4}),
    ],
    ids=["lost", "twice", "changed"],
)
def test_what_a_proxy_does_is_counted_over_all_connections(change: Harm, counts: dict[str, Any]) -> None:
    """Two connections with 50 messages each, of which every 25th is harmed."""
    with serving("echo") as server, proxy(server.port, lambda: every(25, change)) as target:
        ran = tw("probe", "echo", target, "--rate", "100", "--connections", "2", "--count", "100", "--timeout", "2s",
                 "--json")  # fmt: skip
    expected = {"lost": 0, "duplicated": 0, "reordered": 0, "corrupted": 0, "errors": {}, **counts}
    assert {name: ran.json[name] for name in expected} == expected
    assert ran.code == ExitCode.BAD_VERDICT


@pytest.mark.parametrize("split", [1, 7, 63, 65])
@pytest.mark.parametrize("probe", ["echo", "counter"])
def test_a_proxy_that_splits_what_passes_harms_nothing(probe: str, split: int) -> None:
    with serving(probe) as server, proxy(server.port, split=split) as target:
        ran = tw("probe", probe, target, "--connections", "3", "--count", "60", "--json")
    assert (ran.code, ran.json["received"], ran.json["errors"]) == (0, 60, {}), ran


@contextmanager
def silent_server() -> Iterator[str]:
    """It accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("probe", ["echo", "counter"])
@pytest.mark.parametrize("load", [("--connections", "5"), ("--rate", "50")])
def test_a_server_that_never_answers_is_a_timeout_with_the_counts_so_far(probe: str, load: tuple[str, ...]) -> None:
    with silent_server() as target:
        ran = tw("probe", probe, target, *load, "--count", "100000", "--timeout", "500ms", *CONNECTED, "--json")
    assert ran.code == ExitCode.TIMEOUT
    report = ran.json
    assert (report["error"]["kind"], report["received"]) == ("timeout", 0)
    assert report["sent"] >= 5
    assert report["errors"]["timeout"] >= 1


def test_a_stall_shows_in_all_that_was_due_meanwhile() -> None:
    """Half of the run long the server is stopped: the one request under way sees it, and all the others wait for it."""
    with serving("counter", "--access-log") as server:
        load = ("--rate", "100", "--connections", "1", "--duration", "4s", "--timeout", "1m")
        command = [TW, "probe", "counter", server.target, *load]
        with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, env=environment()) as probing:
            server.wait_for("request")
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(2)
            server.process.send_signal(signal.SIGCONT)
            out, _ = probing.communicate(timeout=TIMEOUT_S)
    report = json.loads(out)
    assert report["received"] == 400
    assert report["rtt_ms"]["max"] >= 1900
    assert report["rtt_ms"]["p90"] >= 1000
    assert report["service_ms"]["p90"] < 1000
    assert report["held"] >= 100


# Endings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_with_its_summary(number: int, code: int) -> None:
    with serving("echo", "--access-log") as server:
        command = [TW, "probe", "echo", server.target, "--rate", "100", "--duration", "1h", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as probing:
            server.wait_for("open")
            time.sleep(0.5)  # for some messages
            probing.send_signal(number)
            out, _ = probing.communicate(timeout=TIMEOUT_S)
            assert probing.returncode == code
    report = json.loads(out)
    assert (report["lost"], report["errors"], report["ok"]) == (0, {}, False)
    assert report["error"]["exit"] == code


def test_a_server_that_restarts_costs_its_connections_and_the_run_goes_on() -> None:
    began = time.monotonic()
    with held_port() as port, serving("echo", place=("--port", str(port))) as first:
        lasts_s = 4 + 5 * (time.monotonic() - began)  # well beyond a restart, however long one takes here and now
        command = [TW, "probe", "echo", f":{port}", "--rate", "200", "--connections", "3", "--duration", f"{lasts_s}s"]
        with subprocess.Popen([*command, "--json-stream"], stdout=subprocess.PIPE, env=environment()) as probing:
            assert probing.stdout is not None
            while not json.loads(probing.stdout.readline())["received"]:
                pass
            first.process.kill()
            first.process.wait(TIMEOUT_S)
            with serving("echo", place=("--port", str(port))):
                out, _ = probing.communicate(timeout=lasts_s + TIMEOUT_S)
    report = json.loads(out.splitlines()[-1])
    # One may be made again just before the old listener goes, and break with it.
    assert report["reconnected"] >= 3
    errors = report["errors"]
    assert errors.get("protocol", 0) + errors.get("reset", 0) >= 3
    assert report["received"] > 200
    assert report["sent"] == report["received"] + report["lost"]
    assert probing.returncode == ExitCode.BAD_VERDICT


@pytest.mark.parametrize("probe", ["echo", "counter"])
def test_nobody_there_is_no_load(probe: str) -> None:
    with held_port() as port:
        ran = tw("probe", probe, f":{port}", "--connections", "9", "--json")
    assert (ran.code, ran.json["sent"]) == (ExitCode.CONNECT, 0)
