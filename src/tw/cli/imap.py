"""`tw imap`: its commands, and the options that they share."""

from collections.abc import Callable
from typing import Any

import click

from tw.cli.command import TYPED, TwCommand, command, given, keep_json, rank, session_of, typed
from tw.cli.options import CLIENT_CERT_OPTIONS, SERVER_NAME_OPTION, VERIFY_OPTIONS, apply, verify_from
from tw.cli.params import DURATION_TYPE, PEER_PORT
from tw.cli.texts import FILE, FILE_OR_STDIN, HOST, TEXT

EPILOG = """The password comes from --password-file, --password-fd, --password-command, the variable TW_IMAP_PASSWORD,
--netrc, --keyring, or a prompt on the terminal, in this order; never from an argument. Mailboxes are opened read-only:
looking changes nothing."""

COUNT = click.IntRange(1, 10_000)
"""As many messages as are held at a time."""

AUTHS = ["auto", "scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login", "xoauth2", "oauthbearer"]

SERVER = [
    click.option("--user", type=TEXT, metavar="NAME", help="Whose mail."),
    click.option("--host", type=HOST, default="localhost", show_default=True, help="IMAP server."),
    click.option("--port", type=PEER_PORT, help="Its port.  [default: 993, or 143 with starttls and plain]"),
    click.option(
        "--endpoint", type=TEXT, metavar="STRPORT", help="Twisted client endpoint string instead of host and port."
    ),
    click.option(
        "--tunnel",
        type=TEXT,
        metavar="CMD",
        help="Talk to this shell command (ssh HOST imapd) instead; as --security plain.",
    ),
    click.option(
        "--security",
        type=click.Choice(["tls", "starttls", "plain"]),
        default="tls",
        show_default=True,
        help="How the connection is protected; never downgraded. plain counts only when typed.",
    ),
    click.option(
        "--auth",
        type=click.Choice(AUTHS),
        default="auto",
        show_default=True,
        help="How to log in: the strongest (auto).",
    ),
]
MAILBOX = click.option(
    "--mailbox", type=TEXT, default="INBOX", show_default=True, metavar="NAME", help="Mailbox to look at."
)
SECRETS = [
    click.option("--password-file", type=FILE_OR_STDIN, metavar="FILE", help="File with the password; - reads stdin."),
    click.option("--password-fd", type=click.IntRange(min=0), metavar="N", help="Open descriptor to read it from."),
    click.option("--password-command", type=TEXT, metavar="CMD", help="Shell command that prints the password."),
    click.option("--netrc", is_flag=True, help="Look the password, and the user, up in ~/.netrc ($NETRC)."),
    click.option("--netrc-file", type=FILE, metavar="FILE", help="The same in another file."),
    click.option("--keyring", is_flag=True, help="Look it up in the keyring (needs the extra 'keyring')."),
    click.option(
        "--token-command", type=TEXT, metavar="CMD", help="Shell command that prints a token (xoauth2, oauthbearer)."
    ),
]
REST = [
    click.option("--send-id", is_flag=True, help="Say a name (ID) before a mailbox is opened; some providers insist."),
    click.option("--trace", is_flag=True, help="Show the conversation on stderr, without passwords."),
    click.option("--timeout", "timeout_s", type=DURATION_TYPE, default="30s", show_default=True, help="For the whole."),
    *VERIFY_OPTIONS,
    SERVER_NAME_OPTION,
    *CLIENT_CERT_OPTIONS,
    click.option("--json", is_flag=True, is_eager=True, callback=keep_json, help="One object on stdout."),
]
COMMON = [*SERVER, *SECRETS, *REST]
RAW = click.option("--raw", is_flag=True, help="The bytes as they came, not decoded and not made safe.")


