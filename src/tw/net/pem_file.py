"""Reading a PEM file whole, within bounds."""

import os

from tw.errors import LocalError

MAX_PEM_BYTES = 4 * 1024 * 1024
"""A bundle of every public authority is about 220 KiB; more is a file named by mistake."""


def read_pem(path: str, what: str) -> bytes:
    """The file's bytes; `what` is in it, as errors say. Raises LocalError."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_PEM_BYTES + 1)
    except OSError as error:
        raise LocalError(f"cannot read the {what}: {os.strerror(error.errno or 0)}", path) from error
    if len(data) > MAX_PEM_BYTES:
        raise LocalError(f"a {what} of over {MAX_PEM_BYTES} bytes", path, "is it the right file?")
    return data
