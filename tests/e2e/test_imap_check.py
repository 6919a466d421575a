"""`tw imap check` against a real Dovecot: one account, and many, as people, scripts and monitoring systems see it."""

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.dovecot import EXPIRED, GOOD, PASSWORDS, PLAIN, SELF_SIGNED, WRONG_NAME, Dovecot, dovecot
from e2e.harness import Ran, tw
from e2e.imap_dovecot_files import maildir
from e2e.imap_peers import Peer, relay, scripted
from tw.errors import ExitCode

HOUR_S = 3_600
AGES_H = {"INBOX": (120, 72, 30), "moved": (72, 30, 120), "void": ()}
"""How many hours ago the messages of each mailbox came in, in the order of their numbers."""
SUBJECTS = ("backup of db1 done", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "lunch?")


@pytest.fixture(scope="module")
def mail() -> Iterator[Dovecot]:
    boxes = {
        name: [b"Subject: %s\r\n\r\n." % subject.encode() for subject, _ in zip(SUBJECTS, ages, strict=False)]
        for name, ages in AGES_H.items()
    }
    with dovecot(boxes) as server:
        for name, ages in AGES_H.items():
            new = maildir(server.folder, "alice", name) / "new"
            for file, ago_h in zip(sorted(new.iterdir()), ages, strict=True):
                os.utime(file, (time.time() - ago_h * HOUR_S,) * 2)  # what Dovecot takes for the time of arrival
        yield server


def check(mail: Dovecot, *args: str, **how: Any) -> Ran:
    return mail.run("check", *args, **how)


# One account ---------------------------------------------------------------------------------------------------------


def test_mail_that_can_be_read_is_one_line_and_stays_as_it_is(mail: Dovecot) -> None:
    before = mail.files()
    ran = check(mail)
    assert re.fullmatch(r"ok: 3 messages, 3 unread, the newest 1d 6h old, certificate for \d+d\n", ran.out)
    assert ran.err == ""
    check(mail, "--expect-subject", "backup")
    assert mail.files() == before


BAD, OK = ExitCode.BAD_VERDICT, ExitCode.OK


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--expect-subject", "^backup of .* done$"), OK, "ok: 3 messages"),
        (("--expect-subject", "^Grüße$"), OK, "ok: 3 messages"),
        (("--expect-subject", "restore"), BAD, "bad: no subject matches 'restore' (3 messages"),
        (("--expect-subject", "backup", "--max-age", "6d"), OK, "ok: 3 messages"),
        (
            ("--expect-subject", "backup", "--max-age", "4d"),
            BAD,
            "bad: the message whose subject matches is 5d old, more than 4d (3 messages",
        ),
        (("--max-age", "2d"), OK, "ok: 3 messages"),
        (("--max-age", "1d"), BAD, "bad: the newest message is 1d 6h old, more than 1d (3 messages"),
        (("--max-unread", "3"), OK, "ok: 3 messages"),
        (("--max-unread", "2"), BAD, "bad: 3 unread, more than 2 (3 messages"),
        (("--cert-days", "30,7"), OK, "ok: 3 messages"),
        (("--max-age", "1h", "--max-unread", "0"), BAD, "more than 1h; 3 unread, more than 0 (3 messages"),
        (("--mailbox", "moved", "--max-age", "2d"), OK, "3 messages, 3 unread, the newest 1d 6h old"),
        (("--mailbox", "void"), OK, "ok: 0 messages, 0 unread, certificate for "),
        (("--mailbox", "void", "--max-age", "1h"), BAD, "bad: no new message: the mailbox is empty (0 messages"),
        (("--mailbox", "void", "--expect-subject", "."), BAD, "bad: no subject to match: the mailbox is empty"),
    ],
)
def test_what_is_expected_holds_or_is_a_bad_verdict(
    mail: Dovecot, args: tuple[str, ...], code: ExitCode, words: str
) -> None:
    ran = check(mail, *args, code=code)
    assert words in ran.out
    assert (ran.out.count("\n"), ran.err) == (1, "")


@pytest.mark.parametrize(
    ("days", "code", "line", "nagios", "state"),
    [
        ("1", 0, "ok: 3 messages", 0, "OK - 3 messages"),
        ("30", 0, "warning: the certificate expires in 1d 2", 1, "WARNING - the certificate expires in 1d 2"),
        ("30,7", 1, "bad: the certificate expires in 1d 2", 2, "CRITICAL - the certificate expires in 1d 2"),
    ],
)
def test_a_certificate_that_expires_soon_is_a_warning_before_it_is_bad(
    mail: Dovecot, days: str, code: int, line: str, nagios: int, state: str
) -> None:
    args = ("--ca-file", mail.certificate(SELF_SIGNED), "--cert-days", days)
    assert check(mail, *args, host=SELF_SIGNED, code=code).out.startswith(line)
    assert check(mail, *args, "--nagios", host=SELF_SIGNED, code=nagios).out.startswith(f"IMAP {state}")


