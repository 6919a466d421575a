"""`tw imap watch` against a real Dovecot: what comes in is told at once, and every way that it ends."""

import imaplib
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pexpect
import pytest

from e2e import imap_watching
from e2e.dovecot import GOOD, PASSWORDS, PLAIN, Dovecot, dovecot
from e2e.harness import TIMEOUT_S, TW, Ran, environment
from e2e.imap_peers import relay
from e2e.imap_watching import Watching
from tw.errors import ExitCode

AT_ONCE_S = 20.0
"""Dovecot gathers news for half a second; the rest is a busy machine's, and well below any other alarm of a watch."""

IDLES = "S: + idling"

OLD = b"Subject: old\r\n\r\n."
BOXES = ("one", "two", "expunge", "poll", "quit", "leave", "screen", "raw")


@pytest.fixture(scope="module")
def mail() -> Iterator[Dovecot]:
    with dovecot({"INBOX": [OLD], "void": [], **{name: [OLD, OLD] for name in BOXES}}) as server:
        yield server


def watching(
    mail: Dovecot, *args: str, user: str = "alice", security: str = "tls", until: str = IDLES
) -> AbstractContextManager[Watching]:
    return imap_watching.watching(mail.arguments("watch", *args, user=user, security=security), PASSWORDS[user], until)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_what_comes_in_is_told_at_once_and_what_was_there_is_not(mail: Dovecot, security: str) -> None:
    with watching(mail, "--mailbox", "void", "--count", "1", security=security) as watch:
        began = time.monotonic()
        mail.deliver(b"Subject: =?utf-8?b?R3LDvMOfZQ==?= =1B \x1b[31m\r\n\r\n.", "void")
        ran = watch.end()
        assert time.monotonic() - began < AT_ONCE_S
    assert ran == Ran(0, "Grüße =1B \\x1b[31m\n", "")
    assert {name.split("/")[0] for name in mail.files("void")} == {"new"}


def test_each_line_comes_with_its_message_and_the_json_has_the_rest(mail: Dovecot) -> None:
    with watching(mail, "--mailbox", "two", "--count", "2", "--json") as watch:
        mail.deliver(b"Subject: third\r\nFrom: bob@example.org\r\n\r\n.", "two")
        third = Ran(0, watch.line(), "").json
        watch.wait_for(IDLES)
        mail.deliver(b"Subject: fourth\r\n\r\n.", "two")
        ran = watch.end()
    assert (ran.code, ran.err) == (0, "")
    fourth = ran.json
    for event in (third, fourth):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", event["at"]), event
        assert (event["v"], event["event"], event["mailbox"], event["seen"]) == (1, "message", "two", False)
    assert [(one["uid"], one["subject"], one["from"]) for one in (third, fourth)] == [
        (3, "third", "bob@example.org"),
        (4, "fourth", None),
    ]


def test_a_message_that_somebody_deletes_is_not_taken_for_a_new_one(mail: Dovecot) -> None:
    with watching(mail, "--mailbox", "expunge", "--count", "2") as watch:
        mail.deliver(b"Subject: third\r\n\r\n.", "expunge")
        assert watch.line() == "third\n"
        watch.wait_for(IDLES)
        with imaplib.IMAP4(GOOD, mail.imap_port) as client:
            client.login("alice", PASSWORDS["alice"])
            client.select("expunge")
            client.store("1:2", "+FLAGS", "\\Deleted")
            client.expunge()
        watch.wait_for("EXPUNGE")
        mail.deliver(b"Subject: fourth\r\n\r\n.", "expunge")
        assert watch.end() == Ran(0, "fourth\n", "")


def test_without_idle_it_looks_now_and_then(mail: Dovecot) -> None:
    with relay(PLAIN, mail.imap_port, lambda said: said.replace(b" IDLE ", b" X-HIDDEN ")) as between:
        args = ("--endpoint", between.strport, "--mailbox", "poll", "--count", "1", "--poll", "50ms")
        with watching(mail, *args, security="plain", until="NOOP completed") as watch:
            mail.deliver(b"Subject: polled\r\n\r\n.", "poll")
            assert watch.end() == Ran(0, "polled\n", "")
    assert b" IDLE" not in between.heard


def test_raw_is_the_header_as_it_came(mail: Dovecot) -> None:
    with watching(mail, "--mailbox", "raw", "--count", "1", "--raw") as watch:
        mail.deliver(b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n folded \x1b[31m\r\n\r\n.", "raw")
        assert watch.end() == Ran(0, "=?utf-8?b?R3LDvMOfZQ==?=\r\n folded \x1b[31m\n", "")


def test_on_a_terminal_each_line_is_safe_and_ctrl_c_ends_it_with_130(mail: Dovecot, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    child = pexpect.spawn(
        "/bin/sh",
        ["-c", 'exec "$0" "$@" 2> "$TRACE"', TW, *mail.arguments("watch", "--mailbox", "screen", "--trace")],
        env=environment(TW_IMAP_PASSWORD=PASSWORDS["alice"], TERM="xterm", TRACE=str(trace)),
        timeout=TIMEOUT_S,
        encoding="utf-8",
    )
    deadline = time.monotonic() + TIMEOUT_S
    while not (trace.exists() and IDLES in trace.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    mail.deliver(b"Subject: =?UTF-8?Q?=1B]0;owned=07=E2=80=AEtfel?=\r\n\r\n.", "screen")
    child.expect_exact("\\x1b]0;owned\\x07\\u202etfel\r\n")
    assert child.before == ""
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.before) == (130, "^C")


# How it ends ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_at_once_with_its_code(mail: Dovecot, number: int, code: int) -> None:
    with watching(mail, "--mailbox", "quit") as watch:
        began = time.monotonic()
        assert watch.end(number) == Ran(code, "", "")
        assert time.monotonic() - began < AT_ONCE_S


def test_a_reader_that_leaves_ends_it_quietly(mail: Dovecot) -> None:
    read_end, write_end = os.pipe()
    watch = Watching(mail.arguments("watch", "--mailbox", "leave"), PASSWORDS["alice"], stdout=write_end)
    os.close(write_end)
    watch.wait_for(IDLES)
    os.close(read_end)
    mail.deliver(b"Subject: for nobody\r\n\r\n.", "leave")
    assert watch.end() == Ran(0, "", "")


@pytest.mark.parametrize(
    ("number", "words"), [(signal.SIGKILL, "closed the connection"), (signal.SIGTERM, "hung up: Server shutting down")]
)
def test_a_server_that_goes_away_is_7_at_once(mail: Dovecot, number: int, words: str) -> None:
    before = mail.log().count("Login: user=<bob>")  # who has no other test, and so no login that is not told of yet
    with watching(mail, "--json", user="bob") as watch:
        mail.wait_for_log("Login: user=<bob>", before + 1)
        began = time.monotonic()
        os.kill(int(re.findall(r"Login: user=<bob>.* mpid=(\d+)", mail.log())[-1]), number)
        ran = watch.end()
        assert time.monotonic() - began < AT_ONCE_S
    assert (ran.code, ran.json["error"]["kind"]) == (ExitCode.PROTOCOL, "protocol")
    assert words in ran.error_line
    assert "watch)" in ran.error_line


def test_a_mailbox_that_is_not_there_cannot_be_watched(mail: Dovecot) -> None:
    ran = mail.run("watch", "--mailbox", "no such", "--json", code=ExitCode.NOTHING)
    assert (ran.json["error"]["kind"], ran.json["error"]["exit"]) == ("nothing", ExitCode.NOTHING)
