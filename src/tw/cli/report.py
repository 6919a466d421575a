"""`tw report`."""

from typing import Any

import click

from tw.cli.command import command, keep_json, session_of
from tw.cli.texts import FILE, FILE_OR_STDIN

EPILOG = """A FILE holds what a probe printed with --json, or with --json-stream, whose last line it is; - reads stdin.
The first one is what the others are compared with."""


@command(
    "report", "report", help="Show saved reports of a probe side by side, with ratios to the first.", epilog=EPILOG
)
@click.argument("files", type=FILE_OR_STDIN, nargs=-1, required=True, metavar="FILE...")
@click.option("--html", type=FILE, metavar="FILE", help="Write a page as well; it needs nothing but itself.")
@click.option("--json", is_flag=True, is_eager=True, callback=keep_json, help="One object on stdout.")
@click.pass_context
def report(ctx: click.Context, /, **options: Any) -> int:
    from tw.report_options import ReportOptions
    from tw.reports import compare

    return compare(session_of(ctx).options(), ReportOptions(**options))