def test_json_has_what_was_found_and_how_long_it_took(mail: Dovecot) -> None:
    document = check(mail, "--json", "--mailbox", "moved").json
    newest = document.pop("newest")
    assert (newest["uid"], newest["subject"], newest["seen"]) == (2, "Grüße", False)
    assert document["age_s"] == pytest.approx(30 * HOUR_S, abs=HOUR_S)
    assert 0 < document["login_s"] < document["duration_s"] < 30
    assert document["cert_days"] > 100
    known = {name: document[name] for name in ("v", "ok", "mailbox", "exists", "unseen", "problems")}
    assert known == {"v": 1, "ok": True, "mailbox": "moved", "exists": 3, "unseen": 3, "problems": []}
    assert document["account"] == f"alice@localhost:{mail.imaps_port} moved"


def test_nagios_gets_performance_data_with_the_thresholds(mail: Dovecot) -> None:
    args = ("--max-age", "2d", "--max-unread", "2", "--cert-days", "30,7")
    text, _, data = check(mail, "--nagios", *args, code=2).out.partition(" | ")
    found = dict(word.split("=") for word in data.split())
    days = re.fullmatch(
        r"IMAP CRITICAL - 3 unread, more than 2"
        r" \(3 messages, 3 unread, the newest 1d 6h old, certificate for (\d+)d\)",
        text,
    )
    assert days
    assert list(found) == ["time", "login", "messages", "unread", "age", "cert_days"]
    assert (found["messages"], found["unread"]) == ("3;;;0", "3;;2;0")
    assert re.fullmatch(r"0\.\d+s;;;0|\d+(\.\d+)?s;;;0", found["time"])
    assert re.fullmatch(r"\d+s;;172800;0", found["age"])
    assert found["cert_days"] == f"{days[1]};30:;7:"


@pytest.mark.parametrize(
    ("args", "how", "code", "nagios"),
    [
        ((), {"password": "wrong"}, ExitCode.AUTH, 2),
        (("--mailbox", "none"), {}, ExitCode.NOTHING, 2),
        ((), {"host": WRONG_NAME}, ExitCode.TLS, 2),
        ((), {"host": EXPIRED}, ExitCode.TLS, 2),
        ((), {"host": PLAIN, "security": "starttls"}, ExitCode.TLS, 2),
        (("--max-age", "2y"), {}, ExitCode.USAGE, 3),
        (("--cert-days", "7"), {"security": "plain"}, ExitCode.USAGE, 3),
        (("--password-file", "/nonexistent"), {}, ExitCode.LOCAL, 3),
        (("--password-command", "exit 1"), {}, ExitCode.LOCAL, 3),
    ],
)
def test_what_cannot_be_looked_at_has_its_code_and_another_for_nagios(
    mail: Dovecot, args: tuple[str, ...], how: dict[str, Any], code: ExitCode, nagios: int
) -> None:
    ran = check(mail, *args, "--json", code=code, **how)
    assert (ran.json["ok"], ran.json["error"]["exit"]) == (False, code)
    assert ran.error_line
    plugin = check(mail, *args, "--nagios", code=nagios, **how)
    assert plugin.out.startswith(f"IMAP {'CRITICAL' if nagios == 2 else 'UNKNOWN'} - ")
    assert (plugin.out.count("\n"), plugin.err) == (1, "")


@pytest.mark.parametrize(
    ("security", "host", "has_certificate"), [("starttls", "localhost", True), ("plain", PLAIN, False)]
)
def test_a_certificate_is_looked_at_where_there_is_one(
    mail: Dovecot, security: str, host: str, has_certificate: bool
) -> None:
    document = check(mail, "--json", security=security, host=host).json
    assert (document["cert_days"] is not None) == has_certificate


def test_an_expired_certificate_is_told_as_such_where_it_is_not_verified(mail: Dovecot) -> None:
    ran = check(mail, "--insecure", "--cert-days", "30", "--nagios", host=EXPIRED, code=2)
    assert ran.out.startswith("IMAP CRITICAL - the certificate expired 1d")
    assert ran.out.endswith(" cert_days=-2;30:;0:\n")


# Many accounts -------------------------------------------------------------------------------------------------------


