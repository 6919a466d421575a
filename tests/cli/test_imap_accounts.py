"""`tw imap check --accounts` on the command line: the file of its accounts, with all that may be wrong."""

from pathlib import Path
from typing import Any

import pytest

from command_lines import Shell
from tw.cli.imap_accounts import MAX_FILE_BYTES
from tw.mail_check_options import CheckOptions, Expectations
from tw.mail_options import ImapOptions


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "accounts.toml"


def accounts(shell: Shell, file: Path, text: str, line: str = "", **more: Any) -> tuple[CheckOptions, ...]:
    """What is checked for a file of this text."""
    file.write_text(text)
    started = shell.start(f"imap check --accounts {file} {line}", **more)
    assert started.by == "check_all"
    found: tuple[CheckOptions, ...] = started.options.accounts
    return found


def imaps(*args: Any, **more: Any) -> list[ImapOptions]:
    return [one.imap for one in accounts(*args, **more)]


def refused(shell: Shell, file: Path, text: str | bytes, line: str = "") -> str:
    """What is said of a file of this text."""
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return shell.refused(f"imap check --accounts {file} {line}").replace(str(file), "FILE")


# What an account is made of ------------------------------------------------------------------------------------------

TWO = """
[[account]]
user = "alice"
host = "a.example"

[[account]]
user = "bob"
host = "b.example"
port = 1993
mailbox = "Alerts"
max-age = "1h"
max-unread = 10
expect-subject = "backup .* done"
cert-days = "30,7"
timeout = "5s"
password-command = "pass bob"
"""


def test_each_table_is_an_account_in_the_files_order(shell: Shell, file: Path) -> None:
    alice, bob = accounts(shell, file, TWO)
    assert alice == CheckOptions(imap=ImapOptions(user="alice", host="a.example"), is_one_of_many=True)
    assert bob.imap == ImapOptions(
        user="bob", host="b.example", port=1993, mailbox="Alerts", timeout_s=5.0, password_command="pass bob"
    )
    assert bob.expected == Expectations(subject="backup .* done", max_age_s=3600.0, max_unread=10, cert_days=(30, 7))
    assert [one.name for one in (alice, bob)] == ["alice@a.example", "bob@b.example:1993 Alerts"]


@pytest.mark.parametrize(("value", "seconds"), [("'2d'", 172_800.0), ("90", 90.0), ("0.5", 0.5), ("'1.5h'", 5400.0)])
def test_values_are_taken_as_in_the_settings_file(shell: Shell, file: Path, value: str, seconds: float) -> None:
    (one,) = accounts(shell, file, f"[[account]]\nuser = 'me'\nmax-age = {value}\nnetrc = true\ncert-days = 30")
    assert (one.expected.max_age_s, one.imap.netrc, one.expected.cert_days) == (seconds, True, (30, 0))


def test_what_an_account_does_not_say_is_as_it_was_typed_or_set(shell: Shell, file: Path) -> None:
    env = {"TW_IMAP_MAX_UNREAD": "3"}
    options = accounts(shell, file, TWO, "--timeout 9s --max-age 2h --mailbox m --insecure", env=env)
    first, second = options
    assert (first.imap.timeout_s, second.imap.timeout_s) == (9.0, 5.0)
    assert (first.expected.max_age_s, second.expected.max_age_s) == (7200.0, 3600.0)
    assert (first.expected.max_unread, second.expected.max_unread) == (3, 10)
    assert (first.imap.mailbox, second.imap.mailbox) == ("m", "Alerts")
    assert all(one.imap.verify.insecure for one in options)


def test_the_forms_and_the_jobs_are_of_the_run(shell: Shell, file: Path) -> None:
    file.write_text(TWO)
    started = shell.start(f"imap check --accounts {file} --json --jobs 7")
    assert (started.options.json, started.options.nagios, started.options.jobs) == (True, False, 7)
    assert not any(one.imap.json or one.nagios for one in started.options.accounts)
    assert shell.start(f"imap check --accounts {file} --nagios").options.nagios
    assert shell.start(f"imap check --accounts {file}").options.jobs == 20


def test_the_file_may_be_named_by_a_variable_or_the_settings(shell: Shell, file: Path) -> None:
    file.write_text(TWO)
    assert shell.start("imap check", {"TW_IMAP_ACCOUNTS": str(file)}).by == "check_all"
    assert shell.start("imap check --host h", {"TW_IMAP_ACCOUNTS": str(file)}).by == "check_all"
    assert shell.start("imap check", None, f"[imap]\naccounts = '{file}'").by == "check_all"


