"""How many processes serve."""

import os
from typing import Any

import click

MAX_WORKERS = 256
"""More than that share no port to any avail: each is a whole interpreter."""


class WorkersType(click.ParamType[Any]):
    """A number of processes, or `auto`: one for each CPU that this one may use."""

    name = "workers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "auto":
            return min(_cpus(), MAX_WORKERS)
        text = str(value).strip()
        if not (text.isascii() and text.isdecimal()) or isinstance(value, bool):
            self.fail(f"{value!r} is not a number of processes; write 2, or auto for one a CPU", param, ctx)
        if not 1 <= int(text[:9]) <= MAX_WORKERS:
            self.fail(f"{value!r} is out of range; use 1 to {MAX_WORKERS}, or auto", param, ctx)
        return int(text)


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


workers_option = click.option(
    "--workers",
    type=WorkersType(),
    default="1",
    show_default=True,
    metavar="N|auto",
    help="Processes that serve the port together (pubsub: with --via); auto: one for each CPU.",
)
