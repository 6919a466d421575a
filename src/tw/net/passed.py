"""Sockets that a service manager passed (sd_listen_fds(3)): bound before us, and there after us.

Twisted's `systemd:` takes them only with their names, and treats a unix socket as its own: it changes its mode, shuts
it down and removes its file, so that nobody can connect until the unit of the socket is started again.
"""

import os
import socket
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet import tcp, unix
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IStreamServerEndpoint
from zope.interface import implementer

from tw.core.text import safe
from tw.errors import UsageError

FIRST = 3
"""The number of the first passed socket (SD_LISTEN_FDS_START)."""

MAX_SOCKETS = 1024
"""More than anybody passes. The environment may say anything."""

HOW = "start it from a .socket unit, or with systemd-socket-activate"


@dataclass(frozen=True, slots=True)
class Passed:
    """One socket, by its descriptor; `name` is the unit's FileDescriptorName."""

    descriptor: int
    name: str


def taken(environ: MutableMapping[str, str], pid: int) -> tuple[Passed, ...]:
    """The sockets that were passed to process `pid`; none that were meant for another. No child finds them again."""
    meant_for = environ.pop("LISTEN_PID", "")
    count = environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if meant_for != str(pid) or not (count.isascii() and count.isdecimal()):
        return ()
    numbers = range(min(int(count), MAX_SOCKETS))
    return tuple(Passed(FIRST + number, names[number] if number < len(names) else "") for number in numbers)


PASSED = taken(os.environ, os.getpid())
"""Taken when this is imported: Twisted's endpoints, when they are, remove what the environment says of them."""


def passed_endpoint(reactor: Any, description: str, passed: Sequence[Passed] = PASSED) -> IStreamServerEndpoint:
    """The endpoint of `systemd:domain=INET:index=0` or `systemd:domain=UNIX:name=NAME`; the domain may be left out.

    Raises UsageError for another form, and where no such socket was passed.
    """
    where = f"--listen {safe(description)}"
    asked = _asked(description, where)
    found = _found(asked, passed, where)
    try:
        with socket.socket(fileno=os.dup(found.descriptor)) as looked_at:
            family, kind = looked_at.family, looked_at.type
            listens = looked_at.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise UsageError(f"what was passed is no socket: {os.strerror(error.errno or 0)}", where, HOW) from error
    if kind != socket.SOCK_STREAM or not listens:
        raise UsageError("the passed socket does not listen for connections", where, "ListenStream=, and Accept=no")
    domain = family.name.removeprefix("AF_")
    if asked.get("domain", domain) != domain:
        raise UsageError(f"the passed socket's domain is {domain}", where, f"write domain={domain}, or leave it out")
    endpoint: Any = _PassedEndpoint(reactor, found.descriptor, family)
    return cast(IStreamServerEndpoint, endpoint)


def _asked(description: str, where: str) -> dict[str, str]:
    """The arguments by their names, as Twisted's `systemd:` takes them: domain, index, name."""
    example = "its form is systemd:domain=INET:index=0, or name=NAME for the index"
    asked: dict[str, str] = {}
    in_order = ["name", "index", "domain"]
    for argument in description.split(":")[1:]:
        key, equals, value = argument.partition("=")
        if not equals:
            key, value = (in_order.pop() if in_order else ""), argument
        if key not in ("domain", "index", "name") or key in asked:
            raise UsageError("not an endpoint string: an argument is unknown or one too many", where, example)
        asked[key] = value
    if ("index" in asked) == ("name" in asked):
        raise UsageError("not an endpoint string: it needs an index or a name, and not both", where, example)
    index = asked.get("index", "0")
    if not (index.isascii() and index.isdecimal()):
        raise UsageError(f"not an endpoint string: {safe(repr(index))} is not a number", where, example)
    return asked


def _found(asked: dict[str, str], passed: Sequence[Passed], where: str) -> Passed:
    if not passed:
        raise UsageError("no socket was passed", where, HOW)
    if "index" in asked:
        fits = [each for each in passed if each.descriptor == FIRST + int(asked["index"][:9])]
        there = f"there are {len(passed)}, counted from 0"
    else:
        fits = [each for each in passed if each.name == asked["name"]]
        there = "they are called " + safe(", ".join(each.name or "(nothing)" for each in passed))
    if not fits:
        raise UsageError("no such socket was passed", where, there)
    if len(fits) > 1:
        raise UsageError("several sockets of that name were passed", where, "name one by its index")
    return fits[0]


@implementer(IStreamServerEndpoint)
class _PassedEndpoint:
    def __init__(self, reactor: Any, descriptor: int, family: socket.AddressFamily) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._family = family

    def listen(self, protocolFactory: Any) -> Deferred[Any]:
        """Listen on a duplicate, and let the descriptor go: whoever passed it has it still."""
        try:
            os.set_blocking(self._descriptor, False)
            if self._family == socket.AF_UNIX:
                kind: Any = PassedUnixPort
                port = kind._fromListeningDescriptor(self._reactor, self._descriptor, protocolFactory)
                port.startListening()
            else:
                port = self._reactor.adoptStreamPort(self._descriptor, self._family, protocolFactory)
            os.close(self._descriptor)
        except Exception:
            return fail()
        return succeed(port)


class PassedUnixPort(unix.Port):
    """Twisted's port on a unix socket of somebody else's: its file, its mode and its backlog are not ours to touch."""

    _preexistingSocket: Any
    _shouldShutdown = False
    factory: Any
    fileno: Any
    startReading: Any

    def startListening(self) -> None:
        tcp._reservedFD.reserve()
        self.factory.doStart()
        self.socket, self._preexistingSocket = self._preexistingSocket, None
        self.fileno = self.socket.fileno
        self.connected = True
        self.numberAccepts = 100
        self.startReading()

    def connectionLost(self, reason: Any) -> None:
        tcp.Port.connectionLost(self, reason)
