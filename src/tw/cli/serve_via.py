"""The options of servers that are one: over which Redis or Valkey, and how it is trusted."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tw.cli.command import typed
from tw.cli.texts import FILE, FILE_OR_STDIN, TEXT

if TYPE_CHECKING:
    from tw.core.via import Shared
    from tw.via_options import ViaOptions


def via_options(shared: "Shared", text: str) -> Callable[[Any], Any]:
    """`--via` and what goes with it; `shared` as in the URL's query, `text` says what the servers share."""
    options = [
        click.option("--via", type=TEXT, metavar="URL", help=f"{text}: redis://HOST:PORT/DB?{shared}=NAME."),
        click.option(
            "--via-ca-file", type=FILE, metavar="PEM", help="Verify a rediss:// server with these authorities."
        ),
        click.option(
            "--via-password-file",
            type=FILE_OR_STDIN,
            metavar="FILE",
            help="The password for --via; TW_VIA_PASSWORD may hold it instead.",
        ),
    ]

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def settle_via(ctx: click.Context, options: dict[str, Any], shared: "Shared") -> dict[str, Any]:
    """The three options as one object under `via`, None without a URL. Raises UsageError.

    A standing setting (environment, file) is for whenever there is a URL.
    """
    url = options.pop("via")
    ca_file, password_file = options.pop("via_ca_file"), options.pop("via_password_file")
    options["via"] = None if url is None else _checked(url, shared, ca_file, password_file)
    for name in ("via_ca_file", "via_password_file"):
        if url is None and typed(ctx, name):
            raise click.UsageError(f"--{name.replace('_', '-')} without --via: add --via redis://HOST", ctx)
    return options


def _checked(url: str, shared: "Shared", ca_file: str | None, password_file: str | None) -> "ViaOptions":
    from tw.core.via import parse_via
    from tw.via_options import ViaOptions

    parse_via(url, shared)
    return ViaOptions(url=url, ca_file=ca_file, password_file=password_file)
