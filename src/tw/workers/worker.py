"""What a worker does: it serves as one process would, and its parent is told what would be shown."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from tw.core.lines import LineSplitter
from tw.errors import ExitCode, TwError
from tw.events import ServerEvent, Unwritten, ViaChanged
from tw.net.descriptors import raise_limit_to
from tw.net.tls_handed import take_over
from tw.patient import PatientOutput
from tw.runtime import Stop, run, spawn, until_stopped
from tw.services.certificates import Certificates
from tw.services.descriptors import OWN_DESCRIPTORS
from tw.workers.messages import (
    MAX_MESSAGE_BYTES,
    Job,
    error_content,
    event_content,
    event_text,
    job_of,
    message,
    read_message,
)
from tw.workers.numbers import BorrowedNumbers
from tw.workers.service import Service, make_service

ITS_SAY_S = 0.2
"""How long a worker that gets SIGTERM waits for its parent to say that all of them end, before it leaves alone, and has
another one started in its place."""

AGAIN_S = 1.0
"""Between two attempts of one that takes another's place to start with a Redis that is away. Its clients wait, as they
would for their lines with a server that runs; those connections are the kernel's meanwhile."""

COUNTS_EVERY_S = 1.0
"""How much of its counts a worker that is killed takes with it."""


class Inbox:
    """What the parent says, line by line."""

    def __init__(self) -> None:
        self._lines = LineSplitter(MAX_MESSAGE_BYTES)
        self._waiting: list[bytes] = []

    def job(self, channel: socket.socket) -> Job | None:
        """The first message. None where the parent is gone before it has come."""
        while not self._waiting:
            data = channel.recv(65_536)
            if not data:
                return None
            self._waiting += self._lines.feed(data)
        return job_of(read_message(self._waiting.pop(0))[1])

    def feed(self, data: bytes) -> list[tuple[str, Any]]:
        """The messages that are whole now, also those that came close behind the job."""
        lines, self._waiting = self._waiting + self._lines.feed(data), []
        return [read_message(line) for line in lines]


def work(channel: socket.socket) -> int:
    """Serve until the parent says `stop`, or SIGTERM does; gives the exit code. A worker ends with its parent."""
    inbox = Inbox()
    job = inbox.job(channel)
    if job is None:
        return ExitCode.LOCAL
    given = job

    async def main(reactor: Any, stop: Stop) -> int:
        parent = Parent(reactor, channel, inbox)
        try:
            await Work(reactor, given, parent).until(stop)
        except Exception as error:
            parent.last("failed", error_content(error if isinstance(error, TwError) else _bug(error)))
            return error.exit_code if isinstance(error, TwError) else ExitCode.BUG
        return ExitCode.OK

    return run(given.common, main, is_server=True)


