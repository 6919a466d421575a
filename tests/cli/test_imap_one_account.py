"""`tw imap check` of one account on the command line: what it starts, and when a file of many is meant instead."""

from pathlib import Path

import pytest

from command_lines import Shell
from tw.mail_check_options import CheckOptions, Expectations
from tw.mail_options import ImapOptions

TWO = """
[[account]]
user = "alice"
host = "a.example"
[[account]]
user = "bob"
host = "b.example"
"""


def test_who_names_an_account_beats_a_file_of_them_that_comes_from_further_away(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(TWO)
    variable, setting = {"TW_IMAP_ACCOUNTS": str(file)}, f"[imap]\naccounts = '{file}'"
    for started in (
        shell.start("imap check --user me", variable),
        shell.start("imap check --user me", None, setting),
        shell.start("imap check", {"TW_IMAP_USER": "me"}, setting),
    ):
        assert (started.by, started.options.imap.user) == ("check", "me")
    for started in (
        shell.start(f"imap check --user me --accounts {file}"),
        shell.start(f"imap check --accounts {file}", {"TW_IMAP_USER": "me"}),
        shell.start("imap check", variable | {"TW_IMAP_USER": "me"}),
    ):
        assert started.by == "check_all"


def test_without_expectations_it_only_looks(shell: Shell) -> None:
    started = shell.start("imap check --user me")
    assert started.by == "check"
    assert started.options == CheckOptions(imap=ImapOptions(user="me", host="localhost", host_given=False))


def test_expectations_are_what_was_typed(shell: Shell) -> None:
    line = "imap check --user me --expect-subject '^a|b$' --max-age 2d --max-unread 0 --cert-days 30,7 --mailbox m"
    options = shell.start(line).options
    assert options.expected == Expectations(subject="^a|b$", max_age_s=172_800.0, max_unread=0, cert_days=(30, 7))
    assert (options.imap.mailbox, options.nagios, options.is_one_of_many) == ("m", False, False)


def test_expectations_come_from_variables_and_settings_too(shell: Shell) -> None:
    env = {"TW_IMAP_MAX_AGE": "1h", "TW_IMAP_EXPECT_SUBJECT": "x"}
    started = shell.start("imap check --user me", env, "[imap]\nmax-unread = 5\ncert-days = 30")
    assert started.options.expected == Expectations(subject="x", max_age_s=3600.0, max_unread=5, cert_days=(30, 0))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--jobs 3", "--jobs without --accounts: there is one account alone"),
        ("--jobs 0", "invalid value for '--jobs'"),
        ("--jobs 501", "invalid value for '--jobs'"),
        ("--max-unread -1", "invalid value for '--max-unread'"),
        ("--max-age 0", "invalid value for '--max-age'"),
        ("--expect-subject ''", "invalid value for '--expect-subject'"),
        ("--expect-subject '*'", "not a regular expression: nothing to repeat at position 0"),
        ("--cert-days 7,30", "--cert-days 7,30; the first number is the greater one"),
        ("--cert-days x", "invalid value for '--cert-days'"),
        ("--cert-days 30 --security plain", "--cert-days without TLS"),
        ("--accounts -", "invalid value for '--accounts'"),
        ("--accounts ''", "invalid value for '--accounts'"),
    ],
)
def test_what_makes_no_sense_is_refused(shell: Shell, typed: str, said: str) -> None:
    assert shell.refused(f"imap check --user me {typed}").startswith(said)
