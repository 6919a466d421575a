"""A gate before `accept`: what may not come in yet stays in the kernel's queue, and costs nothing there.

Twisted's port accepts up to a hundred connections and more in one go, with no way to stop it in between, and where
descriptors run out it accepts and closes what waits (`tcp._accept`), or, where it has no descriptor in reserve, is told
again at once that somebody waits, for ever. Here each `accept` is asked for, and the ports are not read meanwhile.
"""

import errno
import os
import resource
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import tcp
from twisted.logger import Logger

from tw.net import door

EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""What `accept` fails with while the process or the system has no room for another connection (accept(2))."""

RETRY_S = 1.0
"""Descriptors may come free elsewhere than by the end of a connection of ours, which nobody would tell."""

QUIET_S = 10.0
"""What ends an episode, of which one log line tells: a busy server may run out, and recover, many times a second."""

SPARE_DESCRIPTORS = 8
"""What connections may not take: a state is still to be written, and a certificate read, when they have the others."""

UNTIL_TOLD = float("inf")


class Gate:
    """Holds all ports of one server back together.

    `ask` gives the seconds until the next connection may be accepted: 0 for now, `UNTIL_TOLD` where only `reopen` ends
    it. `took` is called for each that was accepted.
    """

    _log = Logger()

    def __init__(self, reactor: Any, ask: Callable[[], float], took: Callable[[], None]) -> None:
        self._reactor = reactor
        self._ask = ask
        self._took = took
        self._ports: list[Any] = []
        self._later: Any = None
        self._exhausted = False
        self._ran_out_at_s = -UNTIL_TOLD
        self._ceiling = UNTIL_TOLD
        self.shut = False
        self.pauses = 0
        """How often accepting has stopped."""

    def guard(self, port: Any) -> None:
        """Have a listening port ask here; one that is none of Twisted's own (a plugin's) is left as it is."""
        if isinstance(port, tcp.Port) and isinstance(getattr(port, "socket", None), socket.socket):
            limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            self._ceiling = UNTIL_TOLD if limit == resource.RLIM_INFINITY else limit - SPARE_DESCRIPTORS
            if door.is_usable(port):
                reading: Any = port  # whose method is replaced
                reading.doRead = door.Door(port, self).read
            else:
                port.socket = _AskingSocket(port.socket, self)
            self._ports.append(port)

    def accept(self, listening: Any) -> Any:
        """`socket.accept`, or BlockingIOError as if nobody waited, and the ports are not read for a while."""
        wait_s = self._ask()
        if wait_s > 0:
            self._close(wait_s)
            raise BlockingIOError(errno.EAGAIN, "held back")
        try:
            if self._exhausted:
                self._look_for_room(listening)
            accepted = listening.accept()
        except BlockingIOError:
            self._exhausted = False  # nobody waits any more
            raise
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            self._run_out(error.errno)
            raise BlockingIOError(errno.EAGAIN, "held back") from error
        self._took()
        if accepted[0].fileno() >= self._ceiling:  # the kernel gives the lowest number that is free
            self._run_out(errno.EMFILE)
        return accepted

    def _look_for_room(self, listening: Any) -> None:
        """Raises OSError where an accepted connection would take one of the spare descriptors."""
        number = os.dup(listening.fileno())
        os.close(number)
        if number >= self._ceiling:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def reopen(self) -> None:
        """Accept again, and ask again: a connection has ended, or the time is over."""
        if not self.shut:
            return
        self._forget_later()
        self.shut = False
        for port in self._ports:
            if port.connected and not port.disconnecting:
                port.startReading()

    def dismantle(self) -> None:
        """The ports are closed: nothing is left to open."""
        self._forget_later()
        self._ports.clear()
        self.shut = False

    def _close(self, wait_s: float) -> None:
        if not self.shut:
            self.shut = True
            self.pauses += 1
        for port in self._ports:  # also where it is shut: a port may have been bound since
            port.stopReading()
        self._forget_later()
        if wait_s != UNTIL_TOLD:
            self._later = self._reactor.callLater(wait_s, self._over)

    def _over(self) -> None:
        self._later = None
        self.reopen()

    def _forget_later(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _run_out(self, number: int) -> None:
        self._close(RETRY_S)
        self._exhausted = True
        last_s, self._ran_out_at_s = self._ran_out_at_s, self._reactor.seconds()
        if self._ran_out_at_s - last_s >= QUIET_S:
            hint = "; raise the limit (ulimit -n)" if number == errno.EMFILE else ""
            what = os.strerror(number).lower()
            self._log.warn("{what}: further connections wait until one ends{hint}", what=what, hint=hint)


class _AskingSocket:
    """A listening socket whose `accept` asks a gate. Everything else is the socket's own."""

    def __init__(self, listening: Any, gate: Gate) -> None:
        self._listening = listening
        self._gate = gate

    def accept(self) -> Any:
        return self._gate.accept(self._listening)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listening, name)
