"""Endpoints: from what the user typed to something that listens or connects, and from Twisted's errors to ours."""

import os
import re
from contextlib import suppress
from typing import Any

from tw.net.passed import passed_endpoint  # before Twisted's endpoints, which take the passed sockets for themselves

# isort: split
from twisted.internet import error
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import (
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    UNIXServerEndpoint,
    clientFromString,
    serverFromString,
)
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.python.failure import Failure

from tw.core.target import format_peer
from tw.core.text import safe
from tw.errors import ConnectError, LocalError, TwError, UsageError
from tw.net.tls_failures import openssl_reason

LISTEN_BACKLOG = 1024
"""Twisted's default of 50 drops connections when a load generator opens hundreds at once."""

REFUSED_TYPES = {
    "stdio": "a server on stdin and stdout has no peer to name and no port to be ready on",
    "haproxy": "Twisted's wrapper breaks on short first segments and on PROXY UNKNOWN",
}

TLS_TYPES = {"ssl", "tls"}
"""Types whose listener speaks TLS by itself: Twisted's own `ssl:`, and the `tls:` of plugins."""

PARSE_ERRORS = (ValueError, TypeError, IndexError, KeyError, AttributeError, RuntimeError, OSError)
"""What Twisted's endpoint parser is seen to raise for a bad string: it has no error of its own."""


NOT_A_NUMBER = re.compile(r"invalid literal for int\(\) with base \d+: (.*)", re.DOTALL)

PORT_RANGE = "a port is 0 to 65535"


def endpoint_type(description: str) -> str:
    """The type that an endpoint string begins with, in lower case."""
    return description.partition(":")[0].lower()


def is_tls(description: str) -> bool:
    """Whether the listener of an endpoint string speaks TLS by itself."""
    return endpoint_type(description) in TLS_TYPES


def is_passed(description: str) -> bool:
    """Whether an endpoint string names a socket that a service manager has passed."""
    return description.partition(":")[0] == "systemd"


def server_endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    """The endpoint of a Twisted server description string. Raises UsageError for whatever Twisted cannot parse."""
    kind = endpoint_type(description)
    if kind in REFUSED_TYPES:
        raise UsageError(f"{kind}: endpoints are not served", f"--listen {safe(description)}", REFUSED_TYPES[kind])
    if is_passed(description):
        return passed_endpoint(reactor, description)
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    except PARSE_ERRORS as problem:
        raise _bad_string(problem, f"--listen {safe(description)}", "tcp:1234:interface=127.0.0.1") from problem
    except Exception as problem:
        raise _unreadable(problem, f"--listen {safe(description)}") from problem
    if isinstance(endpoint, UNIXServerEndpoint) and getattr(endpoint, "_address", None) == "":
        # Linux would bind it to a random abstract name.
        raise UsageError("a unix endpoint without a path", f"--listen {safe(description)}", "its form is unix:PATH")
    return endpoint


def _bad_string(problem: Exception, where: str, example: str) -> TwError:
    detail = safe(_parse_reason(problem)) or type(problem).__name__
    if isinstance(problem, OSError):
        return LocalError(f"cannot read a file that it names: {detail}", where)
    return UsageError(f"not an endpoint string: {detail}", where, f"its form is TYPE:ARGUMENTS, such as {example}")


def _parse_reason(problem: Exception) -> str:
    """What is wrong with the string, where Twisted's parser leaves that to Python's words for its own mistakes."""
    if isinstance(problem, TypeError):
        return "an argument is missing, unknown or one too many"
    if isinstance(problem, IndexError | KeyError):
        return "an argument is missing, or names what is not there"
    if isinstance(problem, AttributeError | RuntimeError):
        return "an argument cannot be read"
    found = NOT_A_NUMBER.fullmatch(str(problem))
    return f"{found[1]} is not a number" if found else str(problem)


def _unreadable(problem: Exception, where: str) -> TwError:
    # `ssl:` loads its files while it is parsed; pyOpenSSL's errors share no base with the above.
    return LocalError(f"cannot use a file that it names: {openssl_reason(problem)}", where)


