"""The options of a delivery matrix, which is what a load on pub/sub is."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tw.cli.command import given, typed
from tw.cli.params import SizeType
from tw.cli.probe_load import LOAD_OPTIONS, MAX_CONNECTIONS

if TYPE_CHECKING:
    from tw.matrix_options import MatrixOptions

MAX_PUBLISHERS = 2048
"""Two parts of a run, the warm-up and the measured one, have tokens of their own for each: three digits' worth."""

MAX_WINDOW = 65_536
MAX_READ_RATE = 1024**3

MATRIX_OPTIONS: list[Callable[..., Any]] = [
    click.option(
        "--connections",
        type=click.IntRange(1, MAX_CONNECTIONS),
        metavar="N",
        help="Load by so many publishers to as many subscribers.",
    ),
    *LOAD_OPTIONS[1:],  # all but the other probes' --connections
    click.option(
        "--publishers",
        type=click.IntRange(1, MAX_PUBLISHERS),
        metavar="P",
        help="Load by so many publishers.  [default: --connections, or 1]",
    ),
    click.option(
        "--subscribers",
        type=click.IntRange(1, MAX_CONNECTIONS),
        metavar="S",
        help="Load to so many subscribers, each of which must get every line.  [default: --connections, or 1]",
    ),
    click.option(
        "--window",
        type=click.IntRange(1, MAX_WINDOW),
        metavar="N",
        help="Without --rate: lines of a publisher that may be under way at once.  [default: 1]",
    ),
    click.option(
        "--read-rate",
        "read_rate_bytes_per_s",
        type=SizeType(1, MAX_READ_RATE),
        help="Make a subscriber slow on purpose: it reads so many bytes a second.",
    ),
    click.option(
        "--slow-subscribers",
        type=click.IntRange(1, MAX_CONNECTIONS),
        metavar="K",
        help="So many of the subscribers are slow, the last ones.  [default: 1, with --read-rate]",
    ),
]

ASKING = ("publishers", "subscribers", "connections", "rate_per_s", "duration_s")
"""Any of them asks for a load."""


def matrix_from(ctx: click.Context, options: dict[str, Any], count: int | None) -> "MatrixOptions | None":
    """Take the matrix's options out of `options`, and leave the load's there; None where no load was asked for.

    Raises UsageError.
    """
    asked = any(options[name] is not None for name in ASKING)
    values = {name: options.pop(name) for name in ("publishers", "subscribers", "window", "read_rate_bytes_per_s")}
    slow = options.pop("slow_subscribers")
    if not asked:
        _refuse_idle(ctx)
        return None
    connections = options["connections"]
    for name in ("publishers", "subscribers"):
        if typed(ctx, "connections") and typed(ctx, name):
            raise click.UsageError(f"--connections beside --{name}; it means so many of both", ctx)
        values[name] = values[name] or connections or 1
    if typed(ctx, "window") and typed(ctx, "rate_per_s"):
        raise click.UsageError("--window beside --rate; a rate sends at fixed times, whatever is under way", ctx)
    publishers = values["publishers"]
    if count is not None and given(ctx, "count") and count < publishers and publishers != connections:
        hint = "give each publisher one line at least"
        raise click.UsageError(f"--count {count} is less than --publishers {publishers}; {hint}", ctx)
    options["connections"] = publishers
    if values["read_rate_bytes_per_s"] is not None:
        slow = slow or 1
    return _made({**values, "window": values["window"] or 1, "slow_subscribers": slow or 0}, options["size_bytes"])


def _made(values: dict[str, Any], size_bytes: int) -> "MatrixOptions":
    from tw.matrix_options import MatrixOptions

    return MatrixOptions(**values, size_bytes=size_bytes)


def _refuse_idle(ctx: click.Context) -> None:
    flags = {
        "window": "--window", "read_rate_bytes_per_s": "--read-rate", "slow_subscribers": "--slow-subscribers",
    }  # fmt: skip
    for name, flag in flags.items():
        if typed(ctx, name):
            raise click.UsageError(f"{flag} without a load; add --publishers P --subscribers S", ctx)
