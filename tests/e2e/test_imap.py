"""`tw imap first-subject` against a real Dovecot: which subject comes out, how it is shown, and what cannot be had."""

import base64
import imaplib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from e2e.dovecot import GOOD, PASSWORDS, PLAIN, WRONG_NAME, Dovecot, dovecot
from e2e.harness import TIMEOUT_S, TW, environment, tw
from e2e.imap_peers import relay
from ports import held_port
from tw.errors import ExitCode

pytestmark = pytest.mark.measured

ODD_NAME = 'Zoë & "Söhne" \\ 日本語'


def word(text: str, charset: str) -> bytes:
    return b"=?%s?B?%s?=" % (charset.encode(), base64.b64encode(text.encode(charset)))


def split_word(text: str, at: int) -> bytes:
    """Two encoded words with a fold between them, cut at that byte: in the middle of a character, it may be."""
    data = text.encode()
    return b"=?UTF-8?B?%s?=\r\n =?UTF-8?B?%s?=" % (base64.b64encode(data[:at]), base64.b64encode(data[at:]))


SUBJECTS: dict[str, tuple[bytes, str]] = {
    "plain": (b"Subject: It's 5 o'clock: \"tea\" & C:\\temp\\", "It's 5 o'clock: \"tea\" & C:\\temp\\"),
    "utf-8": (b"Subject: " + word("Žluťoučký kůň €🐎", "utf-8"), "Žluťoučký kůň €🐎"),
    "latin-1": (b"Subject: =?ISO-8859-1?Q?Gr=FC=DFe_aus_K=F6ln?= today", "Grüße aus Köln today"),
    "koi8-r": (b"Subject: Re: " + word("Привет", "koi8-r"), "Re: Привет"),
    "iso-2022-jp": (b"Subject: " + word("こんにちは", "iso-2022-jp"), "こんにちは"),
    "gb2312": (b"Subject: =?gb2312?B?%s?=" % base64.b64encode("朱镕基".encode("gb18030")), "朱镕基"),
    "several": (b"Subject: " + word("Grüße ", "latin-1") + b"\r\n " + word("Привет", "utf-8"), "Grüße Привет"),
    "split": (b"Subject: " + split_word("Größe", 3), "Größe"),
    "folded": (b"Subject: one\r\n two\r\n three", "one two three"),
    "raw": ("Subject: Größe, roh".encode(), "Größe, roh"),
    "long": (b"Subject: " + b"\r\n ".join([b"x" * 70] * 300), " ".join(["x" * 70] * 300)),
    "escapes": (
        b"Subject: =?UTF-8?Q?=1B]0;owned=07=1B[31mred=C2=9B2J=E2=80=AEtfel?=",
        r"\x1b]0;owned\x07\x1b[31mred\x9b2J\u202etfel",
    ),
    "injected": (b"Subject: =?UTF-8?Q?one=0D=0Atw:_a_second_line?=", r"one\x0d\x0atw: a second line"),
    "empty": (b"Subject:", ""),
    "missing": (b"To: alice@example.org", ""),
    ODD_NAME: (b"Subject: found", "found"),
}
FIRST = (
    b"From: =?utf-8?q?Zo=C3=AB?= <zoe@example.org>\r\nSubject: The first\r\n"
    b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n."
)


@pytest.fixture(scope="module")
def mail() -> Iterator[Dovecot]:
    boxes = {name: [header + b"\r\nX-Other: Subject: no\r\n\r\nbody\r\n"] for name, (header, _) in SUBJECTS.items()}
    inbox = [FIRST, b"Subject: The second\r\n\r\n.", b"Subject: The third\r\n\r\n."]
    with dovecot({"INBOX": inbox, "void": [], **boxes}) as server:
        yield server


# The subject ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_subject_is_decoded_and_one_safe_line(mail: Dovecot, name: str) -> None:
    assert mail.subject(name) == SUBJECTS[name][1]


def test_of_several_messages_it_is_the_first_and_the_json_has_the_rest(mail: Dovecot) -> None:
    assert mail.look("--json").json == {
        "v": 1,
        "ok": True,
        "mailbox": "INBOX",
        "exists": 3,
        "subject": "The first",
        "uid": 1,
        "date": "Mon, 1 Jan 2024 00:00:00 +0000",
        "from": "Zoë <zoe@example.org>",
    }


def test_json_says_what_is_missing_and_escapes_nothing_away(mail: Dovecot) -> None:
    missing = mail.look("--json", "--mailbox", "missing").json
    assert (missing["ok"], missing["subject"], missing["date"], missing["from"]) == (True, "", None, None)
    ran = mail.look("--json", "--mailbox", "escapes")
    assert ran.json["subject"] == "\x1b]0;owned\x07\x1b[31mred\x9b2J\u202etfel"
    assert ran.out[:-1].isprintable()