def client_from_string(reactor: Any, description: str) -> Any:
    """The client endpoint of a description string of a plugin's. Raises UsageError where Twisted cannot parse it."""
    try:
        return clientFromString(reactor, description)
    except PARSE_ERRORS as problem:
        raise _bad_string(problem, safe(description), "tcp:localhost:1234") from problem
    except Exception as problem:
        raise _unreadable(problem, safe(description)) from problem


def host_endpoint(reactor: Any, host: str, port: int) -> IStreamServerEndpoint:
    """The endpoint for `--host` and `--port`."""
    kind: Any = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
    endpoint: IStreamServerEndpoint = kind(reactor, port, backlog=LISTEN_BACKLOG, interface=host)
    return endpoint


def bind_error(problem: BaseException, where: str) -> TwError:
    """The typed error for a listener that could not be bound."""
    if isinstance(problem, TwError):
        return problem
    taken = "choose another with --port, or 0 for a free one"
    if isinstance(problem, error.CannotListenError):
        if isinstance(problem.port, bytes):
            taken = "stop who uses it, or choose another path"
        if not isinstance(problem.socketError, BaseException):
            # Twisted's words for a unix socket whose lock a living process holds.
            return ConnectError(f"cannot listen: {safe(str(problem.socketError)).lower()}", where, taken)
        problem = problem.socketError
    if isinstance(problem, OverflowError):
        return UsageError("port out of range", where, PORT_RANGE)
    if isinstance(problem, PermissionError):
        return ConnectError("cannot listen: permission denied", where, "use a port above 1023, or another path")
    if isinstance(problem, OSError) and problem.strerror:
        hint = taken if "in use" in problem.strerror else ""
        return ConnectError(f"cannot listen: {problem.strerror.lower()}", where, hint)
    return ConnectError(f"cannot listen: {safe(str(problem)) or type(problem).__name__}", where)


def unlock(path: str | bytes) -> None:
    """Remove the lock that Twisted has left beside a unix socket: a symbolic link to our process id, `PATH.lock`.

    Its port takes the lock before it binds, and forgets it where that fails, or where the socket's file is gone when
    the port is closed. Another process's lock stays.
    """
    lock = os.fsencode(path) + b".lock"
    with suppress(OSError, ValueError):  # an abstract name begins with a NUL, and has no file
        if os.readlink(lock) == str(os.getpid()).encode():
            os.unlink(lock)


CONNECT_ERRORS: tuple[tuple[type[BaseException], str, str], ...] = (
    (error.ConnectionRefusedError, "connection refused", "is the server running there?"),
    (error.DNSLookupError, "no such host", "check the name"),
    (error.UnknownHostError, "no such host", "check the name"),
    (error.NoRouteError, "no route to the host", "check the address and the network"),
    (error.TCPTimedOutError, "connecting timed out", "is a firewall in between?"),
    (error.TimeoutError, "connecting timed out", "is a firewall in between?"),
    (CancelledError, "connecting timed out", "is a firewall in between?"),
)


def connect_error(failure: Failure, where: str) -> TwError:
    """The typed error for a connection that was not made."""
    problem: Any = failure.value
    if isinstance(problem, TwError):
        return problem
    for kind, what, hint in CONNECT_ERRORS:
        if isinstance(problem, kind):
            return ConnectError(what, where, hint)
    reason = _os_reason(problem)
    return ConnectError(f"cannot connect: {reason}", where)


def _os_reason(problem: BaseException) -> str:
    # Twisted's ConnectError keeps the number of the system's error, or nothing.
    number = getattr(problem, "osError", None)
    if isinstance(number, int):
        return os.strerror(number).lower()
    return safe(str(problem)).lower() or type(problem).__name__


def host_of(address: object) -> str | None:
    """The IP address of a peer as text, None for a unix peer."""
    host = getattr(address, "host", None)
    return host if isinstance(host, str) else None


def address_text(address: object, unix_id: int = 0) -> str:
    """How a peer is written everywhere: `127.0.0.1:5`, `[::1]:5`, `unix:3` (by `unix_id`: unix peers have no name)."""
    host = getattr(address, "host", None)
    port = getattr(address, "port", None)
    if isinstance(host, str) and isinstance(port, int):
        return format_peer(host, port)
    return f"unix:{unix_id}"
