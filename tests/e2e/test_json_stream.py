"""`--json-stream` with the installed `tw`: for readers that are quick, slow, gone, or interrupt it."""

import json
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.harness import TIMEOUT_S, TW, Server, environment, serving, tw

LOAD = ("--connections", "5")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("echo") as made:
        yield made


def started(*args: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [TW, "probe", "echo", *args, "--json-stream"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )


def documents(text: str | bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_load_is_a_line_each_second_and_then_the_report(server: Server) -> None:
    ran = tw("probe", "echo", server.target, *LOAD, "--duration", "2500ms", "--json-stream")
    *lines, report = documents(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert {line["event"] for line in lines} == {"progress"}
    counts = [line["received"] for line in lines] + [report["received"]]
    assert counts == sorted(counts)
    assert lines[-1]["rtt_ms"]["p99"] > 0
    assert any((line["interval_rtt_ms"] or {}).get("p99") for line in lines)  # not each, where the machine stood still
    assert (report["event"], report["ok"], report["pacing"]) == ("report", True, "closed")


def test_a_ping_is_a_line_each_sample_and_then_the_report(server: Server) -> None:
    ran = tw("probe", "echo", server.target, "--count", "3", "--interval", "0", "--json-stream")
    *lines, report = documents(ran.out)
    assert [(line["event"], line["number"], line["outcome"]) for line in lines] == [
        ("sample", number, "ok") for number in (1, 2, 3)
    ]
    assert (report["event"], report["received"]) == ("report", 3)


def test_a_run_that_cannot_begin_is_a_report_with_its_error() -> None:
    ran = tw("probe", "echo", "127.0.0.1:1", *LOAD, "--json-stream")
    (report,) = documents(ran.out)
    assert ran.code == 3
    assert (report["event"], report["ok"], report["error"]["exit"]) == ("report", False, 3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_in_its_report(server: Server, number: signal.Signals) -> None:
    with started(server.target, *LOAD, "--duration", "60s") as run:
        assert run.stdout is not None
        assert json.loads(run.stdout.readline())["event"] == "progress"
        run.send_signal(number)
        out, err = run.communicate(timeout=TIMEOUT_S)
    report = documents(out)[-1]
    assert (run.returncode, err) == (128 + number, b"")
    assert (report["event"], report["error"]["exit"]) == ("report", 128 + number)
    assert report["received"] > 0


def test_who_reads_nothing_until_the_run_is_over_has_held_up_nothing(server: Server) -> None:
    """So many samples are more than a pipe and what is kept hold; the server sees each of them all the same."""
    count = 15_000
    with serving("echo", "--access-log") as own, started(own.target, "--count", str(count), "--interval", "0") as run:
        own.wait_for("open")
        assert own.wait_for("close")["received_bytes"] == 64 * count
        out, _ = run.communicate(timeout=TIMEOUT_S)
    *lines, report = documents(out)
    assert run.returncode == 0
    assert (report["event"], report["received"]) == ("report", count)
    unwritten = [line["lines"] for line in lines if line["event"] == "unwritten"]
    samples = sum(line["event"] == "sample" for line in lines)
    assert unwritten
    assert samples + sum(unwritten) == count


def test_a_reader_that_has_seen_enough_ends_the_run_quietly(server: Server) -> None:
    command = f'"{TW}" probe echo {server.target} --connections 5 --duration 60s --json-stream | head -n 1'
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(),
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert [line["event"] for line in documents(done.stdout)] == ["progress"]