@pytest.mark.parametrize(
    ("typed", "table", "expected"),
    [
        ("--host h --port 7", "endpoint = 'tls:e:1'", {"endpoint": "tls:e:1", "port": None}),
        ("--endpoint tls:e:1", "host = 'h'", {"endpoint": None, "host": "h", "host_given": True}),
        ("--tunnel c", "host = 'h'", {"tunnel": None, "host": "h", "security": "tls"}),
        ("--endpoint tls:e:1", "tunnel = 'c'", {"endpoint": None, "tunnel": "c", "security": "plain"}),
        ("--host h --port 7", "tunnel = 'c'", {"tunnel": "c", "port": None}),
        ("--port 7", "host = 'h'", {"host": "h", "port": 7}),
        ("--host h", "port = 7", {"host": "h", "port": 7}),
        ("--password-file p", "password-command = 'c'", {"password_file": None, "password_command": "c"}),
        ("--token-command t", "netrc = true", {"token_command": None, "netrc": True}),
        ("--password-command c", "password-file = 'p'", {"password_file": "p", "password_command": None}),
        ("--security starttls", "security = 'tls'", {"security": "tls"}),
        ("--security plain", "host = 'h'", {"security": "plain"}),
    ],
)
def test_a_place_or_a_secret_of_an_account_replaces_those_of_the_command_line(
    shell: Shell, file: Path, typed: str, table: str, expected: dict[str, Any]
) -> None:
    (imap,) = imaps(shell, file, f"[[account]]\nuser = 'me'\n{table}", typed)
    assert {name: getattr(imap, name) for name in expected} == expected


def test_an_account_replaces_what_the_environment_says(shell: Shell, file: Path) -> None:
    env = {"TW_IMAP_HOST": "env", "TW_IMAP_PASSWORD_FILE": "env", "TW_IMAP_USER": "env"}
    first, second = imaps(shell, file, TWO.replace('user = "alice"\n', "").replace('host = "a.example"\n', ""), env=env)
    assert (first.user, first.host, first.password_file) == ("env", "env", "env")
    assert (second.user, second.host, second.password_file) == ("bob", "b.example", None)


def test_what_an_account_replaces_is_as_if_nobody_had_set_it(shell: Shell, file: Path) -> None:
    text = "[[account]]\nuser = 'me'\ntunnel = 'c'\npassword-file = 'p'"
    (imap,) = imaps(shell, file, text, config="[imap]\nhost = 'h'\nport = 7\nnetrc = true\nkeyring = true")
    assert imap == ImapOptions(user="me", tunnel="c", security="plain", password_file="p", host_given=False)


