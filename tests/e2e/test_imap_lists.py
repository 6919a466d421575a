"""`tw imap subjects`, `mailboxes` and `status` against a real Dovecot: what is found, and how it is shown."""

import imaplib
import re
from collections.abc import Iterator

import pexpect
import pyte
import pytest

from e2e.dovecot import GOOD, PASSWORDS, PLAIN, Dovecot, dovecot
from e2e.harness import TIMEOUT_S, TW, environment
from e2e.imap_peers import relay
from tw.errors import ExitCode

HOSTILE = (
    b"Subject: =?UTF-8?Q?=1B]0;owned=07=1B[31mred=C2=9B2J=E2=80=AEtfel?=\r\nFrom: \x1b[2J <m@example.org>\r\n\r\n."
)
SAFE = r"\x1b]0;owned\x07\x1b[31mred\x9b2J\u202etfel"
FOLDED = b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n =?utf-8?q?_aus_K=C3=B6ln?=\r\nX-Other: no\r\n\r\n."
INBOX = [
    *(b"Subject: number %d\r\nFrom: Bob <bob@example.org>\r\n\r\nbody %d\r\n" % (n, n) for n in range(1, 13)),
    b"Subject: =?utf-8?q?P=C3=A4ckchen?=\r\nFrom: =?utf-8?q?Zo=C3=AB?= <zoe@example.org>\r\n"
    b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n.",
]
NUMBERS = [f"number {number}" for number in range(1, 13)]
NAMES = [
    "with space",
    'a "quote"',
    "back\\slash",
    "R&D",
    "&-",
    "Größe",
    "🐎 日本語",
    "st*r%",
    "a{5}",
    "Archive.2023",
    "Archive.2024",
]
EVIL = "evil\x1b[31m\u202e"


@pytest.fixture(scope="module")
def mail() -> Iterator[Dovecot]:
    boxes = {name: [b"Subject: one\r\n\r\n.", b"Subject: two\r\n\r\n."] for name in [*NAMES, EVIL]}
    with dovecot({"INBOX": INBOX, "void": [], "hostile": [HOSTILE, FOLDED, b"To: nobody\r\n\r\n."], **boxes}) as server:
        yield server


def lines(mail: Dovecot, command: str, *args: str) -> list[str]:
    ran = mail.run(command, *args)
    assert ran.err == ""
    return ran.out.splitlines()


# Subjects ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), [*NUMBERS[3:], "Päckchen"]),
        (("--last", "3"), [*NUMBERS[10:], "Päckchen"]),
        (("--last", "9999"), [*NUMBERS, "Päckchen"]),
        (("--newest",), ["Päckchen"]),
        (("--search", "SUBJECT number NOT (SUBJECT 1)", "--last", "4"), [NUMBERS[n] for n in (5, 6, 7, 8)]),
        (("--search", 'UNSEEN FROM "bob" OR BODY "body 3" BODY "body 12"'), [NUMBERS[2], NUMBERS[11]]),
        (("--search", 'SUBJECT "PÄCK"'), ["Päckchen"]),
        (("--search", "from Zoë"), ["Päckchen"]),
        (("--mailbox", "🐎 日本語"), ["one", "two"]),
    ],
)
def test_the_subjects_that_were_asked_for_oldest_first(
    mail: Dovecot, args: tuple[str, ...], expected: list[str]
) -> None:
    assert lines(mail, "subjects", *args) == expected


def test_a_search_beyond_ascii_waits_with_its_literals_where_the_server_wants_that(mail: Dovecot) -> None:
    with relay(PLAIN, mail.imap_port, lambda said: said.replace(b"LITERAL+", b"X-HIDDEN")) as between:
        search = ("--search", 'SUBJECT "Päck" FROM "ZOË"')
        ran = mail.run("subjects", "--endpoint", between.strport, *search, security="plain")
    assert ran.out == "Päckchen\n"
    assert b" UID SEARCH CHARSET UTF-8 SUBJECT {5}\r\nP\xc3\xa4ck FROM {4}\r\n" in between.heard


