"""`tw report`, over what probes have printed and over what they never would."""

import os
import subprocess
from pathlib import Path

import pytest

from e2e.harness import TIMEOUT_S, TW, environment, tw

pytestmark = pytest.mark.measured


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two loads of an echo, and a ping of a counter."""
    folder = tmp_path_factory.mktemp("runs")
    for name, connections in (("one.json", "1"), ("ten.json", "10")):
        done = tw("probe", "echo", "--self", "--connections", connections, "--count", "500", "--json")
        assert done.code == 0, done
        (folder / name).write_text(done.out)
    (folder / "counter.json").write_text(tw("probe", "counter", "--self", "--count", "1", "--json").out)
    return folder


def test_two_runs_side_by_side(runs: Path) -> None:
    done = tw("report", "one.json", "ten.json", cwd=runs, env={"LC_ALL": "C.UTF-8"})
    assert (done.code, done.err) == (0, "")
    first, verdicts, *rest = done.out.splitlines()
    assert first.split() == ["one.json", "ten.json"]
    assert verdicts.split() == ["echo", "verdict", "ok", "ok"]
    (p99,) = [line.split() for line in rest if line.startswith("round trip p99 ")]
    assert p99[-1].startswith("x")
    assert any("█" in line for line in rest)
    done = tw(
        "report", "one.json", "ten.json", cwd=runs, env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    )
    assert done.code == 0
    assert done.out.isascii()
    assert "\\u" not in done.out


def test_a_page_and_json(runs: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.html"
    done = tw("report", "one.json", "ten.json", "--html", str(path), "--json", cwd=runs)
    assert done.code == 0
    assert [report["file"] for report in done.json["reports"]] == ["one.json", "ten.json"]
    assert done.json["reports"][1]["ratios"]["sent"] == 1
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>\n")
    assert os.listdir(tmp_path) == ["p.html"]


def test_stdin_is_a_report_too(runs: Path) -> None:
    done = tw("report", "one.json", "-", cwd=runs, stdin=(runs / "ten.json").read_text())
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["one.json", "stdin"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot read the report: no such file or directory"),
        (b"", "empty"),
        (b"{" * 100_000, "no JSON object"),
        (b'{"v":1,"probe":"echo","sent":NaN}', "no JSON object"),
        (b'{"v":1,"probe":"echo","sent":"\\u001b[31m"}', "a damaged report: 'sent' is no count"),
        (b"\x00" * (17 * 1024 * 1024), "over 16 MiB, which is no report"),
    ],
)
def test_a_bad_file_is_9_in_one_line_that_names_it(
    runs: Path, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_bytes(content)
    done = tw("report", "one.json", str(bad), "--html", str(tmp_path / "p.html"), cwd=runs)
    assert (done.code, done.out) == (9, "")
    assert done.error_line.startswith(f"tw: {problem} ({bad})")
    assert not (tmp_path / "p.html").exists()
    done = tw("report", "one.json", str(bad), "--json", cwd=runs)
    assert (done.code, done.json["ok"], done.json["error"]["exit"]) == (9, False, 9)


def test_a_folder_is_9_and_another_probes_report_is_2(runs: Path) -> None:
    done = tw("report", ".", cwd=runs)
    assert (done.code, done.error_line) == (9, "tw: cannot read the report: is a directory (.)")
    done = tw("report", "one.json", "counter.json", cwd=runs)
    assert (done.code, done.out) == (2, "")
    assert done.error_line.startswith("tw: a report of counter's probe, and one.json is of echo's (counter.json); ")


def test_a_reader_that_goes_away_is_no_error(runs: Path) -> None:
    line = f"'{TW}' report one.json ten.json | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=runs, env=environment(), capture_output=True, timeout=TIMEOUT_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 1


def test_a_full_disk_is_9(runs: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [TW, "report", "one.json"], cwd=runs, env=environment(), stdout=full, stderr=subprocess.PIPE, check=False,
            timeout=TIMEOUT_S,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (9, b"tw: cannot write the output: No space left on device (stdout)\n")
