"""How a probe begins its connections."""

import ipaddress
from collections.abc import Callable
from typing import Any

import click


class SourceType(click.ParamType[Any]):
    """`ADDRESS:PORT`, an IPv6 address in brackets; gives both."""

    name = "address:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        form_ok = host == (f"[{bare}]" if ":" in bare else bare) and "%" not in bare
        try:
            address = str(ipaddress.ip_address(bare))
        except ValueError:
            form_ok = False
        if not form_ok or not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535):
            self.fail(f"{value!r} is not ADDRESS:PORT; write 203.0.113.7:5 or [2001:db8::7]:5", param, ctx)
        return address, int(port)


CONNECT_OPTIONS: list[Callable[..., Any]] = [
    click.option(
        "--send-proxy",
        type=click.Choice(["v1", "v2"]),
        help="Begin each connection with a PROXY header, as a proxy does, before TLS.",
    ),
    click.option(
        "--proxy-source",
        type=SourceType(),
        metavar="ADDR:PORT",
        help="Say in the PROXY header that it is from here.  [default: the connection's own address]",
    ),
]
