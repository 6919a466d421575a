"""The source address of a client's connections (`--bind`): which family it asks for, and why it cannot be had."""

import errno
import ipaddress
import os

from twisted.internet.error import CannotListenError, ConnectBindError

from tw.core.text import safe
from tw.errors import ConnectError, TwError, UsageError

HINTS = {
    errno.EADDRNOTAVAIL: "name one of this machine's",
    errno.EADDRINUSE: "its ports may all be taken: ask for fewer connections",
}


def source_family(bind: str | None, family: int | None, host: str = "") -> int | None:
    """4 or 6 where only one will do: asked for (`family`), or the source address's.

    Raises UsageError where it is none, or of another family than the one asked for, or than `host`, where that is an
    address.
    """
    if bind is None:
        return family
    version = _version(bind)
    if version is None:
        raise UsageError("not an IP address", f"--bind {safe(bind)}", "name a local address")
    if family not in (None, version):
        raise UsageError("the source address is of the other family", f"--bind {bind}")
    servers = _version(host)
    if servers not in (None, version):
        hint = f"name an IPv{servers} address, as {host} is one"
        raise UsageError("the source address is of the other family", f"--bind {bind}", hint)
    return version


def source_error(problem: Exception, bind: str | None) -> TwError | None:
    """The typed error where a socket could not be bound to the address that was asked for; None where it is another."""
    number = None
    if isinstance(problem, ConnectBindError):
        number = problem.osError
    elif isinstance(problem, CannotListenError):
        number = getattr(problem.socketError, "errno", None)
    if bind is None or not isinstance(number, int):
        return None
    what = f"cannot use the source address: {os.strerror(number).lower()}"
    return ConnectError(what, f"--bind {bind}", HINTS.get(number, ""))


def _version(host: str) -> int | None:
    """None where it is no address, but a name."""
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return None
