"""The options of a server's limits: how many may come, how fast, how long they may be silent, and who."""

from collections.abc import Callable
from typing import Any

import click

from tw.cli.params import DURATION_OR_ZERO, DURATION_TYPE, ListType

MAX_CONNECTIONS = 1_000_000
MAX_RATE = 1_000_000


class NetworkType(ListType):
    """A network in CIDR form, or an address; stays the text that was typed."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from tw.core.networks import parse_network

        text = super().convert(value, param, ctx)
        try:
            parse_network(text)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)
        return text


LIMITS: list[Callable[..., Any]] = [
    click.option(
        "--max-connections",
        type=click.IntRange(1, MAX_CONNECTIONS),
        default=10_000,
        show_default=True,
        metavar="N",
        help="Connections at a time.",
    ),
    click.option(
        "--on-full",
        type=click.Choice(["refuse", "wait"]),
        default="refuse",
        show_default=True,
        help="What one more gets: closed at once, or left waiting until another has ended.",
    ),
    click.option(
        "--max-per-host",
        type=click.IntRange(1, MAX_CONNECTIONS),
        metavar="N",
        help="Connections at a time of one IPv4 address, or one IPv6 /64.",
    ),
    click.option(
        "--accept-rate",
        type=click.IntRange(1, MAX_RATE),
        metavar="R",
        help="New connections in a second; others wait. One second's worth may come at once.",
    ),
    click.option(
        "--idle-timeout",
        "idle_timeout_s",
        type=DURATION_TYPE,
        help="Close a connection that neither sent nor got anything for so long.",
    ),
    click.option(
        "--tcp-keepalive",
        "tcp_keepalive_s",
        type=DURATION_OR_ZERO,
        default="60s",
        show_default=True,
        help="Have the kernel ask a silent peer whether it is there after so long, which keeps a NAT awake; 0: never.",
    ),
    click.option(
        "--allow",
        multiple=True,
        type=NetworkType("cidr"),
        help="Turn away whoever is in no network of these; repeatable.",
    ),
    click.option(
        "--deny",
        multiple=True,
        type=NetworkType("cidr"),
        help="Turn away who is in this network, before --allow; repeatable.",
    ),
]
