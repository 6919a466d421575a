"""Every probe's run, judged: by its exit code, its files and its report, also where it fails."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from launching import Launch
from memory import Network
from tw import clients
from tw.errors import ConnectError, ExitCode, Interrupted, LocalError, UsageError
from tw.judge_options import JudgeOptions
from tw.options import CommonOptions
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions, ProbePubSubOptions

COMMON = CommonOptions()

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def net() -> Iterator[Network]:
    made = Network()
    yield made
    made.settle()
    assert made.getDelayedCalls() == []


@pytest.fixture
def launch(net: Network, monkeypatch: pytest.MonkeyPatch) -> Launch:
    made = Launch(net)
    monkeypatch.setattr(clients, "run", made)
    return made


Command = Callable[..., int]
RUNS: list[tuple[Command, Callable[..., Any], dict[str, Any]]] = [
    (clients.probe_echo, ProbeEchoOptions, {}),
    (clients.probe_echo, ProbeEchoOptions, {"udp": True}),
    (clients.probe_counter, ProbeCounterOptions, {}),
    (clients.probe_pubsub, ProbePubSubOptions, {}),
    (clients.probe_pubsub, ProbePubSubOptions, {"publish": ("a", "b")}),
]


def cases(path: Path) -> dict[str, str]:
    """Of each test case in the file, what it came to."""
    suite = ET.parse(path).getroot()[0]
    return {case.get("name") or "": case[0].tag if len(case) else "ok" for case in suite.findall("testcase")}


@pytest.mark.parametrize(("command", "made", "more"), RUNS)
@pytest.mark.parametrize(("limit", "code"), [("1h", ExitCode.OK), ("0us", ExitCode.BAD_VERDICT)])
def test_every_probe_is_judged(
    net: Network,
    launch: Launch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: Command,
    made: Callable[..., Any],
    more: dict[str, Any],
    limit: str,
    code: ExitCode,
) -> None:
    asserted = (f"max<={limit.replace('1h', '60m')}", "loss=0")
    judge = JudgeOptions(asserted=asserted, junit=str(tmp_path / "j"), hgrm=str(tmp_path / "h"))
    command(COMMON, made(self_test=True, count=2, json=True, judge=judge, **more))
    net.pass_s(20.0)
    report = json.loads(capsys.readouterr().out)
    assert launch.running.result == code
    assert report["ok"] is (code == ExitCode.OK)
    assert [one["ok"] for one in report["assertions"]] == [code == ExitCode.OK, True]
    assert cases(tmp_path / "j") == {
        "verdict": "ok",
        asserted[0]: "ok" if code == ExitCode.OK else "failure",
        asserted[1]: "ok",
    }
    assert "Total count    =            2]" in (tmp_path / "h").read_text()


@pytest.mark.parametrize("text", ["p99<5", "nothing=0", "late.p99<1ms"])
def test_what_cannot_be_asserted_is_refused_before_anything_starts(launch: Launch, text: str) -> None:
    with pytest.raises(UsageError):
        clients.probe_echo(COMMON, ProbeEchoOptions(self_test=True, judge=JudgeOptions(asserted=("loss=0", text))))
    assert not hasattr(launch, "running")


@pytest.mark.parametrize("name", ["junit", "hgrm"])
def test_a_file_that_cannot_be_written_is_told_before_anything_starts(
    launch: Launch, tmp_path: Path, name: str
) -> None:
    judge = JudgeOptions(**{name: str(tmp_path / "none" / "f")})
    with pytest.raises(LocalError, match="there is no such folder"):
        clients.probe_echo(COMMON, ProbeEchoOptions(self_test=True, judge=judge))
    assert not hasattr(launch, "running")


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "f")
    with pytest.raises(UsageError, match="the same file"):
        JudgeOptions(junit=str(tmp_path / "f"), hgrm=str(tmp_path / "link"))


@pytest.mark.parametrize("name", ["junit", "hgrm"])
def test_a_file_that_can_no_longer_be_written_is_the_reports_error(
    net: Network, launch: Launch, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    path = tmp_path / "f"
    judge = JudgeOptions(**{name: str(path)}, asserted=("loss=0",))
    clients.probe_echo(COMMON, ProbeEchoOptions(self_test=True, count=2, json=True, judge=judge))
    path.mkdir()  # somebody was faster
    net.pass_s(20.0)
    error = launch.running.error
    assert isinstance(error, LocalError)
    assert error.reported
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["error"]["exit"], report["received"]) == (False, 9, 2)


def test_a_run_that_fails_keeps_its_code_and_is_an_error_in_the_file(
    net: Network, launch: Launch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    judge = JudgeOptions(asserted=("loss=0",), junit=str(tmp_path / "j"), hgrm=str(tmp_path / "h"))
    clients.probe_echo(COMMON, ProbeEchoOptions(target="127.0.0.1:1", json=True, judge=judge))
    net.pass_s(20.0)
    assert isinstance(launch.running.error, ConnectError)
    assert cases(tmp_path / "j") == {"verdict": "error", "loss=0": "failure"}
    assert "Total count    =            0]" in (tmp_path / "h").read_text()
    report = json.loads(capsys.readouterr().out)
    assert report["assertions"] == [{"expr": "loss=0", "ok": False, "measured": None, "limit": 0.0, "unit": None}]


def test_a_run_that_is_stopped_is_judged_and_keeps_its_code(
    net: Network, launch: Launch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    judge = JudgeOptions(asserted=("loss=0",), junit=str(tmp_path / "j"))
    clients.probe_echo(COMMON, ProbeEchoOptions(self_test=True, count=100, json=True, judge=judge))
    net.pass_s(3.5)
    launch.signal(signal.SIGINT)
    net.pass_s(1.0)
    assert isinstance(launch.running.error, Interrupted)
    assert cases(tmp_path / "j") == {"verdict": "error", "loss=0": "ok"}
    assert json.loads(capsys.readouterr().out)["assertions"][0]["ok"] is True


def test_what_fails_before_there_is_a_report_is_in_the_file_too(net: Network, launch: Launch, tmp_path: Path) -> None:
    judge = JudgeOptions(junit=str(tmp_path / "j"))
    clients.probe_echo(COMMON, ProbeEchoOptions(target="gopher://h:1", judge=judge))
    assert isinstance(launch.running.error, UsageError)
    assert cases(tmp_path / "j") == {"verdict": "error"}


def test_of_a_failed_run_and_a_file_that_cannot_be_written_the_first_is_told(
    net: Network, launch: Launch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "j"
    options = ProbeEchoOptions(target="127.0.0.1:1", wait_for_s=3.0, json=True, judge=JudgeOptions(junit=str(path)))
    clients.probe_echo(COMMON, options)
    path.mkdir()
    net.pass_s(20.0)
    assert isinstance(launch.running.error, ConnectError)
    assert json.loads(capsys.readouterr().out)["error"]["exit"] == 3
