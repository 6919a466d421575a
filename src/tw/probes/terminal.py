"""Talk mode (`-i`): lines from the keyboard or stdin out, the server's to stdout.

stdin is read by a thread with plain blocking reads. Twisted's StandardIO would set O_NONBLOCK on the terminal that the
parent shell shares, and epoll takes no regular file; a thread needs neither, and a read that never returns ends with
the process.
"""

import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet import error
from twisted.python.failure import Failure

from tw.errors import ExitCode, TwError
from tw.probes.connecting import Connector
from tw.probes.parting import part
from tw.probes.timing import Bell
from tw.progress import Display
from tw.protocols.client import ClientConnection

READ_BYTES = 65_536
"""One read of stdin, and all that is held of it: the next one waits until this one has been taken."""


class StdinReader:
    """Reads stdin in a thread of its own: `received` gets the bytes, `ended` is called at its end, both in the reactor.

    Between two reads it waits while it is paused. It is a producer for the connection that its bytes go to; `hold` is
    its owner's own reason to pause.
    """

    def __init__(self, reactor: Any, received: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        self._reactor = reactor
        self._received = received
        self._ended = ended
        self._taken = threading.Event()
        self._delivered = False
        self._paused = self._held = False
        self._stopped = False

    def start(self) -> None:
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    def _read(self) -> None:
        try:
            descriptor = sys.stdin.fileno()
        except (AttributeError, OSError, ValueError):
            self._reactor.callFromThread(self._end)  # started with stdin closed
            return
        while not self._stopped:
            try:
                data = os.read(descriptor, READ_BYTES)
            except BlockingIOError:
                # Whoever shares it has set O_NONBLOCK: there is nothing now, which is not the end.
                select.select([descriptor], [], [])
                continue
            except OSError:
                data = b""  # a terminal that went away
            if not data:
                self._reactor.callFromThread(self._end)
                return
            self._taken.clear()
            self._reactor.callFromThread(self._deliver, data)
            self._taken.wait()

    def _deliver(self, data: bytes) -> None:
        if not self._stopped:
            self._received(data)
        self._delivered = True
        self._go_on()

    def _go_on(self) -> None:
        """Let the thread read again, once what it read last has been taken and nothing is in the way."""
        if self._delivered and not self.paused:
            self._delivered = False
            self._taken.set()

    def _end(self) -> None:
        if not self._stopped:
            self._ended()

    @property
    def paused(self) -> bool:
        """Whether nothing more is read for now: the connection's buffer is full, or the owner holds it."""
        return self._paused or self._held

    def hold(self, held: bool) -> None:
        self._held = held
        self._go_on()

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._go_on()

    def stopProducing(self) -> None:
        self._stopped = True
        self._taken.set()


class Talk:
    """One conversation. At stdin's end: half-close, then read until the server closes or is silent for `idle_s`."""

    def __init__(self, reactor: Any, connector: Connector, idle_s: float, display: Display) -> None:
        self._reactor = reactor
        self._connector = connector
        self._idle_s = idle_s
        self._display = display
        self._bell = Bell(reactor)
        self._heard = 0
        self._input_over = False
        self._lost: Failure | None = None
        self._connection: ClientConnection | None = None
        self._stdin = StdinReader(reactor, self._typed, self._input_ended)

    async def run(self) -> None:
        connector = self._connector
        connection = await connector.open(received=self._received, gone=self._gone)
        self._connection = connection
        connection.stream.produce_with(self._stdin)
        self._stdin.start()
        try:
            while self._lost is None and not self._input_over:
                await self._bell.heard()
            await self._read_on()
            if self._lost is not None and not self._lost.check(error.ConnectionDone):
                raise connector.lost(self._lost, answered=self._heard > 0)
            await part(self._reactor, connection)
        finally:
            self._stdin.stopProducing()
            connection.stream.close()

    async def _read_on(self) -> None:
        heard = -1
        while self._lost is None and heard != self._heard:
            heard = self._heard
            await self._bell.heard(self._idle_s)

    def _typed(self, data: bytes) -> None:
        assert self._connection is not None
        self._connection.stream.write(data)

    def _input_ended(self) -> None:
        assert self._connection is not None
        self._input_over = True
        self._connection.stream.half_close()
        self._bell.ring()

    def _received(self, data: bytes) -> None:
        self._heard += 1
        self._display.talk(data)
        if self._input_over:
            self._bell.ring()

    def _gone(self, reason: Failure) -> None:
        self._lost = reason
        self._bell.ring()

    def conclude(self, failed: TwError | None) -> ExitCode:
        """What was said is out already, but for what an unfinished character held back."""
        self._display.talk_over()
        return ExitCode.OK
