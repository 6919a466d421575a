"""`tw imap check`: one account, or every account of a file."""

from typing import Any

import click

from tw.cli.command import command, keep_nagios, rank, session_of, typed
from tw.cli.imap import COMMON, EPILOG, MAILBOX, imap_options
from tw.cli.options import apply
from tw.cli.params import DURATION_TYPE, DaysType
from tw.cli.texts import FILE, TEXT

MAX_JOBS = 500
"""Connections at a time: below the 1,024 descriptors that a process usually has."""

EXPECTATIONS = [
    click.option(
        "--expect-subject", "subject", type=TEXT, metavar="RE", help="One of the last 100 subjects matches this."
    ),
    click.option(
        "--max-age",
        "max_age_s",
        type=DURATION_TYPE,
        help="The newest message (the newest that matches) arrived within this time.",
    ),
    click.option("--max-unread", type=click.IntRange(min=0), metavar="N", help="At most so many are unread."),
    click.option(
        "--cert-days",
        type=DaysType(),
        metavar="W[,C]",
        help="The certificate is good for W days, else a warning; for C, else it is critical.",
    ),
]
RUN = [
    click.option(
        "--nagios",
        is_flag=True,
        is_eager=True,
        callback=keep_nagios,
        help="A plugin for Nagios and its kin: one line, exit 0, 1, 2 or 3.",
    ),
    click.option(
        "--accounts", "accounts_file", type=FILE, metavar="FILE", help="Check every [[account]] of this TOML file."
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1, MAX_JOBS),
        default=20,
        show_default=True,
        metavar="N",
        help="At most so many accounts at a time.",
    ),
]


@command(
    "check",
    "imap",
    discreet=True,
    help="Check that mail can be read, and is as expected. Exit 0: it is; 1: it is not; else: no way to tell.",
    epilog=EPILOG,
)
@apply([*COMMON, MAILBOX, *EXPECTATIONS, *RUN])
@click.pass_context
def check(ctx: click.Context, /, *, accounts_file: str | None, jobs: int, nagios: bool, **options: Any) -> int:
    from tw.mail_check_options import CheckAllOptions

    common = session_of(ctx).options()
    # Who names an account nearer by than the file means that one alone.
    if accounts_file is not None and rank(ctx, "user") <= rank(ctx, "accounts_file"):
        from tw.cli.imap_accounts import read_accounts
        from tw.mail_check_all import check_all

        as_json = options["json"]

        def build(account: click.Context, values: dict[str, Any]) -> Any:
            return check_options(account, {**values, "json": False}, is_one_of_many=True)

        accounts = read_accounts(ctx, accounts_file, options, build)
        return check_all(common, CheckAllOptions(accounts=accounts, jobs=jobs, json=as_json, nagios=nagios))
    from tw.mail_check import check as run

    if typed(ctx, "jobs"):
        raise click.UsageError("--jobs without --accounts: there is one account alone", ctx)
    return run(common, check_options(ctx, options, nagios=nagios))


def check_options(ctx: click.Context, options: dict[str, Any], **more: Any) -> Any:
    """What is checked of one account, out of the values of its options."""
    from tw.mail_check_options import CheckOptions, Expectations

    names = ("subject", "max_age_s", "max_unread", "cert_days")
    expected = Expectations(**{name: options.pop(name) for name in names})
    return CheckOptions(imap=imap_options(ctx, options), expected=expected, **more)
