"""Where `tw imap first-subject` takes the password from, and that nobody else gets to see it."""

import signal
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from e2e.dovecot import GOOD, PASSWORDS, Dovecot, dovecot
from e2e.harness import TIMEOUT_S, TW, Ran, environment, tw
from e2e.imap_peers import GREETING, Peer, scripted
from tw.errors import ExitCode

RIGHT = PASSWORDS["alice"]
PROMPT = "Password of alice: "


@pytest.fixture(scope="module")
def mail() -> Iterator[Dovecot]:
    with dovecot() as server:
        yield server


def arguments(mail: Dovecot, *more: str) -> list[str]:
    place = ("--user", "alice", "--host", GOOD, "--port", str(mail.imaps_port), "--ca-file", mail.ca)
    return ["imap", "first-subject", *place, *more]


def look(mail: Dovecot, *more: str, stdin: str | bytes | None = None, **env: str) -> Ran:
    return tw(*arguments(mail, *more), stdin=stdin, env=env)


# Sources -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("is_stdin", "end"), [(False, ""), (False, "\r\n"), (True, "\n")])
def test_a_file_and_stdin_may_end_in_a_line_end(mail: Dovecot, tmp_path: Path, is_stdin: bool, end: str) -> None:
    path = tmp_path / "password"
    path.write_text(RIGHT + end, newline="")
    source, stdin = ("-", RIGHT + end) if is_stdin else (str(path), None)
    assert look(mail, "--password-file", source, stdin=stdin) == Ran(0, "The first\n", "")


def test_a_command_is_the_shells_and_may_explain_itself_on_stderr(mail: Dovecot) -> None:
    command = f"printf '%s' '{RIGHT[:3]}' | cat; echo '{RIGHT[3:]}'; echo 'unlocked' >&2"
    assert look(mail, "--password-command", command) == Ran(0, "The first\n", "unlocked\n")


@pytest.mark.parametrize("user", ["bob", "zoë"])
def test_quotes_spaces_and_any_script_survive_every_source(mail: Dovecot, tmp_path: Path, user: str) -> None:
    path = tmp_path / "password"
    path.write_text(PASSWORDS[user] + "\n")
    as_user = ("--user", user)
    assert look(mail, *as_user, "--password-file", str(path)).out == "The first\n"
    assert look(mail, *as_user, "--password-command", f"cat {path}").out == "The first\n"
    assert look(mail, *as_user, TW_IMAP_PASSWORD=PASSWORDS[user]).out == "The first\n"


def test_the_order_is_file_then_command_then_variable_then_prompt(mail: Dovecot, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text(RIGHT)
    wrong.write_text("wrong")
    mark = tmp_path / "was asked"
    asked = f"touch '{mark}'; echo"
    file_first = look(
        mail, "--password-file", str(right), "--password-command", f"{asked} wrong", TW_IMAP_PASSWORD="wrong"
    )
    assert (file_first.code, mark.exists()) == (0, False)
    assert look(mail, "--password-command", f"{asked} {RIGHT}", TW_IMAP_PASSWORD="wrong").code == 0
    assert mark.exists()
    losing = look(mail, "--password-file", str(wrong), "--password-command", f"echo {RIGHT}", TW_IMAP_PASSWORD=RIGHT)
    assert losing.code == ExitCode.AUTH
    child = prompted(mail, env={"TW_IMAP_PASSWORD": RIGHT})
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.before) == (0, "The first\r\n")


def test_sources_may_come_from_the_environment(mail: Dovecot, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(RIGHT)
    assert look(mail, TW_IMAP_PASSWORD_FILE=str(path)).out == "The first\n"
    assert look(mail, TW_IMAP_PASSWORD_COMMAND=f"cat {path}").out == "The first\n"


# The prompt ----------------------------------------------------------------------------------------------------------


def prompted(mail: Dovecot, *more: str, env: dict[str, str] | None = None) -> "pexpect.spawn[str]":
    return pexpect.spawn(
        TW, arguments(mail, *more), env=environment(**(env or {})), timeout=TIMEOUT_S, encoding="utf-8"
    )


def echoes(child: "pexpect.spawn[str]") -> bool:
    return bool(termios.tcgetattr(child.child_fd)[3] & termios.ECHO)


def test_the_prompt_shows_nothing_of_what_is_typed(mail: Dovecot) -> None:
    child = prompted(mail)
    assert child.expect_exact(PROMPT) == 0
    assert child.before == ""
    assert not echoes(child)
    child.sendline(RIGHT)
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.before) == (0, "\r\nThe first\r\n")


