"""The options of a load run, for every probe."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tw.cli.command import given, keep_json, typed
from tw.cli.params import DURATION_OR_ZERO, DURATION_TYPE, RateType

if TYPE_CHECKING:
    from tw.load_options import LoadOptions

MAX_CONNECTIONS = 50_000
"""Of one source address: its ports are 28,232 by default on Linux, 64,511 at most."""

PACED_CONNECTIONS = 10
"""Of an open loop where nobody said: with a single one a request would wait for the answer to the one before."""

MAX_RATE = 10_000_000
RATE = RateType(0.001, MAX_RATE)

LOAD_OPTIONS: list[Callable[..., Any]] = [
    click.option(
        "--connections",
        type=click.IntRange(1, MAX_CONNECTIONS),
        metavar="N",
        help="Load over so many connections, each sending as soon as its answer is in.  [default: 1; 10 with --rate]",
    ),
    click.option(
        "--rate", "rate_per_s", type=RATE, metavar="R", help="Load at a fixed rate: messages a second, in total."
    ),
    click.option(
        "--duration", "duration_s", type=DURATION_TYPE, help="Of the load.  [default: 10s, if there is no --count]"
    ),
    click.option(
        "--warmup",
        "warmup_s",
        type=DURATION_OR_ZERO,
        default="0",
        show_default=True,
        help="Load for so long before it counts.",
    ),
    click.option(
        "--connect-rate",
        "connect_rate_per_s",
        type=RATE,
        metavar="R",
        help="Open so many connections a second.  [default: all at once]",
    ),
    click.option(
        "--json-stream",
        is_flag=True,
        is_eager=True,
        callback=keep_json,
        help="JSON Lines on stdout: a line each second (each sample, in ping mode), then the report.",
    ),
]


def load_from(ctx: click.Context, options: dict[str, Any]) -> "LoadOptions | None":
    """Take the load's options out of `options`; None where no load was asked for. Raises UsageError."""
    from tw.load_options import DEFAULT_DURATION_S, LoadOptions

    values = {name: options.pop(name) for name in ("connections", "rate_per_s", "duration_s", "connect_rate_per_s")}
    warmup_s = options.pop("warmup_s")
    if all(value is None for value in (values["connections"], values["rate_per_s"], values["duration_s"])):
        idle = [
            name
            for name, dest in (("--warmup", "warmup_s"), ("--connect-rate", "connect_rate_per_s"))
            if typed(ctx, dest)
        ]
        if idle:
            raise click.UsageError(f"{idle[0]} without a load; add --connections, --rate or --duration", ctx)
        return None
    if typed(ctx, "interval_s"):
        raise click.UsageError("--interval beside a load; it is for ping mode, --rate sets the pace of a load", ctx)
    count = options["count"] if given(ctx, "count") else None
    if count is None and values["duration_s"] is None:
        values["duration_s"] = DEFAULT_DURATION_S
    if values["connections"] is None:
        open_loop = PACED_CONNECTIONS if values["rate_per_s"] is not None else 1
        values["connections"] = open_loop if count is None else min(count, open_loop)
    return LoadOptions(**values, count=count, warmup_s=warmup_s)
