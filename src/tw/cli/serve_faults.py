"""The options of faults on demand, for echo and counter."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tw.cli.params import DURATION_TYPE, ListType, SizeType

if TYPE_CHECKING:
    from tw.fault_options import FaultOptions

MAX_CLOSE_AFTER = 1024**4
MAX_SEED = 2**63 - 1
HIGHEST_PERCENT = 100.0
PERCENT = re.compile(r"(\d{1,3}(?:\.\d{0,9})?|\.\d{1,9})\s*%?", re.ASCII)
LOWEST_STATUS, HIGHEST_STATUS = 400, 599


class PercentType(click.ParamType[Any]):
    """`5`, `0.1`, `5%`: above 0, and 100 at most."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = PERCENT.fullmatch(str(value).strip())
        percent = float(match[1]) if match is not None else 0.0
        if not 0 < percent <= HIGHEST_PERCENT:
            self.fail(f"{value!r} is no share; write a percentage above 0, 100 at most: 5 or 0.1", param, ctx)
        return percent


class DelayType(click.ParamType[Any]):
    """`D` or `D:PERCENT`; gives (seconds, percent)."""

    name = "D[:PERCENT]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        duration, colon, percent = str(value).partition(":")
        seconds = DURATION_TYPE.convert(duration, param, ctx)
        return seconds, PercentType().convert(percent, param, ctx) if colon else HIGHEST_PERCENT


class StatusType(ListType):
    """`CODE:PERCENT`; gives (code, percent)."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        code, colon, percent = str(value).strip().partition(":")
        known = code.isascii() and code.isdigit() and LOWEST_STATUS <= int(code[:4]) <= HIGHEST_STATUS
        if not colon or not known:
            self.fail(f"{value!r} is not CODE:PERCENT; write 503:5, with a code from 400 to 599", param, ctx)
        return int(code), PercentType().convert(percent, param, ctx)


_OPTIONS: list[Callable[..., Any]] = [
    click.option("--delay", type=DelayType(), help="Fault: answer so much later, that share of messages or all."),
    click.option("--jitter", "jitter_s", type=DURATION_TYPE, help="Fault: and up to so much more, at random."),
    click.option(
        "--close-after",
        "close_after_bytes",
        type=SizeType(1, MAX_CLOSE_AFTER),
        help="Fault: close a connection once so many bytes were sent to it. Not over UDP.",
    ),
    click.option(
        "--reset", "reset_percent", type=PercentType(), help="Fault: reset instead of an answer. Not over UDP."
    ),
    click.option("--corrupt", "corrupt_percent", type=PercentType(), help="Fault: one byte of an answer is wrong."),
    click.option("--truncate", "truncate_percent", type=PercentType(), help="Fault: an answer lacks its end."),
    click.option(
        "--seed",
        type=click.IntRange(0, MAX_SEED),
        metavar="N",
        help="Make the same faults as the run that told this seed.",
    ),
]


def fault_options(function: Any) -> Any:
    """What echo and counter share."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


status_option = click.option(
    "--status",
    "statuses",
    multiple=True,
    type=StatusType("code:percent"),
    help="Fault: this error instead of an answer; repeatable.",
)


def faults_from(options: dict[str, Any]) -> "FaultOptions | None":
    """Take the faults out of `options`; None where none were asked for. Raises UsageError."""
    from tw.fault_options import FaultOptions

    names = ("jitter_s", "close_after_bytes", "reset_percent", "corrupt_percent", "truncate_percent", "seed")
    asked = {name: options.pop(name) for name in names}
    asked["delay_s"], delay_percent = options.pop("delay") or (None, None)
    asked["delay_percent"] = delay_percent
    asked["statuses"] = options.pop("statuses", ()) or None
    asked = {name: value for name, value in asked.items() if value is not None}
    return FaultOptions(**asked) if asked else None
