"""The options that judge a probe's run, for every probe."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tw.cli.command import typed
from tw.cli.params import ListType
from tw.cli.texts import FILE, TEXT

if TYPE_CHECKING:
    from tw.judge_options import JudgeOptions


class ExprType(ListType):
    """An assertion's text, not empty. What it means depends on the run: `core.assertions` reads it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return TEXT.convert(value, param, ctx)


JUDGE_OPTIONS: list[Callable[..., Any]] = [
    click.option(
        "--assert",
        "asserted",
        multiple=True,
        type=ExprType("expr"),
        help="Exit 1 unless this holds: 'p99<50ms', 'loss=0', 'errors<=0.1%', 'rate>=1000'; repeatable.",
    ),
    click.option("--junit", type=FILE, metavar="FILE", help="Write verdict and assertions as JUnit XML."),
    click.option("--hgrm", type=FILE, metavar="FILE", help="Write the round trips for HdrHistogram's plotters."),
]


def judge_from(ctx: click.Context, options: dict[str, Any], *, without_report: str = "") -> "JudgeOptions":
    """Take these options out of `options`. `without_report` names a mode that has no report, and nothing to judge:
    they are usage errors there where they were typed, and of no effect where they were set for other runs."""
    from tw.judge_options import JudgeOptions

    values = {name: options.pop(name) for name in ("asserted", "junit", "hgrm")}
    if not without_report:
        return JudgeOptions(**values)
    for name, flag in (("asserted", "--assert"), ("junit", "--junit"), ("hgrm", "--hgrm")):
        if typed(ctx, name):
            raise click.UsageError(f"{flag} beside {without_report}, which measures nothing", ctx)
    return JudgeOptions()