def imap_options(ctx: click.Context, options: dict[str, Any]) -> Any:
    """Take what is common to all commands out of `options`, as one object."""
    from dataclasses import fields

    from tw.mail_options import ImapOptions

    if options["security"] == "plain" and not typed(ctx, "security"):
        raise click.UsageError("--security plain counts only when typed", ctx)
    if options["tunnel"] is not None:
        if rank(ctx, "tunnel") == TYPED == rank(ctx, "host", "port", "endpoint"):
            raise click.UsageError("--tunnel beside --host, --port or --endpoint", ctx)
        options["endpoint"] = None
    # The higher source wins: what was typed replaces what was set elsewhere.
    place, endpoint = rank(ctx, "host", "port"), rank(ctx, "endpoint")
    if place == endpoint == TYPED:
        raise click.UsageError("--endpoint beside --host or --port", ctx)
    if place > endpoint:
        options["endpoint"] = None
    is_local = options["tunnel"] is not None or (options["endpoint"] or "").startswith("unix:")
    if is_local and not typed(ctx, "security"):
        options["security"] = "plain"  # the command, or the kernel, is what protects the connection
    _keep_the_highest(ctx, options, ("password_file", "password_fd", "password_command"))
    options["user"] = options["user"] or ""
    options["host_given"] = given(ctx, "host") or options["endpoint"] is not None
    options["verify"] = verify_from(ctx, options)
    names = {one.name for one in fields(ImapOptions)}
    return ImapOptions(**{name: options.pop(name) for name in list(options) if name in names})


def _keep_the_highest(ctx: click.Context, options: dict[str, Any], names: tuple[str, ...]) -> None:
    """Of several sources of one thing, only those that were named in the strongest way count."""
    highest = max(rank(ctx, name) for name in names)
    for name in names:
        if rank(ctx, name) < highest:
            options[name] = None


def _mail_command(name: str, help_text: str) -> Callable[[Callable[..., Any]], TwCommand]:
    return command(name, "imap", discreet=True, help=help_text, epilog=EPILOG)


@_mail_command("first-subject", "Print the decoded subject of a mailbox's first message.")
@apply([*COMMON, MAILBOX, RAW])
@click.pass_context
def first_subject(ctx: click.Context, /, **options: Any) -> int:
    from tw.mail_clients import first_subject as run
    from tw.mail_options import FirstSubjectOptions

    chosen = FirstSubjectOptions(imap=imap_options(ctx, options), **options)
    return run(session_of(ctx).options(), chosen)


@_mail_command("subjects", "Print subjects: the last ones, the newest, or those that a search finds.")
@apply([*COMMON, MAILBOX, RAW])
@click.option(
    "--last", type=COUNT, default=10, show_default=True, metavar="N", help="At most so many, the newest ones."
)
@click.option("--newest", is_flag=True, help="The newest alone, in one round trip.")
@click.option("--search", type=TEXT, metavar="CRITERIA", help="Those that match, as IMAP says it: 'UNSEEN FROM bob'.")
@click.pass_context
def subjects(ctx: click.Context, /, **options: Any) -> int:
    from tw.mail_clients import subjects as run
    from tw.mail_options import SubjectsOptions

    return run(session_of(ctx).options(), SubjectsOptions(imap=imap_options(ctx, options), **options))


@_mail_command("mailboxes", "Print the names of the mailboxes.")
@apply(COMMON)
@click.argument("pattern", type=TEXT, default="*")
@click.pass_context
def mailboxes(ctx: click.Context, /, **options: Any) -> int:
    from tw.mail_clients import mailboxes as run
    from tw.mail_options import MailboxesOptions

    return run(session_of(ctx).options(), MailboxesOptions(imap=imap_options(ctx, options), **options))


@_mail_command("status", "Print how many messages mailboxes hold, and how many of them are unseen.")
@apply(COMMON)
@click.argument("mailboxes", type=TEXT, nargs=-1, metavar="[MAILBOX]...")
@click.pass_context
def status(ctx: click.Context, /, mailboxes: tuple[str, ...], **options: Any) -> int:
    from tw.mail_clients import status as run
    from tw.mail_options import StatusOptions

    chosen = StatusOptions(imap=imap_options(ctx, options), mailboxes=mailboxes or ("INBOX",), **options)
    return run(session_of(ctx).options(), chosen)


@_mail_command("watch", "Print the subject of each message as it comes in (IDLE, or else a look now and then).")
@apply([*COMMON, MAILBOX, RAW])
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Leave after N messages.")
@click.option(
    "--poll", "poll_s", type=DURATION_TYPE, default="30s", show_default=True, help="How often to look without IDLE."
)
@click.pass_context
def watch(ctx: click.Context, /, **options: Any) -> int:
    from tw.mail_clients import watch as run
    from tw.mail_options import WatchOptions

    return run(session_of(ctx).options(), WatchOptions(imap=imap_options(ctx, options), **options))
