"""What `tw imap first-subject` starts, and which combinations of its options it refuses."""

import pytest

from command_lines import Shell
from tw.mail_options import ImapOptions
from tw.options import TlsClientOptions

LINE = "imap first-subject --user me"


def test_without_options_it_is_the_inbox_of_localhost_over_tls(shell: Shell) -> None:
    started = shell.start(LINE)
    assert started.by == "first_subject"
    assert started.options.imap == ImapOptions(user="me", host="localhost", host_given=False)


@pytest.mark.parametrize(
    ("typed", "env", "config"),
    [
        ("--host h", None, None),
        ("", {"TW_IMAP_HOST": "h"}, None),
        ("", None, "[imap]\nhost = 'h'"),
        ("--host localhost", None, None),
    ],
)
def test_a_host_that_was_named_anywhere_is_a_given_one(
    shell: Shell, typed: str, env: dict[str, str] | None, config: str | None
) -> None:
    assert shell.start(f"{LINE} {typed}", env, config).options.imap.host_given


def test_an_endpoint_names_a_host_too(shell: Shell) -> None:
    options = shell.start(f"{LINE} --endpoint tls:h:1").options.imap
    assert (options.endpoint, options.host_given) == ("tls:h:1", True)


@pytest.mark.parametrize("typed", ["--host h", "--port 1", "--host h --port 1"])
def test_an_endpoint_beside_a_place_is_refused_when_both_were_typed(shell: Shell, typed: str) -> None:
    assert shell.refused(f"{LINE} --endpoint tls:h:1 {typed}").startswith("--endpoint beside --host or --port; ")


@pytest.mark.parametrize(
    ("env", "config"), [({"TW_IMAP_ENDPOINT": "tls:e:1"}, None), (None, "[imap]\nendpoint = 'tls:e:1'")]
)
def test_a_typed_place_replaces_an_endpoint_from_elsewhere(
    shell: Shell, env: dict[str, str] | None, config: str | None
) -> None:
    assert shell.start(LINE, env, config).options.imap.endpoint == "tls:e:1"
    options = shell.start(f"{LINE} --host h", env, config).options.imap
    assert (options.host, options.endpoint, options.host_given) == ("h", None, True)
    assert shell.start(f"{LINE} --port 1", env, config).options.imap.endpoint is None


def test_a_place_in_the_environment_replaces_an_endpoint_from_the_file(shell: Shell) -> None:
    options = shell.start(LINE, {"TW_IMAP_HOST": "h"}, "[imap]\nendpoint = 'tls:e:1'").options.imap
    assert (options.host, options.endpoint) == ("h", None)


def test_an_endpoint_replaces_a_place_from_elsewhere(shell: Shell) -> None:
    """The higher source wins, and where they are level, the endpoint."""
    place = {"TW_IMAP_HOST": "h", "TW_IMAP_PORT": "1"}
    assert shell.start(f"{LINE} --endpoint tls:e:1", place).options.imap.endpoint == "tls:e:1"
    assert shell.start(LINE, {**place, "TW_IMAP_ENDPOINT": "tls:e:1"}).options.imap.endpoint == "tls:e:1"
    assert shell.start(LINE, None, "[imap]\nhost = 'h'\nendpoint = 'tls:e:1'").options.imap.endpoint == "tls:e:1"


def test_a_password_command_replaces_a_file_from_a_lower_source(shell: Shell) -> None:
    config = "[imap]\npassword-file = 'f'\n"
    assert shell.start(f"{LINE} --password-command c", None, config).options.imap.password_file is None
    assert shell.start(LINE, {"TW_IMAP_PASSWORD_COMMAND": "c"}, config).options.imap.password_file is None
    assert shell.start(LINE, None, config + "password-command = 'c'").options.imap.password_file == "f"
    assert shell.start(f"{LINE} --password-file g", {"TW_IMAP_PASSWORD_COMMAND": "c"}).options.imap.password_file == "g"


@pytest.mark.parametrize("typed", ["hunter2", "--password-command echo hunter2", "-- --password hunter2"])
def test_arguments_that_are_too_many_are_not_repeated(shell: Shell, typed: str) -> None:
    """One of them may be a password, typed where it must not be, or without its quotes."""
    said = shell.refused(f"{LINE} {typed}")
    assert said.startswith("got more arguments than it takes (quote a value that has spaces in it); try 'tw imap ")


@pytest.mark.parametrize(
    ("env", "config"), [({"TW_IMAP_SECURITY": "plain"}, None), (None, "[imap]\nsecurity = 'plain'")]
)
def test_plain_counts_only_when_typed(shell: Shell, env: dict[str, str] | None, config: str | None) -> None:
    assert shell.start(f"{LINE} --security plain", env, config).options.imap.security == "plain"
    assert shell.start(f"{LINE} --security tls", env, config).options.imap.security == "tls"
    assert shell.refused(LINE, env, config).startswith("--security plain counts only when typed; ")


def test_starttls_may_come_from_anywhere(shell: Shell) -> None:
    assert shell.start(LINE, {"TW_IMAP_SECURITY": "starttls"}).options.imap.security == "starttls"


