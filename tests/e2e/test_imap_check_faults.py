"""`tw imap check` and servers that misbehave: in time, with the code that monitoring reads, and one safe line."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.harness import TIMEOUT_S, TW, Ran, environment, tw
from e2e.imap_peers import Peer, scripted
from tw.errors import ExitCode

PASSWORD = "s3cret"
ENV = {"TW_IMAP_PASSWORD": PASSWORD}
HEADER = b"Subject: a|b \x1b[31m\r\n\r\n"
WHOLE = (
    b'* 1 FETCH (UID 7 INTERNALDATE "01-Jan-2024 01:00:00 +0100"'
    b" BODY[HEADER.FIELDS (SUBJECT FROM DATE)] {%d}\r\n%s)\r\n"
) % (len(HEADER), HEADER)


def opens(peer: Peer, exists: int = 1) -> None:
    """Greet, take any password, and open any mailbox."""
    peer.log_in()
    peer.hear(b"A3 EXAMINE")
    peer.say(b"* STATUS INBOX (UNSEEN 1)\r\nA2 OK\r\n* %d EXISTS\r\nA3 OK [READ-ONLY] open\r\n" % exists)


def is_well(peer: Peer) -> None:
    opens(peer)
    peer.hear(b"A4 FETCH")
    peer.say(WHOLE + b"A4 OK\r\n")
    peer.hear_all()


def look(peer: Peer, *more: str) -> Ran:
    place = ("--user", "alice", "--endpoint", peer.strport, "--security", "plain")
    return tw("imap", "check", *place, *more, env=ENV)


# What a server does, and its name is what the fault is ---------------------------------------------------------------


def says_nothing(peer: Peer) -> None:
    peer.hear_all()


def is_no_imap(peer: Peer) -> None:
    peer.say(b"220 mail.example.org | ESMTP\r\n")
    peer.hear_all()


def turns_away(peer: Peer) -> None:
    peer.say(b"* BYE too many | connections \x1b[31m\r\n")
    peer.hear_all()


def refuses_the_password(peer: Peer) -> None:
    peer.say(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n")
    peer.hear(b"\r\n")
    peer.say(b"A1 NO [AUTHENTICATIONFAILED] no | time=0s \xe2\x80\xae\r\n")
    peer.hear_all()


def hangs_with_the_mailbox_open(peer: Peer) -> None:
    opens(peer)
    peer.hear_all()


def hangs_up(peer: Peer) -> None:
    opens(peer)
    peer.hear(b"A4 FETCH")
    peer.say(b"* BYE shutting down\r\n")
    peer.hear_all()


def counts_what_is_no_number(peer: Peer) -> None:
    peer.log_in()
    peer.hear(b"A3 EXAMINE")
    peer.say(b"* STATUS\r\n")
    peer.hear_all()


def sends_a_message_without_an_end(peer: Peer) -> None:
    opens(peer)
    peer.hear(b"A4 FETCH")
    peer.say(WHOLE.partition(b"{")[0] + b"{999999999999}\r\n")
    while True:
        peer.say(b"x" * 65_536)


def sends_no_message(peer: Peer) -> None:
    opens(peer)
    peer.hear(b"A4 FETCH")
    peer.say(b"A4 OK\r\n")
    peer.hear_all()


Fault = Callable[[Peer], None]
FAULTS: list[tuple[Fault, ExitCode, str]] = [
    (says_nothing, ExitCode.TIMEOUT, "no answer within 0.5 s"),
    (is_no_imap, ExitCode.PROTOCOL, "220 mail.example.org / ESMTP"),
    (turns_away, ExitCode.CONNECT, r"too many / connections \x1b[31m"),
    (refuses_the_password, ExitCode.AUTH, r"no / time=0s \u202e"),
    (hangs_with_the_mailbox_open, ExitCode.TIMEOUT, "no answer within 0.5 s"),
    (hangs_up, ExitCode.PROTOCOL, "hung up: shutting down"),
    (counts_what_is_no_number, ExitCode.PROTOCOL, "a STATUS that is none"),
    (sends_a_message_without_an_end, ExitCode.PROTOCOL, "a literal of over"),
    (sends_no_message, ExitCode.PROTOCOL, "without a message"),
]


@pytest.mark.parametrize(("fault", "code", "words"), FAULTS)
def test_a_fault_is_critical_for_nagios_and_has_its_code_elsewhere(fault: Fault, code: ExitCode, words: str) -> None:
    short = ("--timeout", "500ms") if code is ExitCode.TIMEOUT else ()
    with scripted(fault) as peer:
        plugin = look(peer, "--nagios", *short)
    assert plugin.code == 2, plugin
    assert plugin.out.startswith("IMAP CRITICAL - ")
    assert words in plugin.out
    assert (plugin.out.count("\n"), plugin.out.count("|"), plugin.err) == (1, 0, "")
    assert plugin.out[:-1].isprintable()
    assert PASSWORD not in plugin.out
    with scripted(fault) as peer:
        ran = look(peer, "--json", *short)
    assert (ran.code, ran.json["ok"], ran.json["error"]["exit"]) == (code, False, code)


def test_a_subject_of_a_strangers_is_matched_and_never_shown() -> None:
    with scripted(is_well) as peer:
        ran = look(peer, "--nagios", "--expect-subject", r"^a\|b", "--max-unread", "1")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("IMAP OK - 1 message, 1 unread, the newest ")
    with scripted(is_well) as peer:
        ran = look(peer, "--nagios", "--expect-subject", "x|\x1by")
    assert ran.code == 2
    assert r"no subject matches 'x/\x1by'" in ran.out
    assert ran.out.count("|") == 1


def test_a_port_where_nobody_listens_is_critical() -> None:
    ran = tw("imap", "check", "--user", "alice", "--host", "127.0.0.1", "--port", "1", "--nagios", env=ENV)
    assert (ran.code, ran.err) == (2, "")
    assert ran.out.startswith("IMAP CRITICAL - ")
    assert "refused" in ran.out


# Signals -------------------------------------------------------------------------------------------------------------


def accounts(path: Path, *ports: int, **more: str) -> str:
    tables = []
    for port in ports:
        pairs = {"user": "alice", "host": "127.0.0.1", "port": port, **more}
        tables.append("[[account]]\n" + "".join(f"{key} = {value!r}\n" for key, value in pairs.items()))
    path.write_text("".join(tables))
    return str(path)


@contextmanager
def running(*args: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [TW, "imap", "check", *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**ENV),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


FORMS: list[tuple[tuple[str, ...], int, str]] = [
    ((), 143, ""),
    (("--json",), 143, '{"v": 1, "ok": false, "error": {"kind": "interrupted", '),
    (("--nagios",), 3, "IMAP UNKNOWN - ended by SIGTERM\n"),
]


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(("form", "code", "out"), FORMS)
def test_a_signal_ends_it_at_once(many: bool, form: tuple[str, ...], code: int, out: str, tmp_path: Path) -> None:
    def waits(peer: Peer) -> None:
        peer.log_in()
        peer.hear_all()

    with scripted(waits) as peer:
        file = accounts(tmp_path / "accounts", peer.port, peer.port)
        place = ("--accounts", file, "--jobs", "1") if many else ("--endpoint", peer.strport)
        with running("--user", "alice", "--security", "plain", *place, *form) as process:
            assert peer.logged_in.wait(TIMEOUT_S)
            process.send_signal(signal.SIGTERM)
            said, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == code
    assert said.startswith(out) if out else said == ""
    assert said.count("\n") == bool(out)
    assert err == ""


def test_a_password_command_that_hangs_ends_with_it(tmp_path: Path) -> None:
    """It is waited for in a thread, which nobody can end. Left behind, it would keep our stderr open."""
    mark = tmp_path / "mark"
    file = accounts(tmp_path / "a", 1, **{"password-command": f"mkfifo {mark}; exec sleep 300 <>{mark}"})
    with running("--accounts", file) as process:
        while not mark.exists():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        said, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, said, err) == (143, "", "")