class Work:
    """One service on the parent's sockets."""

    def __init__(self, reactor: Any, job: Job, parent: "Parent") -> None:
        self._reactor = reactor
        self._job = job
        self._parent = parent
        self._tls = job.tls
        self._numbers = None if job.numbers is None else BorrowedNumbers(socket.socket(fileno=job.numbers))
        self._is_cut_off = False
        raise_limit_to(job.options.max_connections + OWN_DESCRIPTORS)  # the parent has warned where it cannot be had
        self._service = self._make()
        self._counting: Any = None

    def _make(self) -> Service:
        service = make_service(self._reactor, self._job, self._event, self._numbers)
        listener = service.listener
        listener.inherit(self._job.listeners)
        if self._tls is not None:
            listener.tls = Certificates.handed(self._job.options, take_over(self._tls, listener.alpn))
        return service

    def _event(self, event: ServerEvent) -> None:
        if isinstance(event, ViaChanged):
            self._is_cut_off = event.problem is not None
        self._parent.event(event)

    async def _start(self) -> bool:
        """Raises TwError where it cannot even start."""
        while True:
            self._is_cut_off = False
            try:
                await self._service.start()
                break
            except TwError as error:
                if not self._may_wait:
                    raise
                self._event(ViaChanged(problem=f"{error.where}: {error.what}" if error.where else error.what))
            await deferLater(self._reactor, AGAIN_S)
            self._service = self._make()
        if self._may_wait and not self._is_cut_off:
            self._event(ViaChanged(problem=None))  # whoever had this place may have lost it
        return True

    @property
    def _may_wait(self) -> bool:
        """Whether Redis is waited for, which is all that can be amiss: the sockets are bound. For those who serve
        already its loss is a state, and not the end. (A counter starts without it, and answers.)"""
        return self._job.replaces and self._job.via is not None

    async def until(self, stop: Stop) -> None:
        """Raises TwError where it cannot even start."""
        self._parent.hears(stop.fire, self._show)
        if not await until_stopped(stop, spawn(self._start())):
            return
        self._parent.tell("ready")
        self._counting = self._reactor.callLater(COUNTS_EVERY_S, self._count)
        await stop.wait()
        if stop.signal is not None:
            await self._parent.has_its_say()
        self._parent.tell("leaving")
        summary = await self._service.stop()
        self._counting.cancel()
        unused = self._numbers.unused() if self._numbers is not None else []
        blocks = [[block.start, block.stop] for block in unused]
        self._parent.last("last", {"summary": event_content(summary), "unused": blocks})

    def _show(self, handed: Any) -> None:
        self._tls = handed
        tls = self._service.listener.tls
        if tls is not None:
            tls.replace(take_over(handed, self._service.listener.alpn))

    def _count(self) -> None:
        self._counting = self._reactor.callLater(COUNTS_EVERY_S, self._count)
        self._parent.tell("counts", event_content(self._service.summary()))


class Parent(Protocol):
    """The worker's end of the socket. The parent that does not read holds nobody up (`patient`); the one that is gone
    takes the worker with it, at once: it was killed, and a server that is killed does not drain."""

    def __init__(
        self,
        reactor: Any,
        channel: socket.socket,
        inbox: Inbox,
        gone: Callable[[], None] = lambda: os._exit(ExitCode.LOCAL),
    ) -> None:
        self._reactor = reactor
        self._gone = gone
        self._inbox = inbox
        self._stopped: Deferred[None] = Deferred()
        self._stop: Callable[[], None] = lambda: None
        self._show: Callable[[Any], None] = lambda handed: None
        channel.setblocking(False)
        words = open(channel.fileno(), "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
        self._out = PatientOutput(words, reactor.callLater, lambda lines: event_text(Unwritten(lines=lines)))
        self._channel = channel  # not closed before the process ends: its end is what the parent waits for
        reactor.adoptStreamConnection(channel.fileno(), socket.AF_UNIX, Factory.forProtocol(lambda: self))

    def hears(self, stop: Callable[[], None], show: Callable[[Any], None]) -> None:
        self._stop, self._show = stop, show
        self.dataReceived(b"")

    async def has_its_say(self) -> None:
        """A signal came. It may be meant for all of us (a service manager's, a process group's): the parent says so."""
        with suppress(defer.TimeoutError):
            await self._stopped.addTimeout(ITS_SAY_S, self._reactor)

    def event(self, event: Any) -> None:
        self._out.line(event_text(event))

    def tell(self, name: str, content: object = None) -> None:
        self._out.line(message(name, content))

    def last(self, name: str, content: object) -> None:
        """After everything else, however long the parent takes to read it. What ends now ends by itself."""
        self._gone = lambda: None
        self._out.last_line(message(name, content))

    def dataReceived(self, data: bytes) -> None:
        for name, content in self._inbox.feed(data):
            if name == "stop":
                if not self._stopped.called:
                    self._stopped.callback(None)
                self._stop()
            elif name == "tls":
                self._show(content)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._gone()


def _bug(error: Exception) -> TwError:
    return TwError(f"a bug in tw: {type(error).__name__}: {error}", "", "run it with -vv to see where, and report that")