def test_the_json_of_subjects_has_what_is_known_of_each(mail: Dovecot) -> None:
    listed = mail.run("subjects", "--json", "--last", "2").json
    assert (listed["v"], listed["ok"], listed["mailbox"], listed["exists"]) == (1, True, "INBOX", 13)
    twelfth, last = listed["messages"]
    assert re.fullmatch(r"\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d [+-]\d{4}", last.pop("arrived"))
    assert last == {
        "uid": 13,
        "subject": "Päckchen",
        "from": "Zoë <zoe@example.org>",
        "date": "Mon, 1 Jan 2024 00:00:00 +0000",
        "seen": False,
    }
    assert (twelfth["uid"], twelfth["subject"], twelfth["date"]) == (12, "number 12", None)


def test_a_strangers_subject_is_one_safe_line_and_raw_as_it_came(mail: Dovecot) -> None:
    assert lines(mail, "subjects", "--mailbox", "hostile") == [SAFE, "Grüße aus Köln", ""]
    raw = mail.run("subjects", "--mailbox", "hostile", "--raw").out
    assert raw == (
        "=?UTF-8?Q?=1B]0;owned=07=1B[31mred=C2=9B2J=E2=80=AEtfel?=\n"
        "=?utf-8?b?R3LDvMOfZQ==?=\r\n =?utf-8?q?_aus_K=C3=B6ln?=\n\n"
    )
    assert mail.look("--mailbox", "hostile", "--raw").out == raw.splitlines(keepends=True)[0]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--search", "SUBJECT nowhere", "--json"), ExitCode.NOTHING, "no message matches"),
        (("--mailbox", "void", "--newest", "--json"), ExitCode.NOTHING, "the mailbox void is empty"),
        (("--mailbox", "void", "--search", "ALL", "--json"), ExitCode.NOTHING, "the mailbox void is empty"),
        (("--mailbox", "no such", "--json"), ExitCode.NOTHING, "no such"),
        (("--search", "FROBNICATE", "--json"), ExitCode.PROTOCOL, "check --search"),
        (("--search", "ALL\r\nA9 LOGOUT", "--json"), ExitCode.USAGE, "a line end"),
        (("--search", 'SUBJECT "open', "--json"), ExitCode.USAGE, "a quote without an end"),
    ],
)
def test_what_cannot_be_found_has_its_code(mail: Dovecot, args: tuple[str, ...], code: ExitCode, words: str) -> None:
    ran = mail.run("subjects", *args, code=code)
    assert words in ran.error_line
    assert (ran.json["ok"], ran.json["error"]["exit"]) == (False, code)


# Mailboxes and their counts ------------------------------------------------------------------------------------------


def test_mailboxes_are_listed_by_their_names_in_any_script(mail: Dovecot) -> None:
    shown = {*NAMES, "INBOX", "void", "hostile", "Archive", r"evil\x1b[31m\u202e"}
    listed = lines(mail, "mailboxes")
    assert sorted(listed) == sorted(shown)
    by_name = {one["name"]: one for one in mail.run("mailboxes", "--json").json["mailboxes"]}
    assert set(by_name) == {*shown - {r"evil\x1b[31m\u202e"}, EVIL}
    assert by_name["Archive"]["delimiter"] == "."
    assert "\\Noselect" in by_name["Archive"]["attributes"]


def test_a_pattern_chooses_among_the_mailboxes(mail: Dovecot) -> None:
    assert set(lines(mail, "mailboxes", "Archive.*")) == {"Archive.2023", "Archive.2024"}
    assert "Archive.2023" not in lines(mail, "mailboxes", "%")
    assert lines(mail, "mailboxes", "Grö%") == ["Größe"]
    none = mail.run("mailboxes", "nowhere*", "--json", code=ExitCode.NOTHING)
    assert (none.json["ok"], none.json["error"]["kind"]) == (False, "nothing")


def test_status_counts_all_that_were_named_whatever_their_names(mail: Dovecot) -> None:
    assert lines(mail, "status") == ["13 13 INBOX"]
    assert lines(mail, "status", *NAMES, "void") == [*(f"2 2 {name}" for name in NAMES), "0 0 void"]


