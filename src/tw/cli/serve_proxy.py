"""What the servers are told of the PROXY protocol."""

from collections.abc import Callable
from typing import Any

import click

from tw.cli.params import ListType


class NetworkType(ListType):
    """`10.0.0.0/8`, `2001:db8::/32` or a single address."""

    def __init__(self) -> None:
        super().__init__("cidr")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from tw.core.trusted import Networks

        text = super().convert(value, param, ctx)
        try:
            Networks.parse([text])
        except ValueError as problem:
            self.fail(f"{text!r} is not a network: {problem}", param, ctx)
        return text


PROXY_OPTIONS: list[Callable[..., Any]] = [
    click.option(
        "--proxy-protocol",
        is_flag=True,
        help="Require a PROXY header (v1, v2) in front of each connection, and take its source for the peer.",
    ),
    click.option(
        "--proxy-trust",
        multiple=True,
        type=NetworkType(),
        help="Peers that may send one; others are refused. Repeatable.  [default: 127.0.0.0/8, ::1, unix sockets]",
    ),
]
