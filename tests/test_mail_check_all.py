"""What `tw imap check --accounts` runs: many at a time and never too many, on a network in memory."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imap_script import GREETING
from launching import Launch
from mail_checks import COMMON, TIMEOUT_S, Pooled, account, place, refuses
from tw import mail_check_all
from tw.errors import ConnectError, ExitCode, Interrupted, LocalError
from tw.mail_check_options import CheckAllOptions, CheckOptions
from tw.options import CommonOptions

pytestmark = pytest.mark.usefixtures("quiet")

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pooled]:
    monkeypatch.setenv("TW_IMAP_PASSWORD", "s3cret")
    made = Pooled()
    yield made
    made.settle()
    assert made.getDelayedCalls() == []


@pytest.fixture
def launch(net: Pooled, monkeypatch: pytest.MonkeyPatch) -> Launch:
    made = Launch(net)
    monkeypatch.setattr(mail_check_all, "run", made)
    return made


def check_all(*accounts: CheckOptions, common: CommonOptions = COMMON, **more: Any) -> None:
    mail_check_all.check_all(common, CheckAllOptions(accounts=accounts, **more))


def lines(capsys: Capture) -> list[str]:
    """What has been said of accounts since the last time, by their ports: `ok 1`."""
    return [line.split(": ")[0].replace("me@127.0.0.1:", "") for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("jobs", [1, 2, 3, 4, 500])
def test_no_more_accounts_than_jobs_are_looked_at_at_a_time(net: Pooled, launch: Launch, jobs: int) -> None:
    for port in range(1, 5):
        place(net, port, meets=lambda peer: None)
    check_all(*map(account, range(1, 5)), jobs=jobs)
    for done in range(4):
        waiting = [peer for peer in net.peers if peer.lost is None]
        assert len(waiting) == min(jobs, 4 - done)
        waiting[-1].say(GREETING)
        net.settle()
    assert launch.running.result == ExitCode.OK
    assert net.pool_size >= min(jobs, 4)


def test_results_are_told_in_the_order_of_the_file_each_as_soon_as_it_can_be(
    net: Pooled, launch: Launch, capsys: Capture
) -> None:
    for port in range(1, 5):
        place(net, port, meets=lambda peer: None)
    check_all(*map(account, range(1, 5)))
    by_port = {peer.transport.own.port: peer for peer in net.peers}  # type: ignore[union-attr]

    def greet(port: int) -> list[str]:
        by_port[port].say(GREETING)
        net.settle()
        return lines(capsys)

    assert [greet(port) for port in (3, 1, 4, 2)] == [[], ["ok 1"], [], ["ok 2", "ok 3", "ok 4"]]
    assert launch.running.result == ExitCode.OK


def test_one_that_fails_leaves_the_others_alone(net: Pooled, launch: Launch, capsys: Capture, tmp_path: Path) -> None:
    place(net, 1, hears=refuses)
    place(net, 2, meets=lambda peer: peer.cut())
    place(net, 3, meets=lambda peer: peer.say(b"220 smtp\r\n"))
    place(net, 5)
    place(net, 6)
    place(net, 7, meets=lambda peer: peer.say(b"* OK " + b"x" * 1_000_000))
    check_all(
        *map(account, range(1, 6)),
        account(6, max_unread=0),
        account(7),
        account(5, password_file=str(tmp_path / "none")),
        account(6, mailbox="INBOX"),
        jobs=2,
    )
    net.pass_s(TIMEOUT_S)
    assert launch.running.result == ExitCode.BAD_VERDICT
    out, err = capsys.readouterr()
    told = [line.partition(":")[2].partition(": ") for line in out.splitlines()]
    assert [(line.split()[0], port) for line, (port, _, _) in zip(out.splitlines(), told, strict=True)] == [
        ("error", "1"),
        ("error", "2"),
        ("error", "3"),
        ("error", "4"),
        ("ok", "5"),
        ("bad", "6"),
        ("error", "7"),
        ("error", "5"),
        ("ok", "6"),
    ]
    for (_, _, text), words in zip(told, ("login refused", "broke off", "SMTP", "refused"), strict=False):
        assert words in text
    assert "cannot read" in told[7][2]
    assert err == "tw: 2 of 9 accounts fine in 0.0 s\n"


def test_each_has_a_time_limit_of_its_own(net: Pooled, launch: Launch, capsys: Capture) -> None:
    net.silent.update((1, 2))
    place(net, 3, hears=lambda peer, data: None)
    place(net, 4)
    check_all(account(1), account(2, timeout_s=1.0), account(3), account(4), jobs=1)
    for passed_s, told in ((4.9, []), (0.1, ["error 1"]), (0.9, []), (0.1, ["error 2"]), (4.9, [])):
        net.pass_s(passed_s)
        assert lines(capsys) == told
    net.pass_s(0.2)
    assert lines(capsys) == ["error 3", "ok 4"]
    assert launch.running.result == ExitCode.BAD_VERDICT


def test_slow_ones_are_waited_for_together(net: Pooled, launch: Launch, capsys: Capture) -> None:
    net.silent.update(range(1, 51))
    place(net, 51)
    check_all(*map(account, range(1, 52)), jobs=51)
    net.pass_s(TIMEOUT_S)
    assert launch.running.result == ExitCode.BAD_VERDICT
    assert capsys.readouterr().err == "tw: 1 of 51 accounts fine in 5.0 s\n"


def test_the_json_of_many_is_one_object_at_the_end(net: Pooled, launch: Launch, capsys: Capture) -> None:
    place(net, 1)
    check_all(account(1), account(2), json=True)
    assert launch.running.result == ExitCode.BAD_VERDICT
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert [(one["account"], one["ok"]) for one in document["accounts"]] == [
        ("me@127.0.0.1:1", True),
        ("me@127.0.0.1:2", False),
    ]
    assert document["accounts"][1]["error"]["kind"] == ConnectError.kind
    assert (out.count("\n"), err) == (1, "")


def test_nagios_gets_one_output_for_many(net: Pooled, launch: Launch, capsys: Capture) -> None:
    place(net, 1)
    check_all(account(1), account(2), nagios=True)
    assert launch.running.result == 2
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("IMAP CRITICAL - 1 of 2 accounts ok, 1 critical | time=")
    assert second.startswith("CRITICAL me@127.0.0.1:2: ")


def test_nobody_is_asked_for_a_password_among_many(
    net: Pooled, launch: Launch, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TW_IMAP_PASSWORD")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: "of the prompt")
    place(net, 1)
    check_all(account(1))
    assert launch.running.result == ExitCode.BAD_VERDICT
    assert "error me@127.0.0.1:1: no password" in capsys.readouterr().out
    assert net.peers == []


def test_a_quiet_run_has_no_summary(net: Pooled, launch: Launch, capsys: Capture) -> None:
    place(net, 1)
    check_all(account(1), common=CommonOptions(quiet=True))
    assert launch.running.result == ExitCode.OK
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", [{}, {"json": True}, {"nagios": True}])
def test_a_signal_ends_all_of_them(net: Pooled, launch: Launch, capsys: Capture, form: dict[str, bool]) -> None:
    net.silent.update(range(2, 10))
    place(net, 1)
    place(net, 2, meets=lambda peer: None)
    check_all(*map(account, range(1, 10)), jobs=3, **form)
    capsys.readouterr()
    launch.signal(signal.SIGINT)
    assert isinstance(launch.running.error, Interrupted)
    assert capsys.readouterr() == ("", ""), "the edge tells of it"
    assert not any(end.connected for end in net.ends)


def test_an_output_that_is_full_ends_them(net: Pooled, launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    net.silent.add(2)
    place(net, 1)
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        check_all(account(1), account(2))
        net.settle()
        assert isinstance(launch.running.error, LocalError)