def test_on_a_terminal_no_escape_sequence_of_a_stranger_is_executed(mail: Dovecot) -> None:
    arguments = ["--user", "alice", "--host", GOOD, "--port", str(mail.imaps_port), "--ca-file", mail.ca]
    child = pexpect.spawn(
        TW,
        ["imap", "first-subject", *arguments, "--mailbox", "escapes"],
        env=environment(TW_IMAP_PASSWORD=PASSWORDS["alice"], NO_COLOR="", TERM="xterm"),
        timeout=TIMEOUT_S,
        encoding="utf-8",
    )
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.before) == (0, SUBJECTS["escapes"][1] + "\r\n")


def test_looking_changes_nothing(mail: Dovecot) -> None:
    def state() -> object:
        with imaplib.IMAP4(GOOD, mail.imap_port) as client:
            client.login("alice", PASSWORDS["alice"])
            return client.status("INBOX", "(MESSAGES RECENT UNSEEN)")

    before = state(), mail.files()
    assert before[0] == ("OK", [b"INBOX (MESSAGES 3 RECENT 3 UNSEEN 3)"])
    assert [name.split("/")[0] for name in before[1]] == ["new", "new", "new"]
    mail.look()
    assert (state(), mail.files()) == before


# The server ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["bob", "zoë"])
@pytest.mark.parametrize(
    ("hidden", "said"),
    [
        (b"", b"AUTHENTICATE PLAIN "),
        (b"SASL-IR", b"AUTHENTICATE PLAIN\r\n"),
        (b"AUTH=PLAIN", b"LOGIN "),
        (b"AUTH=PLAIN LITERAL+", b"LOGIN "),
    ],
    ids=["PLAIN at once", "PLAIN when asked", "LOGIN", "LOGIN with literals that wait"],
)
def test_every_way_to_log_in_takes_any_password(mail: Dovecot, user: str, hidden: bytes, said: bytes) -> None:
    def hide(data: bytes) -> bytes:
        for name in hidden.split():
            data = data.replace(name, b"X-HIDDEN")
        return data

    with relay(PLAIN, mail.imap_port, hide) as between:
        ran = mail.look("--endpoint", between.strport, user=user, security="plain")
    assert (ran.out, ran.err) == ("The first\n", "")
    assert b"A1 " + said in between.heard


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_the_server_gets_a_goodbye(mail: Dovecot, security: str) -> None:
    before = mail.log().count("Logged out")
    mail.look(security=security)
    mail.wait_for_log("Logged out", before + 1)


def test_endpoints(mail: Dovecot) -> None:
    tls, plain = f"localhost:{mail.imaps_port}", f"{PLAIN}:{mail.imap_port}"
    for strport, security in (
        (f"tls:{tls}", "tls"),
        (f"ssl:{tls}", "tls"),
        (f"tcp:{tls}", "tls"),
        (f"tcp:localhost:{mail.imap_port}", "starttls"),
        (f"tcp:{plain}", "plain"),
        (f"unix:{mail.socket_path}", "plain"),
    ):
        assert mail.look("--endpoint", strport, security=security).out == "The first\n", strport
    for kind in ("tls", "ssl"):
        refused = mail.look("--endpoint", f"{kind}:{plain}", security="plain", code=ExitCode.USAGE)
        assert "a TLS endpoint beside --security plain" in refused.error_line
        elsewhere = f"{kind}:{WRONG_NAME}:{mail.imaps_port}"
        assert "another name" in mail.look("--endpoint", elsewhere, code=ExitCode.TLS).error_line
    nameless = mail.look("--endpoint", f"unix:{mail.socket_path}", security="starttls", code=ExitCode.USAGE)
    assert "--pin" in nameless.error_line


def test_the_place_and_the_name_may_come_from_the_environment_or_the_settings_file(
    mail: Dovecot, tmp_path: Path
) -> None:
    (tmp_path / "tw").mkdir()
    config = tmp_path / "tw" / "config.toml"
    config.write_text(
        f'[imap]\nhost = "localhost"\nport = {mail.imaps_port}\nca-file = "{mail.ca}"\n'
        'user = "nobody"\nmailbox = "split"\n'
    )
    home = {"XDG_CONFIG_HOME": str(tmp_path), "TW_IMAP_PASSWORD": PASSWORDS["bob"]}
    wrong = tw("imap", "first-subject", env=home)
    assert wrong.code == ExitCode.AUTH
    by_variable = tw("imap", "first-subject", env={**home, "TW_IMAP_USER": "bob", "TW_IMAP_MAILBOX": "INBOX"})
    assert (by_variable.code, by_variable.out) == (0, "The first\n")
    typed = tw(
        *("imap", "first-subject", "--user", "alice", "--mailbox", "utf-8"),
        env={**home, "TW_IMAP_USER": "bob", "TW_IMAP_PASSWORD": PASSWORDS["alice"]},
    )
    assert (typed.code, typed.out) == (0, SUBJECTS["utf-8"][1] + "\n")


