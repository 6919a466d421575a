"""Options that several commands share, and how their values become one object."""

from collections.abc import Callable
from typing import Any

import click

from tw.cli.command import typed
from tw.cli.params import TextListType
from tw.cli.texts import FILE, TEXT

TLS_FIELDS = ("ca_file", "pin", "server_name", "client_cert", "client_key", "insecure")

VERIFY_OPTIONS: list[Callable[..., Any]] = [
    click.option("--ca-file", type=FILE, metavar="PEM", help="Trust these authorities instead of the system's."),
    click.option(
        "--pin",
        multiple=True,
        type=TextListType("pin"),
        metavar="sha256//…",
        help="Expect this public key, as curl's --pinnedpubkey; repeatable: any of them will do.",
    ),
    click.option("--insecure", is_flag=True, help="Do not verify the certificate. Counts only when typed."),
]

SERVER_NAME_OPTION: Callable[..., Any] = click.option(
    "--server-name", type=TEXT, metavar="NAME", help="Expect a certificate for this name (and send it as SNI)."
)

CLIENT_CERT_OPTIONS: list[Callable[..., Any]] = [
    click.option("--client-cert", type=FILE, metavar="PEM", help="Show this certificate to the server."),
    click.option("--client-key", type=FILE, metavar="PEM", help="Its private key, if not in the same file."),
]


def apply(options: list[Callable[..., Any]]) -> Callable[[Any], Any]:
    """One decorator of many."""

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def verify_from(ctx: click.Context, options: dict[str, Any]) -> Any:
    """Take the certificate options out of `options`, as one object."""
    from tw.options import TlsClientOptions

    values = {name: options.pop(name) for name in TLS_FIELDS if name in options}
    values["pin"] = ";".join(values["pin"]) or None  # as curl takes several, and a variable or a setting may
    return TlsClientOptions(**values, settled=frozenset(name for name in values if not typed(ctx, name)))
