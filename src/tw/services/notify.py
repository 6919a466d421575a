"""What a service manager is told (sd_notify(3)): a datagram each, to the socket that it named in the environment."""

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

SHARE = 2
"""The watchdog is told that we live twice in its time, as sd_watchdog_enabled(3) asks for."""


class Notifier:
    """Tells the service manager how the service is; nothing where none asked for it.

    It takes what it needs out of `environ`, so that no child speaks in our name. `pid` is this process's: a watchdog
    that was meant for another is not ours to feed.
    """

    def __init__(self, environ: MutableMapping[str, str], pid: int) -> None:
        self._address = _address(environ.pop("NOTIFY_SOCKET", ""))
        meant_for = environ.pop("WATCHDOG_PID", "")
        usec = environ.pop("WATCHDOG_USEC", "")
        ours = self._address is not None and meant_for in ("", str(pid)) and usec.isdecimal()
        self.watchdog_s = int(usec) / 1e6 if ours and int(usec) > 0 else None
        self._beat: Any = None

    def ready(self, status: str) -> None:
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """To be followed by `ready`. The time parts it from the reload before (systemd.service(5), notify-reload)."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        self._tell("STOPPING=1", "STATUS=draining")

    def beat_on(self, reactor: Any) -> None:
        """Tell the watchdog that we live, until `stop_beating`: from the reactor, since that is what may hang."""
        if self.watchdog_s is None:
            return
        self._tell("WATCHDOG=1")
        self._beat = reactor.callLater(self.watchdog_s / SHARE, self.beat_on, reactor)

    def stop_beating(self) -> None:
        if self._beat is not None and self._beat.active():
            self._beat.cancel()
        self._beat = None

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        # A manager that is gone, or that does not read, must not end or hold up what it manages.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)
            out.sendto("\n".join(lines).encode(), self._address)


def _address(name: str) -> bytes | None:
    """`/run/…` is a path, `@…` an abstract socket, whose name begins with a NUL (unix(7)); anything else is none."""
    if name.startswith("@"):
        return b"\0" + os.fsencode(name[1:])
    return os.fsencode(name) if name.startswith("/") else None
