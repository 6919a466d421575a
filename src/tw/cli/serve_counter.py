"""The counter's own options."""

from collections.abc import Callable
from typing import Any

import click

from tw.cli.params import DURATION_TYPE, SizeType
from tw.cli.texts import FILE

MAX_NUMBER = 2**63 - 1
MAX_LEASE = 1_000_000_000
LEAST_HEADER = 1024
MAX_HEADER = 1024 * 1024
MAX_BODY = 1024**4


def _timeout(name: str, default: str, text: str) -> Callable[[Any], Any]:
    parameter = f"{name[2:].replace('-', '_')}_s"
    return click.option(name, parameter, type=DURATION_TYPE, default=default, show_default=True, help=text)


def _size(name: str, least: int, most: int, default: str, text: str) -> Callable[[Any], Any]:
    parameter = f"{name[2:].replace('-', '_')}_bytes"
    return click.option(name, parameter, type=SizeType(least, most), default=default, show_default=True, help=text)


_NUMBER = click.IntRange(0, MAX_NUMBER)
_OPTIONS = [
    click.option("--start", type=_NUMBER, help="First number.  [default: 1, or the state file's]"),
    click.option("--state", type=FILE, metavar="FILE", help="Keep the count across restarts in this file."),
    click.option(
        "--lease",
        type=click.IntRange(1, MAX_LEASE),
        metavar="N",
        help="With --via: fetch N numbers at once, ahead of need, rather than one for each request.",
    ),
    _timeout("--header-timeout", "10s", "How long a request's header may take, or a first request: 408."),
    _timeout("--body-timeout", "60s", "How long a request's body may take as a whole: 408."),
    _timeout("--keepalive-timeout", "75s", "How long a connection may stay idle between two requests."),
    _timeout("--send-timeout", "60s", "How long a client may take nothing of its answers."),
    _size("--max-header", LEAST_HEADER, MAX_HEADER, "32k", "Largest request line with its header: 431."),
    _size("--max-body", 0, MAX_BODY, "1M", "Largest body of a request, which is read and forgotten: 413."),
]


def counter_options(function: Any) -> Any:
    """What the counter takes beside what all servers do."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
