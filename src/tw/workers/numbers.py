"""The counter's numbers over several processes: the parent owns them, and lends each worker a block at a time.

A worker that dies takes the rest of its block with it: a gap, never a repetition. It asks for the next block when half
of the one before is used, so that requests do not wait. Each worker has its own instance (`X-Instance`), within which
numbers only ever rise: a probe tells them apart.
"""

import json
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from tw.errors import LocalError
from tw.services.state import Numbers

FIRST_LOAN = 256
LARGEST_LOAN = 16_384
"""Each loan is twice the one before, up to this. The round trip to a busy parent was seen to take 20 ms, in which a
worker hands out some hundreds; a crash leaves a gap of one and a half of these at most."""

MAX_ANSWER_BYTES = 4096

PATIENCE_S = 1.0
"""How long requests may wait for a parent that does not answer, all together: after that they get a 503 at once."""


class Denied(LocalError):
    """The parent has none to lend: its state cannot be written, or they are used up."""


class BorrowedNumbers(Numbers):
    """A worker's numbers, from `desk`, a SOCK_SEQPACKET socket on whose other end a `Desk` is.

    `take` waits for the parent where the block is used up before the next one has come, as it does for a disk; it
    raises LocalError where the parent has none to lend, or says nothing.
    """

    def __init__(self, desk: socket.socket, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._desk = desk
        self._clock = clock
        self._loan = FIRST_LOAN
        self._block = self._left = range(0)
        self._is_closed = False
        self._next = self._end = 0
        self._asked_at_s: float | None = None

    def take(self) -> int:
        if self._next >= self._end:
            self._reserve()
        number = self._next
        self._next = number + 1
        return number

    def _reserve(self) -> None:
        """At the middle of the block: ask for the next one. At its end: go on with that."""
        if self._next < self._block.stop:
            self._ask()
            self._end = self._block.stop
            return
        if self._is_closed:
            raise LocalError("the numbers are used up", "--workers")
        was_asked = self._asked_at_s is not None
        self._ask()
        try:
            block = self._answer()
        except Denied:
            if not was_asked:
                raise
            self._ask()  # that was some time ago, and may be over
            block = self._answer()
        self._block = block
        self._next, self._end = block.start, (block.start + block.stop + 1) // 2
        self._loan = min(2 * self._loan, LARGEST_LOAN)

    def _ask(self) -> None:
        if self._asked_at_s is not None:
            return
        try:
            self._desk.send(b"%d" % self._loan)
        except OSError as error:
            raise LocalError("there is nobody to get numbers from", "--workers") from error
        self._asked_at_s = self._clock()

    def _answer(self) -> range:
        """What the parent says to the question that was asked."""
        assert self._asked_at_s is not None
        left_s = max(0.0, self._asked_at_s + PATIENCE_S - self._clock())
        there = select.poll()
        there.register(self._desk, select.POLLIN)
        if not there.poll(left_s * 1000):
            raise LocalError("the numbers are late", "--workers", "is the machine overloaded?")
        self._asked_at_s = None
        said = self._desk.recv(MAX_ANSWER_BYTES)
        if not said:
            raise LocalError("there is nobody to get numbers from", "--workers")
        content = json.loads(said)
        if "error" in content:
            raise Denied(*content["error"])
        start, stop = content["block"]
        return range(start, stop)

    def close(self) -> None:
        """No number is taken any more."""
        self._is_closed = True
        self._left, self._block = range(self._next, self._block.stop), range(0)
        self._next = self._end = 0

    def unused(self) -> list[range]:
        """What was lent and not handed out, after `close`. A block that is on its way is among them."""
        unused = [self._left]
        if self._asked_at_s is not None:
            with suppress(LocalError, OSError):  # a gap
                unused.append(self._answer())
        return unused


@implementer(IReadDescriptor)
class Desk:
    """Where one worker asks for numbers: reads its questions on `own`, and answers from `numbers`."""

    def __init__(self, reactor: Any, own: socket.socket, numbers: Numbers) -> None:
        self._reactor = reactor
        self._own = own
        self._numbers = numbers
        own.setblocking(False)
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._own.fileno()

    def logPrefix(self) -> str:
        return "numbers"

    def doRead(self) -> None:
        try:
            asked = self._own.recv(MAX_ANSWER_BYTES)
            if asked:
                self._own.send(self._answer(int(asked)))
                return
        except BlockingIOError:
            return
        except OSError:
            pass  # the worker is gone; what it was lent is a gap
        self.close()

    def _answer(self, count: int) -> bytes:
        try:
            block = self._numbers.lend(count)
        except LocalError as error:
            return json.dumps({"error": [error.what, error.where, error.hint]}).encode()
        return json.dumps({"block": [block.start, block.stop]}).encode()

    def connectionLost(self, reason: object) -> None:
        self.close()

    def close(self) -> None:
        """Safe to call again."""
        if self._own.fileno() >= 0:
            self._reactor.removeReader(self)
            self._own.close()
