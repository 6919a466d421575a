"""`tw imap` against a second real server, pymap: what is no accident of Dovecot's."""

from collections.abc import Iterator

import pytest

from e2e.harness import Ran
from e2e.imap_watching import watching
from e2e.pymap_server import PASSWORD, Pymap, pymap
from tw.errors import ExitCode

SUBJECTS = [
    "Re: Re: Random question",
    "Random question",
    "Important notice regarding your account",
    "Hello, World!",
]


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pymap]:
    with pymap(tmp_path_factory.mktemp("pymap")) as server:
        yield server


@pytest.mark.parametrize(("security", "auth"), [("plain", "auto"), ("starttls", "plain"), ("plain", "login")])
def test_the_first_subject(mail: Pymap, security: str, auth: str) -> None:
    ran = mail.run("first-subject", "--auth", auth, security=security)
    assert (ran.out, ran.err) == (SUBJECTS[0] + "\n", "")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), SUBJECTS),
        (("--last", "2"), SUBJECTS[2:]),
        (("--newest",), SUBJECTS[3:]),
        (("--search", 'UNSEEN SUBJECT "notice"'), SUBJECTS[2:3]),
        (("--search", "FROM friend NOT SUBJECT Größe", "--last", "2"), [SUBJECTS[1], SUBJECTS[3]]),
    ],
)
def test_subjects(mail: Pymap, args: tuple[str, ...], expected: list[str]) -> None:
    assert mail.run("subjects", *args).out.splitlines() == expected


def test_mailboxes_and_their_counts_which_looking_does_not_change(mail: Pymap) -> None:
    assert mail.run("mailboxes").out.splitlines() == ["INBOX", "Sent", "Trash"]
    ran = mail.run("status", "Sent", "no such", "INBOX", code=ExitCode.NOTHING)
    assert ran.out == "2 1 Sent\n4 2 INBOX\n"
    assert "no such" in ran.error_line


def test_what_cannot_be_had(mail: Pymap) -> None:
    assert "login refused" in mail.run("mailboxes", password="wrong", code=ExitCode.AUTH).error_line
    assert mail.run("subjects", "--search", "SUBJECT nowhere", code=ExitCode.NOTHING).out == ""
    assert "no such" in mail.run("first-subject", "--mailbox", "no such", code=ExitCode.NOTHING).error_line


def test_what_comes_in_while_it_is_watched(mail: Pymap) -> None:
    line = mail.arguments("watch", "--mailbox", "Incoming", "--count", "2", security="starttls")
    with mail.client() as client:

        def deliver(subject: bytes) -> None:
            said, _ = client.append("Incoming", "", "", b"Subject: " + subject + b"\r\n\r\n.")
            assert said == "OK"

        client.create("Incoming")
        with watching(line, PASSWORD, "S: + Idling") as watch:
            deliver(b"one")
            assert watch.line() == "one\n"
            watch.wait_for("S: + Idling")
            deliver(b"two")
            assert watch.end() == Ran(0, "two\n", "")
        client.delete("Incoming")
