"""One worker, as its parent has it: started, told, listened to, and reaped."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as Wire
from twisted.logger import Logger
from twisted.python.failure import Failure

from tw.core.lines import LineSplitter
from tw.errors import SIGNALS, TwError
from tw.workers.messages import MAX_MESSAGE_BYTES, Job, job_text, message, read_message

LOOK_S = 0.02
LET_GO_S = 2.0
"""How long a process may live on that has closed its socket: it has nothing more to do than to end."""


class Boss(Protocol):
    """Who hears of a worker."""

    def heard(self, worker: "WorkerProcess", name: str, content: Any) -> None: ...
    def gone(self, worker: "WorkerProcess") -> None: ...


class WorkerProcess:
    """Process number `number` of a server. `boss` hears what it says, and when it is gone and reaped.

    Raises OSError where no process can be started; nothing is left behind then.
    """

    _log = Logger()

    def __init__(self, reactor: Any, number: int, boss: Boss, inherited: list[int]) -> None:
        self.number = number
        self.serves_since_s: float | None = None
        self.code: int | None = None
        """As `subprocess` has it: minus the signal's number where one ended it."""
        self.error: TwError | None = None
        """Why it could not go on, where it has said so."""
        self.ended: Deferred[None] = Deferred()
        self._reactor = reactor
        self._boss = boss
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._process = start_process([theirs.fileno(), *inherited])
            ours.setblocking(False)
            self._channel = Channel(self)
            reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, Factory.forProtocol(lambda: self._channel))

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self, job: Job) -> None:
        self._channel.say(job_text(job))

    def tell(self, name: str, content: object = None) -> None:
        """To one that is gone, nothing."""
        if self.code is None:
            self._channel.say(message(name, content))

    def kill(self) -> None:
        if self.code is None:
            self._process.kill()

    def heard(self, line: bytes) -> None:
        try:
            name, content = read_message(line)
        except ValueError:
            self._log.error("worker {number} speaks nonsense", number=self.number)
            self.kill()
            return
        self._boss.heard(self, name, content)

    def closed(self) -> None:
        """It has nothing more to say, since it is gone or about to be."""
        self._reap(self._reactor.seconds() + LET_GO_S)

    def _reap(self, until_s: float) -> None:
        self.code = self._process.poll()
        if self.code is None:
            if self._reactor.seconds() >= until_s:
                self._process.kill()
            self._reactor.callLater(LOOK_S, self._reap, until_s)
            return
        self._boss.gone(self)
        self.ended.callback(None)


class Channel(Wire):
    """The parent's end of the socket."""

    transport: Any

    def __init__(self, worker: WorkerProcess) -> None:
        self._worker = worker
        self._lines = LineSplitter(MAX_MESSAGE_BYTES)

    def say(self, text: str) -> None:
        self.transport.write(text.encode() + b"\n")

    def dataReceived(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._worker.heard(line)
        if self._lines.overlong:
            self._worker.kill()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._worker.closed()


def start_process(inherited: list[int]) -> "subprocess.Popen[bytes]":
    """A worker whose socket is the first of `inherited`. Of our streams it has stderr alone.

    What ends a run is held back in it until it has decided what to do with it: a ^C is for all of a terminal's
    processes, and must not end one that is just starting. Raises OSError.
    """
    # -P: what lies in the current directory is none of our modules.
    command = [sys.executable, "-P", "-m", "tw.workers", str(inherited[0])]
    with _held_back():
        return subprocess.Popen(  # noqa: S603 - our own interpreter, with our own module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=inherited
        )


@contextmanager
def _held_back() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
