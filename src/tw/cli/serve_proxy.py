"""What the servers are told of the PROXY protocol."""

from collections.abc import Callable
from typing import Any

import click

from tw.cli.serve_limits import NetworkType

PROXY_OPTIONS: list[Callable[..., Any]] = [
    click.option(
        "--proxy-protocol",
        is_flag=True,
        help="Require a PROXY header (v1, v2) in front of each connection, and take its source for the peer.",
    ),
    click.option(
        "--proxy-trust",
        multiple=True,
        type=NetworkType("cidr"),
        help="Peers that may send one; others are refused. Repeatable.  [default: 127.0.0.0/8, ::1, unix sockets]",
    ),
]