# What may be wrong with the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no account (FILE); write [[account]]"),
        ("account = 5", "no account (FILE)"),
        ("account = []", "no account (FILE)"),
        ("account = [1]", "no account (FILE)"),
        ("[account]\nuser = 'me'", "no account (FILE)"),
        ("user = 'me'", "unknown 'user' (FILE); its tables are [[account]]"),
        ("[[accounts]]\nuser = 'me'", "unknown 'accounts' (FILE)"),
        ("[[account]]\nuser = 'me'\nuser = 'you'", "not TOML: "),
        ("[[account]]\nuser = me", "not TOML: "),
        ("[[account]\n", "not TOML: "),
        ("x = " + "[" * 10_000, "not TOML: "),
        (b"[[account]]\nuser = '\xff'", "not TOML: "),
        (b"\0", "not TOML: "),
        ("#" * (MAX_FILE_BYTES + 1), f"accounts of over {MAX_FILE_BYTES} bytes (FILE); is it the right file?"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_file_that_is_none_is_refused(shell: Shell, file: Path, text: str | bytes, said: str) -> None:
    assert refused(shell, file, text).startswith(said)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("usr = 'me'", "unknown key 'usr' (FILE, account 2); did you mean 'user'?"),
        ("max_age = '1h'", "unknown key 'max_age' (FILE, account 2); did you mean 'max-age'?"),
        ("xyzzy = 1", "unknown key 'xyzzy' (FILE, account 2); see tw imap check --help"),
        ("'\\u001b[2J' = 1", r"unknown key '\\u001b[2J' (FILE, account 2)"),
        ("verbose = 2", "unknown key 'verbose' (FILE, account 2); "),
        ("json = true", "unknown key 'json' (FILE, account 2); type --json: it is for all of them"),
        ("nagios = true", "unknown key 'nagios' (FILE, account 2); type --nagios"),
        ("jobs = 5", "unknown key 'jobs' (FILE, account 2); type --jobs"),
        ("trace = true", "unknown key 'trace' (FILE, account 2); type --trace"),
        ("insecure = true", "unknown key 'insecure' (FILE, account 2); type --insecure: it is for all of them"),
        ("security = 'plain'", "security plain counts only when typed (FILE, account 2); add --security plain"),
        ("port = 'x'", "port: 'x' is not a whole number (FILE, account 2); mend its value"),
        ("port = 70000", "port: 70000 is not in the range 1<=x<=65535 (FILE, account 2)"),
        ("port = true", "the setting 'port' is not a truth value (FILE, account 2)"),
        ("port = 1.5", "the setting 'port' is a whole number (FILE, account 2)"),
        ("netrc = 'yes'", "the setting 'netrc' is true or false (FILE, account 2)"),
        ("mailbox = ['a', 'b']", "the setting 'mailbox' takes one value, not a list (FILE, account 2)"),
        ("mailbox = {a = 1}", "'mailbox' is neither text, number, truth value nor a list of texts (FILE, account 2)"),
        ('ca-file = "a\\u0000b"', "a NUL in 'ca-file' (FILE, account 2)"),
        ("mailbox = 2024-01-01", "'mailbox' is neither text, number, truth value nor a list of texts (FILE"),
        ("mailbox = ''", "mailbox: an empty text (FILE, account 2)"),
        ("security = 'ssl'", "security: 'ssl' is not one of 'tls', 'starttls', 'plain' (FILE, account 2)"),
        ("max-age = '2y'", "max-age: '2y' is not a duration"),
        ("max-age = inf", "max-age: inf is out of range"),
        ("max-unread = -1", "max-unread: -1 is not in the range x>=0"),
        ("cert-days = '30d'", "cert-days: '30d' is not W,C"),
    ],
)
def test_a_fault_in_one_account_is_told_with_its_number(shell: Shell, file: Path, table: str, said: str) -> None:
    text = f"[[account]]\nuser = 'fine'\n[[account]]\nuser = 'me'\n{table}"
    assert refused(shell, file, text).startswith(said)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("host = 'h'", "no user (FILE, account 2); give --user, or set TW_IMAP_USER"),
        ('user = "a\\nb"', "a line end or NUL in --user (FILE, account 2)"),
        ("user = 'me'\nauth = 'xoauth2'", "--auth xoauth2 without a token (FILE, account 2); add --token-command"),
        ("user = 'me'\nhost = 'h'\ntunnel = 'c'", "--tunnel beside --host, --port or --endpoint (FILE, account 2); "),
        ("user = 'me'\nhost = 'h'\nendpoint = 'tls:h:1'", "--endpoint beside --host or --port (FILE, account 2); "),
        ("user = 'me'\ncert-days = '7,30'", "--cert-days 7,30 (FILE, account 2); the first number is the greater one"),
        ("user = 'me'\ntunnel = 'c'\ncert-days = 30", "--cert-days without TLS (FILE, account 2); "),
        (
            "user = 'me'\nexpect-subject = '('",
            "not a regular expression: missing ), unterminated subpattern at position 0"
            " (FILE, account 2, --expect-subject); ",
        ),
    ],
)
def test_options_that_contradict_one_another_are_told_with_the_accounts_number(
    shell: Shell, file: Path, table: str, said: str
) -> None:
    assert refused(shell, file, f"[[account]]\nuser = 'fine'\n[[account]]\n{table}").startswith(said)


def test_a_password_in_the_file_is_refused_and_not_repeated(shell: Shell, file: Path) -> None:
    said = refused(shell, file, "[[account]]\nuser = 'me'\npassword = 'hunter2'")
    assert said.startswith(
        "unknown key 'password' (FILE, account 1); name a password-file, a password-command or netrc"
    )
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ("password-file = '-'", "", "several accounts would read their passwords from one descriptor"),
        ("password-fd = 3", "", "several accounts would read their passwords from one descriptor"),
        ("host = 'h'", "--password-file -", "several accounts would read their passwords from one descriptor"),
        ("host = 'h'", "--trace", "--trace beside --accounts"),
        ("host = 'h'", "--json --trace", "--trace beside --accounts"),
    ],
)
def test_what_cannot_be_shared_is_refused(shell: Shell, file: Path, table: str, line: str, said: str) -> None:
    text = f"[[account]]\nuser = 'a'\n{table}\n[[account]]\nuser = 'b'\n{table}"
    file.write_text(text)
    assert shell.run(f"imap check --accounts {file} {line}") == 2
    assert said in shell.capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_local(shell: Shell, file: Path) -> None:
    for path, why in ((file, "No such file or directory"), (file.parent, "Is a directory")):
        assert shell.run(f"imap check --accounts {path}") == 9
        assert shell.capsys.readouterr().err == f"tw: cannot read the accounts: {why} ({path})\n"


def test_a_file_of_many_accounts_is_read(shell: Shell, file: Path) -> None:
    text = "".join(f"[[account]]\nuser = 'user{number}'\n" for number in range(500))
    assert [one.user for one in imaps(shell, file, text)] == [f"user{number}" for number in range(500)]
