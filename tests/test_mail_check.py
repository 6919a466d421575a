"""What `tw imap check` runs for one account, on a network in memory."""

import json
import signal
from collections.abc import Iterator

import pytest

from imap_script import GREETING
from launching import Launch
from mail_checks import AGE_S, COMMON, Pooled, one, place, refuses
from tw import mail_check, mail_runs
from tw.core.imap_message import FETCH_ITEMS
from tw.errors import AuthError, ExitCode, Interrupted

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
    monkeypatch.setattr(mail_runs, "run", made)
    return made


def test_an_account_that_is_as_expected_is_one_line(net: Pooled, launch: Launch, capsys: Capture) -> None:
    place(net, 1)
    mail_check.check(COMMON, one(max_age_s=2 * AGE_S, max_unread=1))
    assert launch.running.result == ExitCode.OK
    assert capsys.readouterr() == ("ok: 1 message, 1 unread, the newest 1d 6h old\n", "")


def test_an_account_that_is_not_as_expected_is_a_bad_verdict(net: Pooled, launch: Launch, capsys: Capture) -> None:
    place(net, 1)
    mail_check.check(COMMON, one(max_age_s=60.0, max_unread=0))
    assert launch.running.result == ExitCode.BAD_VERDICT
    out, err = capsys.readouterr()
    assert out.startswith("bad: the newest message is 1d 6h old, more than 1m; 1 unread, more than 0 (1 message, ")
    assert err == ""


@pytest.mark.parametrize(("subject", "code"), [("^hel+o$", ExitCode.OK), ("bye", ExitCode.BAD_VERDICT)])
def test_headers_of_all_are_asked_for_where_a_subject_is_expected(
    net: Pooled, launch: Launch, subject: str, code: ExitCode
) -> None:
    place(net, 1)
    mail_check.check(COMMON, one(subject=subject))
    assert launch.running.result == code
    assert b" FETCH 1:* " + FETCH_ITEMS in net.peers[0].got


def test_json_is_one_object_with_times(net: Pooled, launch: Launch, capsys: Capture) -> None:
    place(net, 1, meets=lambda peer: net.callLater(2, peer.say, GREETING))
    mail_check.check(COMMON, one(json=True), net.seconds)
    net.pass_s(2)
    assert launch.running.result == ExitCode.OK
    document = json.loads(capsys.readouterr().out)
    assert (document["ok"], document["account"], document["exists"]) == (True, "me@127.0.0.1:1", 1)
    assert (document["login_s"], document["duration_s"], document["cert_days"]) == (2.0, 2.0, None)
    assert document["age_s"] == pytest.approx(AGE_S, abs=3600)


@pytest.mark.parametrize(("most", "code", "state"), [(1, 0, "OK"), (0, 2, "CRITICAL")])
def test_nagios_gets_its_line_and_its_code(
    net: Pooled, launch: Launch, capsys: Capture, most: int, code: int, state: str
) -> None:
    place(net, 1)
    mail_check.check(COMMON, one(max_unread=most, nagios=True))
    assert launch.running.result == code
    out, err = capsys.readouterr()
    assert out.startswith(f"IMAP {state} - ")
    assert f" unread=1;;{most};0 " in out
    assert (out.count("\n"), err) == (1, "")


def test_an_account_that_cannot_be_looked_at_is_its_error(net: Pooled, launch: Launch, capsys: Capture) -> None:
    place(net, 1, hears=refuses)
    mail_check.check(COMMON, one())
    assert isinstance(launch.running.error, AuthError)
    assert capsys.readouterr() == ("", ""), "the edge tells of it"


@pytest.mark.parametrize("nagios", [False, True])
def test_a_signal_ends_it(net: Pooled, launch: Launch, capsys: Capture, nagios: bool) -> None:
    net.silent.add(1)
    mail_check.check(COMMON, one(nagios=nagios))
    launch.signal(signal.SIGTERM)
    assert isinstance(launch.running.error, Interrupted)
    assert capsys.readouterr() == ("", "")
