"""`tw imap first-subject`."""

from typing import Any

import click

from tw.cli.command import TYPED, command, given, keep_json, rank, session_of, typed
from tw.cli.options import VERIFY_OPTIONS, apply, verify_from
from tw.cli.params import DURATION_TYPE, PEER_PORT
from tw.cli.texts import FILE_OR_STDIN, HOST, TEXT

EPILOG = """The password comes from --password-file, --password-command, the variable TW_IMAP_PASSWORD, or a prompt on
the terminal, in this order; never from an argument. The mailbox is opened read-only: looking changes nothing."""


@command(
    "first-subject",
    "imap",
    discreet=True,
    help="Print the decoded subject of a mailbox's first message.",
    epilog=EPILOG,
)
@click.option("--user", type=TEXT, metavar="NAME", help="Whose mail.")
@click.option("--host", type=HOST, default="localhost", show_default=True, help="IMAP server.")
@click.option("--port", type=PEER_PORT, help="Its port.  [default: 993, or 143 with starttls and plain]")
@click.option(
    "--endpoint", type=TEXT, metavar="STRPORT", help="Twisted client endpoint string instead of host and port."
)
@click.option(
    "--security",
    type=click.Choice(["tls", "starttls", "plain"]),
    default="tls",
    show_default=True,
    help="How the connection is protected; never downgraded. plain counts only when typed.",
)
@click.option("--mailbox", type=TEXT, default="INBOX", show_default=True, metavar="NAME", help="Mailbox to look at.")
@click.option("--password-file", type=FILE_OR_STDIN, metavar="FILE", help="File with the password; - reads stdin.")
@click.option("--password-command", type=TEXT, metavar="CMD", help="Shell command that prints the password.")
@click.option("--timeout", "timeout_s", type=DURATION_TYPE, default="30s", show_default=True, help="For the whole.")
@apply(VERIFY_OPTIONS)
@click.option("--json", is_flag=True, is_eager=True, callback=keep_json, help="One object on stdout.")
@click.pass_context
def first_subject(ctx: click.Context, /, *, user: str | None, **options: Any) -> int:
    from tw.clients import first_subject as run
    from tw.options import ImapOptions

    if options["security"] == "plain" and not typed(ctx, "security"):
        raise click.UsageError("--security plain counts only when typed", ctx)
    # The higher source wins: what was typed replaces what was set elsewhere.
    place, endpoint = rank(ctx, "host", "port"), rank(ctx, "endpoint")
    if place == endpoint == TYPED:
        raise click.UsageError("--endpoint beside --host or --port", ctx)
    if place > endpoint:
        options["endpoint"] = None
    if rank(ctx, "password_command") > rank(ctx, "password_file"):
        options["password_file"] = None
    chosen = ImapOptions(
        user=user or "",
        host_given=given(ctx, "host") or options["endpoint"] is not None,
        verify=verify_from(ctx, options),
        **options,
    )
    return run(session_of(ctx).options(), chosen)