def test_a_result_in_a_pipe_holds_no_prompt(mail: Dovecot, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["-c", '"$0" "$@" > "$OUT"', TW, *arguments(mail, "--json")]
    child = pexpect.spawn("/bin/sh", command, env=environment(OUT=str(out)), timeout=TIMEOUT_S, encoding="utf-8")
    child.expect_exact(PROMPT)
    child.sendline(RIGHT)
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.before) == (0, "\r\n")
    assert Ran(0, out.read_text(), "").json["subject"] == "The first"


@pytest.mark.parametrize(
    ("key", "code"), [("\x03", ExitCode.SIGINT), ("\x04", ExitCode.USAGE)], ids=["Ctrl-C", "Ctrl-D"]
)
def test_the_prompt_can_be_left_and_the_terminal_echoes_again(mail: Dovecot, key: str, code: ExitCode) -> None:
    child = prompted(mail)
    child.expect_exact(PROMPT)
    child.send(key)
    child.expect(pexpect.EOF)
    assert echoes(child)
    child.close()
    assert child.exitstatus == code
    assert "Traceback" not in child.before


def test_without_a_source_and_a_terminal_it_is_2(mail: Dovecot) -> None:
    ran = look(mail, "--json")
    assert (ran.code, ran.json["error"]["kind"]) == (ExitCode.USAGE, "usage")
    for words in ("--password-file", "--password-command", "TW_IMAP_PASSWORD"):
        assert words in ran.error_line


# Failing sources -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (("--password-file", "/nonexistent/password"), ("/nonexistent/password", "No such file")),
        (("--password-file", "/dev/zero"), ("/dev/zero", "over 65536 bytes")),
        (("--password-command", "echo SECRET; exit 3"), ("exit 3", "--password-command")),
        (("--password-command", "kill -9 $$; echo SECRET"), ("signal 9", "--password-command")),
        (("--password-command", "true SECRET"), ("printed nothing", "--password-command")),
        (("--password-command", "printf 'SECRET\\377'"), ("not UTF-8", "--password-command")),
        (("--password-command", "echo SECRET; exec sleep 60", "--timeout", "200ms"), ("0.2 s", "--timeout")),
    ],
)
def test_a_source_that_fails_is_9_and_tells_no_secret(
    mail: Dovecot, source: tuple[str, ...], words: tuple[str, ...]
) -> None:
    ran = look(mail, *source, "--json", TW_IMAP_PASSWORD=RIGHT)
    assert (ran.code, ran.json["error"]["kind"]) == (ExitCode.LOCAL, "local")
    for expected in words:
        assert expected in ran.error_line
    assert "SECRET" not in ran.out + ran.err


# Nobody sees it ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["-v", "-vv"])
def test_no_level_of_detail_shows_a_password(mail: Dovecot, level: str) -> None:
    assert RIGHT not in look(mail, level, TW_IMAP_PASSWORD=RIGHT).err
    refused = look(mail, level, "--json", TW_IMAP_PASSWORD="wrong-SECRET")
    assert refused.code == ExitCode.AUTH
    assert "SECRET" not in refused.out + refused.err
    assert ("Traceback" in refused.err) == (level != "-v")


def test_a_server_that_repeats_the_password_does_not_get_it_shown(mail: Dovecot) -> None:
    def play(peer: Peer) -> None:
        peer.say(GREETING)
        peer.hear(b"\r\n")
        sent = peer.heard.split()[-1]
        peer.say(b"A1 NO [ALERT] not with %s or %s\r\n" % (sent, RIGHT.encode()))

    with scripted(play) as peer:
        place = ("--endpoint", peer.strport, "--security", "plain")
        env = {"TW_IMAP_PASSWORD": RIGHT}
        ran = tw("imap", "first-subject", "--user", "alice", *place, "-vv", "--json", env=env)
    assert ran.code == ExitCode.AUTH
    assert RIGHT.encode() not in peer.heard, "it was not sent in base64"
    for secret in (RIGHT, peer.heard.split()[-1].decode()):
        assert secret not in ran.out + ran.err


@pytest.mark.parametrize("source", ["--password-file", "--password-command"])
def test_the_process_list_shows_no_password(tmp_path: Path, source: str) -> None:
    path = tmp_path / "password"
    path.write_text(RIGHT)
    given = {"--password-file": str(path), "--password-command": f"cat {path}"}[source]

    def play(peer: Peer) -> None:
        peer.log_in()
        peer.hear_all()

    with scripted(play) as peer:
        place = ("--user", "alice", "--endpoint", peer.strport, "--security", "plain")
        with subprocess.Popen(
            [TW, "imap", "first-subject", *place, source, given], env=environment(), stderr=subprocess.PIPE
        ) as process:
            assert peer.logged_in.wait(TIMEOUT_S)
            shown = b"".join(
                Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ", "comm")
            )
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == ExitCode.SIGINT
    assert b"first-subject" in shown
    assert RIGHT.encode() not in shown
