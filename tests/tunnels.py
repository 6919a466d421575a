"""Tunnels for a test: on a real reactor that is turned by hand, with a clock that only the test moves."""

import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from tw.net.reactor import LeanReactor
from tw.net.tunnel import Tunnel, connect_tunnel
from tw.protocols.client import ClientConnection

PATIENCE_S = 20.0
"""How long a test waits for something to happen outside of it."""

STUBBORN = "trap '' TERM; echo up; while :; do sleep 1000; done"
"""It heeds neither the end of its stdin nor SIGTERM."""


class HandTurned(LeanReactor):
    """A reactor that nobody has installed. Its descriptors are real, and its time stands still."""

    now = 0.0

    def seconds(self) -> float:
        return self.now

    def until(self, holds: Callable[[], object]) -> None:
        """Wait for events, and do what comes of them, until `holds`. No time passes."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            self.doPoll(0 if self.timeout() == 0 else PATIENCE_S)
            self.runUntilCurrent()
            assert time.monotonic() < deadline, "nothing happens any more"

    def turns(self, count: int = 20) -> None:
        """Do what is to be done now, and what comes of it at once."""
        for _ in range(count):
            self.doPoll(0)
            self.runUntilCurrent()

    def pass_s(self, seconds: float) -> None:
        self.now += seconds
        self.turns()

    def close(self) -> None:
        for selectable in self.removeAll():
            selectable.connectionLost(Failure(ConnectionLost()))
        waker: Any = self.waker
        waker.connectionLost(Failure(ConnectionLost()))
        self._poller.close()


class End(ClientConnection):
    """The near end of a tunnel, as the clients' protocols are, and what became of it."""

    def __init__(self) -> None:
        super().__init__(received=self._note, gone=self._end)
        self.got = bytearray()
        self.ends: list[BaseException] = []
        self.hears: Callable[[bytes], object] = lambda data: None

    @property
    def tunnel(self) -> Tunnel:
        assert isinstance(self.transport, Tunnel)
        return self.transport

    def _note(self, data: bytes) -> None:
        assert not self.ends, "it is over"
        self.got += data
        self.hears(data)

    def _end(self, reason: Failure) -> None:
        assert reason.value is not None
        self.ends.append(reason.value)


class Fifo:
    """A place where processes tell something, or tell that they live by holding it open; or are told something."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._telling: int | None = None

    def said(self) -> bytes:
        """What was written by now or, where nothing was, soon; b"" where whoever held it open is gone."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        assert poll.poll(PATIENCE_S * 1000), "nothing is said, and nobody has left"
        return os.read(self._fd, 4096)

    def tell(self, said: bytes) -> None:
        # It stays open: one who opens it for reading waits for somebody who writes, whatever was written.
        self._telling = os.open(self.path, os.O_WRONLY)
        os.write(self._telling, said)

    def close(self) -> None:
        os.close(self._fd)
        if self._telling is not None:
            os.close(self._telling)


class Tunnels:
    """Opens tunnels, and at the end sees to it that nothing of them is left."""

    def __init__(self, reactor: HandTurned, folder: Path) -> None:
        self.reactor = reactor
        self._folder = folder
        self._fifos: list[Fifo] = []
        self.ends: list[End] = []

    def open(self, command: str, hears: Callable[[bytes], object] = lambda data: None) -> End:
        end = End()
        end.hears = hears
        connect_tunnel(self.reactor, command, end)
        self.ends.append(end)
        return end

    def opened(self, command: str) -> End:
        """A tunnel whose command has said its first word."""
        end = self.open(command)
        self.reactor.until(lambda: end.got)
        return end

    def run(self, command: str) -> End:
        """A tunnel from its start to its end."""
        end = self.open(command)
        self.reactor.until(lambda: end.ends)
        return end

    def fifo(self) -> "Fifo":
        made = Fifo(self._folder / f"fifo-{len(self._fifos)}")
        self._fifos.append(made)
        return made

    def all_over(self) -> bool:
        """Whether every command was waited for, and is watched no longer."""
        return all(end.tunnel._process.returncode is not None for end in self.ends)

    def close(self) -> None:
        for end in self.ends:
            end.tunnel.kill()
        self.reactor.until(self.all_over)
        self.reactor.turns()
        assert self.reactor.getDelayedCalls() == []
        assert self.reactor._eventTriggers["shutdown"].before == []
        for fifo in self._fifos:
            fifo.close()
