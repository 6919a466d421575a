"""Runs that are judged, as a CI job runs them: exit codes, and the files that they leave."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from e2e.harness import TIMEOUT_S, TW, environment, serving, tw, until


def cases(path: Path) -> dict[str | None, str]:
    suite = ET.parse(path).getroot()[0]
    return {case.get("name"): case[0].tag if len(case) else "ok" for case in suite.findall("testcase")}


@pytest.mark.parametrize("probe", ["echo", "counter", "pubsub"])
def test_what_holds_is_0_and_what_is_missed_is_1_and_both_are_listed(probe: str) -> None:
    quick = ("probe", probe, "--self", "--count", "3", "--interval", "0")
    done = tw(*quick, "--assert", "p99<60s", "--assert", "loss = 0")
    assert done.code == 0, done
    assert f"probe {probe}".split()[1] in done.out
    *_, time_line, loss_line = done.out.splitlines()
    assert time_line.startswith("assert p99<60s: ok (")
    assert time_line.endswith(" ms)")
    assert loss_line == "assert loss = 0: ok (0)"
    done = tw(*quick, "--assert", "p99<60s", "--assert", "rate>=1000M", "--json")
    assert done.code == 1
    assert done.err == ""
    assert done.json["ok"] is False
    assert [one["ok"] for one in done.json["assertions"]] == [True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p99<50", "a time needs its unit (--assert); write p99<50ms (us, ms, s or m)"),
        ("pp99<50ms", "unknown figure 'pp99' (--assert pp99<50ms); did you mean 'p99<50ms'? there are: p50 p90 "),
        ("gaps=0", "'gaps' is not measured in this run (--assert gaps=0); it takes the counter's probe; there are: "),
        ("p99\x1b]0;x\x07<1ms", "unknown figure 'p99\\x1b]0;x\\x07' (--assert p99\\x1b]0;x\\x07<1ms); "),
    ],
)
def test_what_cannot_be_asserted_is_2_and_nothing_is_sent(text: str, said: str) -> None:
    done = tw("probe", "echo", "127.0.0.1:1", "--assert", text)
    assert (done.code, done.out) == (2, "")
    assert done.error_line.startswith(f"tw: {said}")


def test_a_share_of_losses_that_is_allowed_passes() -> None:
    """A server that answers every second datagram only."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(TIMEOUT_S)
        runs = (["--assert", "loss<=50%"], 0), (["--assert", "errors<=50%"], 0), (["--assert", "loss<50%"], 1), ([], 1)
        for asserted, code in runs:
            line = ["probe", "echo", "--udp", f"127.0.0.1:{server.getsockname()[1]}", "--count", "4", "--interval", "0"]
            client = subprocess.Popen(
                [TW, *line, "--timeout", "1s", "--json", *asserted],
                stdout=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                env=environment(),
            )
            for number in range(4):
                data, peer = server.recvfrom(65536)
                if number % 2:
                    server.sendto(data, peer)
            out, _ = client.communicate(timeout=TIMEOUT_S)
            report = json.loads(out)
            assert (report["lost"], report["received"]) == (2, 2)
            assert (client.returncode, report["ok"]) == (code, code == 0), asserted


def test_a_run_that_cannot_connect_keeps_its_code_and_ci_is_told(tmp_path: Path) -> None:
    junit = tmp_path / "r.xml"
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        target = f"127.0.0.1:{bound.getsockname()[1]}"
        done = tw("probe", "counter", target, "--assert", "loss=0", "--junit", str(junit))
    assert done.code == 3
    assert cases(junit) == {"verdict": "error", "loss=0": "failure"}
    told = ET.parse(junit).getroot()[0].findall("testcase/error")[0]
    assert done.error_line == f"tw: {told.get('message')}"


@pytest.mark.parametrize("option", ["--junit", "--hgrm"])
def test_a_place_without_a_folder_is_9_at_once(tmp_path: Path, option: str) -> None:
    path = tmp_path / "none" / "r"
    done = tw("probe", "echo", "--self", option, str(path))
    assert (done.code, done.out) == (9, "")
    assert str(path) in done.error_line


def test_a_full_disk_is_9_and_the_object_says_so() -> None:
    done = tw("probe", "echo", "--self", "--count", "1", "--junit", "/dev/full", "--json")
    assert done.code == 9
    assert done.json["error"]["exit"] == 9
    assert done.json["received"] == 1
    assert done.error_line == "tw: cannot write the JUnit file: no space left on device (/dev/full)"


def test_a_file_may_be_a_stream(tmp_path: Path) -> None:
    done = tw("probe", "echo", "--self", "--count", "1", "--hgrm", "/dev/stderr")
    assert done.code == 0
    assert done.err.startswith("       Value     Percentile TotalCount 1/(1-Percentile)\n")
    assert Path("/dev/stderr").is_symlink()
    with (tmp_path / "out").open("wb") as out:
        line = [TW, "probe", "echo", "--self", "--count", "1", "--junit", "/dev/stdout"]
        subprocess.run(line, stdout=out, stdin=subprocess.DEVNULL, env=environment(), check=True, timeout=TIMEOUT_S)
    assert (tmp_path / "out").read_text().startswith("<?xml ")
    assert "round trip: " in (tmp_path / "out").read_text()


def test_a_load_leaves_its_distribution_in_the_file_and_in_the_report(tmp_path: Path) -> None:
    path = tmp_path / "r.hgrm"
    done = tw("probe", "echo", "--self", "--connections", "4", "--count", "2000", "--hgrm", str(path), "--json")
    assert done.code == 0
    assert f"Total count    = {2000:12}]" in path.read_text()
    buckets = done.json["histogram"]["rtt_ms"]
    assert sum(count for _, count in buckets) == 2000
    assert buckets[-1][0] >= done.json["rtt_ms"]["max"]
    assert "histogram" not in tw("probe", "echo", "--self", "--count", "2", "--interval", "0", "--json").json


def test_a_stopped_run_leaves_its_files_and_no_others(tmp_path: Path) -> None:
    with serving("echo") as server:
        client = subprocess.Popen(
            [
                TW,
                "probe",
                "echo",
                server.target,
                "--count",
                "100",
                "--junit",
                str(tmp_path / "r.xml"),
                "--assert",
                "p50<1m",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        until(lambda: _connected(server.port))
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=TIMEOUT_S)
        assert client.returncode == 130
        assert os.listdir(tmp_path) == ["r.xml"]
        assert cases(tmp_path / "r.xml")["verdict"] == "error"


def _connected(port: int) -> bool:
    """Whether somebody is connected to the port (proc(5): state 01 is ESTABLISHED)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)