class Accounts:
    """A file of accounts on one server."""

    def __init__(self, mail: Dovecot, path: Path) -> None:
        self.mail = mail
        self._path = path
        self._passwords = path.with_name("passwords")
        self._passwords.mkdir()
        self._tables: list[str] = []

    def add(self, user: str = "alice", *, password: str | None = None, **values: Any) -> None:
        secret = self._passwords / str(len(self._tables))
        secret.write_text(PASSWORDS[user] if password is None else password)
        known = {"user": user, "host": "localhost", "port": self.mail.imaps_port, "password-file": str(secret)}
        pairs = (known | {name.replace("_", "-"): value for name, value in values.items()}).items()
        # JSON's texts and numbers are TOML's.
        self._tables.append("\n".join(["[[account]]", *(f"{key} = {json.dumps(value)}" for key, value in pairs)]))

    def check(self, *args: str, code: int) -> Ran:
        self._path.write_text("\n".join(self._tables))
        ran = tw("imap", "check", "--accounts", str(self._path), "--ca-file", self.mail.ca, *args)
        assert ran.code == code, ran
        return ran


@pytest.fixture
def accounts(mail: Dovecot, tmp_path: Path) -> Accounts:
    return Accounts(mail, tmp_path / "accounts.toml")


def test_all_that_are_fine_are_a_line_each_in_their_order(accounts: Accounts) -> None:
    for user in ("zoë", "alice", "bob"):
        accounts.add(user)
    accounts.add(mailbox="moved", max_age="4d", expect_subject="Gr..e")
    ran = accounts.check("--max-unread", "3", code=0)
    assert [line.split("@")[0] for line in ran.out.splitlines()] == ["ok zoë", "ok alice", "ok bob", "ok alice"]
    assert re.fullmatch(r"tw: 4 of 4 accounts fine in \d+\.\d s\n", ran.err)


@pytest.fixture
def mixed(accounts: Accounts) -> Accounts:
    """Accounts of every kind: each is `ok`, `warning`, `bad` or an `error`."""
    accounts.add()
    accounts.add(max_unread=1)
    accounts.add("bob", password="wrong")
    accounts.add(port=1)
    accounts.add(host=SELF_SIGNED, cert_days=30, ca_file=accounts.mail.certificate(SELF_SIGNED))
    accounts.add(mailbox="none\x1b[31m|")
    accounts.add(password_file="/nonexistent")
    accounts.add(host=WRONG_NAME)
    accounts.add("bob")
    return accounts


WORDS = ["ok", "bad", "error", "error", "warning", "error", "error", "error", "ok"]
KINDS = [None, None, "auth", "connect", None, "nothing", "local", "tls", None]
STATES = ["OK", "CRITICAL", "CRITICAL", "CRITICAL", "WARNING", "CRITICAL", "UNKNOWN", "CRITICAL", "OK"]


@pytest.mark.parametrize("jobs", ["1", "20"])
def test_those_that_are_broken_leave_the_good_ones_alone(mixed: Accounts, jobs: str) -> None:
    ran = mixed.check("--jobs", jobs, code=1)
    assert [line.split()[0] for line in ran.out.splitlines()] == WORDS
    assert ran.error_line.startswith("tw: 3 of 9 accounts fine in ")
    assert "\x1b" not in ran.out


def test_the_json_of_many_is_exactly_one_object(mixed: Accounts) -> None:
    ran = mixed.check("--json", code=1)
    document = ran.json
    assert [one.get("error", {}).get("kind") for one in document["accounts"]] == KINDS
    assert (document["ok"], document["checked"], document["failed"]) == (False, 9, 6)
    assert ran.err == ""


def test_nagios_gets_one_output_of_many(mixed: Accounts) -> None:
    ran = mixed.check("--nagios", code=2)
    first, *others = ran.out.splitlines()
    assert first.startswith("IMAP CRITICAL - 2 of 9 accounts ok, 5 critical, 1 warning, 1 unknown | time=")
    assert first.endswith(" ok=2;;;0 warning=1;;;0 critical=5;;;0 unknown=1;;;0")
    assert [line.split()[0] for line in others] == [state for state in STATES if state != "OK"]
    assert "|" not in "".join(others)
    assert ran.err == ""


def test_a_server_that_hangs_costs_the_others_nothing(accounts: Accounts) -> None:
    with scripted(Peer.hear_all) as hangs:
        accounts.add(port=hangs.port, timeout="1s")
        for user in ("alice", "bob", "zoë"):
            accounts.add(user)
        ran = accounts.check("--jobs", "2", code=1)
    assert [line.split()[0] for line in ran.out.splitlines()] == ["error", "ok", "ok", "ok"]


def test_the_conversation_can_be_seen_of_one_account(mail: Dovecot) -> None:
    with relay(GOOD, mail.imap_port) as between:
        place = ("--endpoint", between.strport, "--trace")
        ran = check(mail, *place, security="plain")
    assert re.search(rb'A2 STATUS "INBOX" \(UNSEEN\)\r\nA3 EXAMINE "INBOX"\r\n', between.heard)
    assert "EXAMINE" in ran.err
    assert PASSWORDS["alice"] not in ran.err