# What cannot be had --------------------------------------------------------------------------------------------------


def test_a_mailbox_that_is_missing_or_empty_is_8(mail: Dovecot) -> None:
    missing = mail.look("--mailbox", "no such box", "--json", code=ExitCode.NOTHING)
    assert "no such box" in missing.error_line
    assert (missing.json["v"], missing.json["ok"], missing.json["error"]["kind"]) == (1, False, "nothing")
    assert missing.json["error"]["exit"] == ExitCode.NOTHING
    void = mail.look("--mailbox", "void", code=ExitCode.NOTHING)
    assert "the mailbox void is empty" in void.error_line
    assert void.out == ""


def test_a_wrong_password_or_user_is_6(mail: Dovecot) -> None:
    wrong = mail.look("--json", password="not-the-password", code=ExitCode.AUTH)
    assert "login refused" in wrong.error_line
    assert "check --user and the password" in wrong.error_line
    assert wrong.json["error"]["kind"] == "auth"
    nobody = mail.look("--user", "mallory", code=ExitCode.AUTH)
    assert nobody.out == ""


def test_a_server_that_takes_no_password_in_the_clear_gets_none(mail: Dovecot) -> None:
    with relay(WRONG_NAME, mail.imap_port) as between:
        ran = mail.look("--endpoint", between.strport, security="plain", code=ExitCode.AUTH)
    assert "LOGINDISABLED" in ran.error_line
    assert "--security tls or starttls" in ran.error_line
    assert between.heard == b""


def test_plain_must_be_typed(mail: Dovecot) -> None:
    place = ("--user", "alice", "--endpoint", f"tcp:{PLAIN}:{mail.imap_port}")
    env = {"TW_IMAP_PASSWORD": PASSWORDS["alice"], "TW_IMAP_SECURITY": "plain"}
    refused = tw("imap", "first-subject", *place, env=env)
    assert refused.code == ExitCode.USAGE
    assert "--security plain counts only when typed" in refused.error_line


@pytest.mark.parametrize(
    ("args", "env"),
    [
        (("--user", "alice\r\nA1 LOGOUT"), {}),
        (("--mailbox", "IN\nBOX"), {}),
        ((), {"TW_IMAP_PASSWORD": "one\r\ntwo"}),
        ((), {"TW_IMAP_USER": "alice\n"}),
    ],
)
def test_a_line_end_in_what_is_sent_is_2_and_nothing_is_connected_to(
    args: tuple[str, ...], env: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        endpoint = f"tcp:localhost:{listener.getsockname()[1]}"
        given = {"TW_IMAP_USER": "alice", "TW_IMAP_PASSWORD": "x", **env}
        ran = tw("imap", "first-subject", "--security", "plain", "--endpoint", endpoint, *args, env=given)
        assert (ran.code, ran.out) == (ExitCode.USAGE, "")
        assert "line end" in ran.error_line
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_without_a_host_a_failure_says_how_to_name_one() -> None:
    env = {"TW_IMAP_PASSWORD": "x"}
    with held_port() as port:
        unnamed = tw("imap", "first-subject", "--user", "alice", "--port", str(port), "--json", env=env)
        named = tw("imap", "first-subject", "--user", "alice", "--host", "localhost", "--port", str(port), env=env)
    assert (unnamed.code, unnamed.json["error"]["kind"]) == (ExitCode.CONNECT, "connect")
    for words in (f"localhost:{port}", "--host", "TW_IMAP_HOST", "[imap]"):
        assert words in unnamed.error_line
    assert (named.code, "TW_IMAP_HOST" in named.error_line) == (ExitCode.CONNECT, False)
    default = tw("imap", "first-subject", "--user", "alice", "--timeout", "5s", env=env)
    assert default.code != 0
    assert "localhost:993" in default.error_line


def test_a_unix_socket_that_is_not_there_is_3(tmp_path: Path) -> None:
    path = os.fspath(tmp_path / "none")
    ran = tw(
        *("imap", "first-subject", "--user", "alice", "--security", "plain", "--endpoint", f"unix:{path}"),
        env={"TW_IMAP_PASSWORD": "x"},
    )
    assert ran.code == ExitCode.CONNECT
    assert path in ran.error_line
