"""The option of a server that tells its clients what it sees of them."""

from collections.abc import Callable
from typing import Any

import click


def describe_option(form: str) -> Callable[[Any], Any]:
    """`form` says where a client finds it."""
    return click.option(
        "--describe",
        is_flag=True,
        help=f"Tell each client what was seen of its own connection (addresses, PROXY header, TLS), and of nobody "
        f"else's: {form}.",
    )
