"""The options that ask about the path to a server: what it changes, and how long it keeps a silent connection."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tw.cli.command import typed
from tw.cli.params import DURATION_TYPE

if TYPE_CHECKING:
    from tw.survey_options import SurveyOptions

PATH_OPTIONS: list[Callable[..., Any]] = [
    click.option(
        "--diff",
        is_flag=True,
        help="Tell what changed between here and the server, which must run with --describe.",
    ),
    click.option(
        "--find-idle-timeout",
        is_flag=True,
        help="Find out how long a connection that is silent is kept. A server's TCP keepalive keeps a NAT awake: "
        "start tw's own with --tcp-keepalive 0.",
    ),
    click.option(
        "--max-idle",
        "max_idle_s",
        type=DURATION_TYPE,
        default="5m",
        show_default=True,
        help="With --find-idle-timeout: the longest silence to try.",
    ),
    click.option(
        "--idle-precision",
        "idle_precision_s",
        type=DURATION_TYPE,
        default="1s",
        show_default=True,
        help="With --find-idle-timeout: how close to come to it.",
    ),
]

_BESIDE = {"count": "--count", "interval_s": "--interval", "expect_status": "--expect-status"}
"""Options of ping mode that would do nothing, by name."""


def survey_from(ctx: click.Context, options: dict[str, Any]) -> "SurveyOptions | None":
    """Take these options out of `options`; None where nothing is asked about the path. Raises UsageError."""
    from tw.survey_options import SurveyOptions

    diff, idle = options.pop("diff"), options.pop("find_idle_timeout")
    max_idle_s, precision_s = options.pop("max_idle_s"), options.pop("idle_precision_s")
    if diff and idle:
        raise click.UsageError("--diff beside --find-idle-timeout; ask one after the other", ctx)
    if not idle:
        for dest, name in (("max_idle_s", "--max-idle"), ("idle_precision_s", "--idle-precision")):
            if typed(ctx, dest):
                raise click.UsageError(f"{name} without --find-idle-timeout; add it", ctx)
    if not diff and not idle:
        return None
    survey = SurveyOptions(kind="diff" if diff else "idle", max_idle_s=max_idle_s, precision_s=precision_s)
    for dest, name in _BESIDE.items():
        if dest in options and typed(ctx, dest):
            raise click.UsageError(f"{name} beside {survey.flag}: it is for samples; leave it out", ctx)
    return survey