def test_one_missing_mailbox_costs_the_exit_code_and_not_the_others(mail: Dovecot) -> None:
    names = ("INBOX", "gone\x1b[31m", "void", "no such")
    ran = mail.run("status", *names, code=ExitCode.NOTHING)
    assert ran.out == "13 13 INBOX\n0 0 void\n"
    assert r"gone\x1b[31m" in ran.error_line
    document = mail.run("status", *names, "--json", code=ExitCode.NOTHING).json
    assert (document["ok"], document["error"]["kind"]) == (False, "nothing")
    inbox, void = document["mailboxes"]
    assert inbox.pop("uid_validity") > 0
    assert inbox == {"mailbox": "INBOX", "messages": 13, "unseen": 13, "uid_next": 14}
    assert void["messages"] == 0


# On a terminal -------------------------------------------------------------------------------------------------------


def screen(mail: Dovecot, command: str, *args: str, columns: int = 120) -> pyte.Screen:
    """What a person sees once the command has ended, with 0."""
    child = pexpect.spawn(
        TW,
        mail.arguments(command, *args),
        env=environment(TW_IMAP_PASSWORD=PASSWORDS["alice"], TERM="xterm", COLUMNS="", LINES=""),
        timeout=TIMEOUT_S,
        dimensions=(40, columns),
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0, child.before
    shown = pyte.Screen(columns, 40)
    pyte.ByteStream(shown).feed(child.before)
    return shown


def test_subjects_are_a_table_that_no_stranger_paints_in(mail: Dovecot) -> None:
    shown = screen(mail, "subjects", "--mailbox", "hostile")
    header, hostile, folded, empty, *rest = [line.rstrip() for line in shown.display]
    assert header.split() == ["UID", "Arrived", "From", "Subject"]
    assert hostile.startswith("1 ")
    assert hostile.endswith(SAFE)
    assert r"\x1b[2J <m@example.org>" in hostile
    assert folded.endswith("Grüße aus Köln")
    assert empty.split()[0] == "3"
    assert not any(rest)
    assert shown.title == ""
    assert {cell.fg for row in shown.buffer.values() for cell in row.values()} == {"default"}


def test_a_narrow_terminal_folds_and_cuts_nothing_off(mail: Dovecot) -> None:
    shown = screen(mail, "subjects", "--mailbox", "hostile", "--last", "3", columns=60)
    words = "".join(line[-20:].strip() for line in shown.display)
    assert all(part in words.replace(" ", "") for part in ("owned", "tfel", "Köln"))


def test_mailboxes_and_status_are_tables(mail: Dovecot) -> None:
    rows = [re.split(r"\s{2,}", line.strip()) for line in screen(mail, "mailboxes").display if line.strip()]
    assert rows[0] == ["Mailbox", "Delimiter", "Attributes"]
    assert [r"evil\x1b[31m\u202e", ".", "\\HasNoChildren"] in rows
    rows = [re.split(r"\s{2,}", line.strip()) for line in screen(mail, "status", "R&D", "void").display if line.strip()]
    assert rows[0] == ["Mailbox", "Messages", "Unseen", "UID next", "UID validity"]
    assert [row[:4] for row in rows[1:]] == [["R&D", "2", "2", "3"], ["void", "0", "0", "1"]]


# The server ----------------------------------------------------------------------------------------------------------


def test_a_name_is_said_before_the_mailbox_is_opened_where_that_was_asked_for(mail: Dovecot) -> None:
    with relay(PLAIN, mail.imap_port) as between:
        ran = mail.run("subjects", "--endpoint", between.strport, "--send-id", "--last", "1", security="plain")
    assert ran.out == "Päckchen\n"
    said = between.heard.split(b"\r\n")
    assert said[1:3] == [b'A2 ID ("name" "tw")', b'A3 EXAMINE "INBOX"']


def test_nothing_is_seen_by_looking(mail: Dovecot) -> None:
    def state() -> object:
        with imaplib.IMAP4(GOOD, mail.imap_port) as client:
            client.login("alice", PASSWORDS["alice"])
            return client.status("INBOX", "(MESSAGES RECENT UNSEEN)")

    before = state(), mail.files()
    assert before[0] == ("OK", [b"INBOX (MESSAGES 13 RECENT 13 UNSEEN 13)"])
    assert {name.split("/")[0] for name in before[1]} == {"new"}
    for command in (["subjects"], ["subjects", "--newest"], ["subjects", "--search", "ALL"], ["status"], ["mailboxes"]):
        mail.run(*command)
        assert (state(), mail.files()) == before, command