def test_the_other_options_arrive(shell: Shell) -> None:
    typed = "--port 1 --host h --mailbox Mail/Ä --password-file - --password-command c --timeout 1m --json --pin p"
    assert shell.start(f"{LINE} {typed} --insecure").options.imap == ImapOptions(
        user="me",
        host="h",
        port=1,
        mailbox="Mail/Ä",
        password_file="-",
        password_command="c",
        timeout_s=60.0,
        json=True,
        verify=TlsClientOptions(pin="p", insecure=True),
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("imap first-subject", "no user; give --user, or set TW_IMAP_USER"),
        ("imap first-subject --user ''", "invalid value for '--user': an empty text; "),
        (f"{LINE} --security none", "invalid value for '--security': "),
        (f"{LINE} --insecure --ca-file f", "--insecure beside --ca-file; "),
        (f"{LINE} --password hunter2", "no such option '--password'. "),
        (f"{LINE} --port 0", "invalid value for '--port': 0 is not in the range 1<=x<=65535"),
        (f"{LINE} --timeout 0", "invalid value for '--timeout': "),
    ],
)
def test_what_mail_cannot_take_is_refused(shell: Shell, line: str, problem: str) -> None:
    assert shell.refused(line).startswith(problem)


def test_a_password_has_no_key_in_the_settings_file(shell: Shell) -> None:
    assert shell.refused(LINE, config="[imap]\npassword = 'x'").startswith("unknown key 'imap.password'")


# The other commands


def test_subjects_are_the_last_ones_the_newest_or_those_found(shell: Shell) -> None:
    line = "imap subjects --user me"
    usual = shell.start(line).options
    assert (usual.last, usual.newest, usual.search, usual.raw) == (10, False, None, False)
    assert shell.start(f"{line} --last 3 --raw").options.last == 3
    assert shell.start(f"{line} --newest").options.newest
    assert shell.start(f"{line} --search UNSEEN --mailbox M").options.search == "UNSEEN"
    assert shell.refused(f"{line} --newest --search UNSEEN").startswith("--newest beside --search; ")
    assert shell.refused(f"{line} --last 0").startswith("invalid value for '--last': ")
    assert shell.run(f"{line} --raw --json") == 2


def test_mailboxes_and_status_take_names(shell: Shell) -> None:
    assert shell.start("imap mailboxes --user me").options.pattern == "*"
    assert shell.start("imap mailboxes --user me Ä%").options.pattern == "Ä%"
    assert shell.start("imap status --user me").options.mailboxes == ("INBOX",)
    assert shell.start("imap status --user me a b").options.mailboxes == ("a", "b")


def test_watch_ends_after_a_count(shell: Shell) -> None:
    usual = shell.start("imap watch --user me").options
    assert (usual.count, usual.poll_s) == (None, 30.0)
    chosen = shell.start("imap watch --user me --count 2 --poll 1m").options
    assert (chosen.count, chosen.poll_s) == (2, 60.0)


def test_one_table_of_the_settings_file_serves_all_commands(shell: Shell) -> None:
    config = "[imap]\nuser = 'me'\nhost = 'h'\nlast = 3\npoll = '5s'\nsend-id = true"
    assert shell.start("imap subjects", None, config).options.last == 3
    assert shell.start("imap watch", None, config).options.poll_s == 5.0
    assert shell.start("imap first-subject", None, config).options.imap.send_id


@pytest.mark.parametrize("place", ["--tunnel cmd", "--endpoint unix:/s"])
def test_what_is_local_needs_no_tls(shell: Shell, place: str) -> None:
    assert shell.start(f"{LINE} {place}").options.imap.security == "plain"
    assert shell.start(f"{LINE} {place} --security tls --server-name n").options.imap.security == "tls"


def test_a_tunnel_stands_alone(shell: Shell) -> None:
    assert shell.start("imap first-subject --tunnel cmd").options.imap.user == ""
    for place in ("--host h", "--port 1", "--endpoint tls:h:1"):
        said = shell.refused(f"{LINE} --tunnel cmd {place}")
        assert said.startswith("--tunnel beside --host, --port or --endpoint; ")


def test_a_token_goes_with_the_mechanisms_that_take_one(shell: Shell) -> None:
    assert shell.start(f"{LINE} --token-command c --auth xoauth2").options.imap.auth == "xoauth2"
    assert shell.refused(f"{LINE} --auth oauthbearer").startswith("--auth oauthbearer without a token; ")
    assert shell.refused(f"{LINE} --auth plain --token-command c").startswith("--token-command beside --auth plain; ")


def test_of_several_sources_of_a_password_the_one_named_in_the_strongest_way_counts(shell: Shell) -> None:
    options = shell.start(f"{LINE} --password-fd 3", {"TW_IMAP_PASSWORD_FILE": "f"}).options.imap
    assert (options.password_fd, options.password_file) == (3, None)


def test_netrc_may_know_the_user(shell: Shell) -> None:
    assert shell.start("imap first-subject --netrc").options.imap.netrc
    assert shell.start("imap first-subject --netrc-file n").options.imap.netrc_file == "n"
