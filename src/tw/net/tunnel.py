"""`--tunnel CMD`: a connection that is a command's stdin and stdout, as mutt's `tunnel` is.

Twisted has `reactor.spawnProcess` and, on top of it, `ProcessEndpoint`. Neither can give the command a session of its
own, abort, or tell the end of the command while something that it left behind holds its pipes. Here `subprocess` starts
it, its pipes are descriptors of the reactor's, and a pidfd tells of its end.

The session is new (setsid), as mutt's is: signals reach all that the command starts, and nothing of it can ask on the
terminal. A mere process group would be in the background there: ssh would be stopped (SIGTTIN) where it asks for a
password, without a word. So it says on stderr why it cannot go on.
"""

import fcntl
import os
import signal
import struct
import subprocess
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.fdesc import writeToFD
from twisted.internet.interfaces import IConsumer, IPushProducer, ITransport
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from tw.errors import ConnectError, LocalError, ProtocolError, UsageError

GRACE_S = 1.0
"""How long the command may take over its end: first without stdin, then after SIGTERM, then after SIGKILL."""

LOOK_S = 0.05
"""How often to look whether the command has ended, where the system has no pidfd (Linux before 5.3)."""

READ_BYTES = 65_536
"""As many as a pipe holds, unless it was told otherwise (pipe(7))."""

WHERE = "--tunnel"
"""The place in every error: the command's text may hold a secret."""


def connect_tunnel(reactor: Any, command: str, protocol: Any) -> "Tunnel":
    """Start `command` with `/bin/sh -c`, and connect `protocol` to its stdin and stdout. Its stderr is ours.

    The protocol is connected when this returns. A command that cannot be found is noticed later, as the end of the
    connection: sh starts either way. Raises UsageError for what is no command, LocalError where no process can be had.
    """
    if not command.strip() or "\0" in command:
        raise UsageError("the command is empty, or holds a NUL", WHERE, "give a shell command")
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(  # noqa: S602 - a shell command is what the option takes
            command, shell=True, bufsize=0, stdin=pipe, stdout=pipe, start_new_session=True
        )
    except (OSError, ValueError) as error:
        # What cannot be encoded is a ValueError, which quotes it.
        reason = os.strerror(error.errno or 0).lower() if isinstance(error, OSError) else type(error).__name__
        raise LocalError(f"the command cannot be run: {reason}", WHERE, "try it by hand") from None
    tunnel = Tunnel(reactor, process, protocol)
    protocol.makeConnection(tunnel)
    return tunnel


class _Descriptor(FileDescriptor):
    """A pipe or a pidfd for the reactor to watch."""

    connected = 1

    def __init__(self, reactor: Any, fd: int, readable: Callable[[], Any], lost: Callable[[Failure], None]) -> None:
        super().__init__(reactor)
        os.set_blocking(fd, False)
        self._fd = fd
        self._lost = lost
        self.doRead = readable  # type: ignore[method-assign]  # what the owner of this descriptor does with it

    def fileno(self) -> int:
        return self._fd

    def writeSomeData(self, data: bytes) -> int | BaseException:
        written: int | BaseException = writeToFD(self._fd, data)
        return written

    def close(self) -> None:
        """Let go of it. A producer that is registered here is stopped."""
        if self._fd >= 0:
            FileDescriptor.connectionLost(self, Failure(CONNECTION_DONE))
            os.close(self._fd)
            self._fd = -1

    def connectionLost(self, reason: Failure) -> None:
        self.close()
        self._lost(reason)


@implementer(ITransport, IPushProducer, IConsumer)
class Tunnel:
    """The transport of a tunnel's protocol.

    It is over when the command is: what that had printed until then is delivered, and what it left running is killed.
    Once it has closed its stdout, or `loseConnection` its stdin, it has `GRACE_S` to end, and as long again after a
    SIGTERM to all that it started; then comes SIGKILL. The reactor stops no sooner.

    The protocol's `connectionLost` gets ConnectionDone after exit 0, or where the command had to be told to end;
    ConnectionAborted after `abortConnection`, also when the reactor stops; else a TwError with the exit status:
    ConnectError where the command has said nothing, ProtocolError where it left in the middle.
    """

    _log = Logger()

    def __init__(self, reactor: Any, process: Any, protocol: Any) -> None:
        self.protocol = protocol
        self.connected = True
        self.disconnecting = False
        self._reactor = reactor
        self._process = process
        self._heard = self._aborting = self._stopping = False
        self._reading = True
        self._pressed = 0
        self._left_bytes: int | None = None  # in its stdout, once the command has ended
        self._timer: Any = None
        self._over: Deferred[None] = Deferred()
        descriptor: Any = _Descriptor
        self._stdin = descriptor(reactor, os.dup(process.stdin.fileno()), lambda: None, self._stdin_closed)
        self._stdout = descriptor(reactor, os.dup(process.stdout.fileno()), self._read, self._stdout_closed)
        process.stdin.close()
        process.stdout.close()
        self._stdout.startReading()
        self.write, self.writeSequence = self._stdin.write, self._stdin.writeSequence
        self.registerProducer, self.unregisterProducer = self._stdin.registerProducer, self._stdin.unregisterProducer
        self.loseWriteConnection = self._stdin.loseConnection
        self._trigger = reactor.addSystemEventTrigger("before", "shutdown", self._shut_down)
        self._watch()

    def loseConnection(self) -> None:
        """Close the command's stdin once all is written, and let it end. What it still says is dropped."""
        if self.disconnecting:
            return
        self.disconnecting = True
        # Read on: with its stdout full, it would never come to the end of its stdin.
        self.resumeProducing()
        if self._stdin.connected:
            self._stdin.loseConnection()
        else:
            self._grant()

    def abortConnection(self) -> None:
        """Tell the command to end, with all that it started, and do not wait for that."""
        self._abort(Failure(ConnectionAborted()))

    def kill(self) -> None:
        """Kill the command and all that it started, now: for one who ends the process without its reactor."""
        self._signal(signal.SIGKILL)

    def pauseProducing(self) -> None:
        self._reading = False
        if not self.disconnecting:
            self._stdout.stopReading()

    def resumeProducing(self) -> None:
        self._reading = True
        if self._left_bytes is not None:
            self._reactor.callLater(0, self._drain)
        elif self._stdout.connected and not self._aborting:
            self._stdout.startReading()

    stopProducing = loseConnection

    def getPeer(self) -> UNIXAddress:
        return UNIXAddress(None)  # neither end has a name

    getHost = getPeer

    def _read(self, most_bytes: int = READ_BYTES) -> Exception | None:
        try:
            data = os.read(self._stdout.fileno(), most_bytes)
        except BlockingIOError:
            return None
        self._heard = self._heard or bool(data)
        if data and not self.disconnecting:
            self.protocol.dataReceived(data)
        return None if data else CONNECTION_DONE

    def _stdin_closed(self, _reason: Failure) -> None:
        if self.disconnecting:  # else the command has closed it, which ends nothing: it may have something to say
            self._grant()

    def _stdout_closed(self, reason: Failure) -> None:
        if not reason.check(ConnectionDone):
            self._abort(reason)  # a fault of the protocol's, which the reactor has logged
            return
        if not self.disconnecting:
            self.disconnecting = True
            self._stdin.close()
        self._grant()

    def _watch(self) -> None:
        try:
            pidfd: Any = _Descriptor(self._reactor, os.pidfd_open(self._process.pid), self._look, lambda _: None)
            pidfd.startReading()
            self._unwatch = pidfd.close
        except (AttributeError, OSError):
            looking = LoopingCall(self._look)
            looking.clock = self._reactor
            looking.start(LOOK_S, now=False)
            self._unwatch = looking.stop

    def _look(self) -> None:
        """See to the command's end, if it has ended."""
        if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return
        # Before it is waited for: its number is the group's, and could be another's then.
        self.kill()
        self._process.wait()
        self._forget()
        self._left_bytes = 0
        if self._stdout.connected:
            self._stdout.stopReading()
            (self._left_bytes,) = struct.unpack("i", fcntl.ioctl(self._stdout.fileno(), termios.FIONREAD, bytes(4)))
        self._drain()

    def _drain(self) -> None:
        """Deliver what the ended command has left. More may come from what left its session: nobody waits for that."""
        while self._left_bytes and self._reading and not (self.disconnecting or self._aborting):
            most_bytes = min(self._left_bytes, READ_BYTES)
            self._left_bytes -= most_bytes
            try:
                self._read(most_bytes)
            except Exception:
                self._log.failure("unhandled error while reading")
                self._abort(Failure())
        if not self._aborting and (self.disconnecting or not self._left_bytes):
            self._lose(Failure(self._reason()))

    def _reason(self) -> Exception:
        code = self._process.returncode
        if self._pressed or not code:
            return ConnectionDone()
        kind = ProtocolError if self._heard else ConnectError
        how = f"exit {code}" if code > 0 else f"signal {-code}"
        return kind(f"the tunnel command failed: {how}", WHERE, "try it by hand")

    def _lose(self, reason: Failure) -> None:
        if self.connected:
            self.connected = False
            self.disconnecting = True
            self._stdin.close()
            self._stdout.close()
            self.protocol.connectionLost(reason)

    def _abort(self, reason: Failure) -> None:
        if self.connected and not self._aborting:
            self._aborting = True
            self._stdin.stopWriting()
            self._stdout.stopReading()
            if not self._pressed:
                self._press()
            self._reactor.callLater(0, self._lose, reason)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with suppress(OSError):  # it may be another user's (sudo)
                os.killpg(self._process.pid, number)

    def _grant(self) -> None:
        """Give the command time to end, before it is pressed harder."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if not self._over.called:
            self._timer = self._reactor.callLater(GRACE_S, self._press)

    def _press(self) -> None:
        self._pressed += 1
        if self._pressed > 2:
            self._log.warn("the tunnel command cannot be ended, and is left running")
            self._forget()
            self._lose(Failure(ConnectionDone()))
        else:
            self._signal(signal.SIGTERM if self._pressed == 1 else signal.SIGKILL)
            self._grant()

    def _forget(self) -> None:
        """The command is no longer to be watched."""
        self._unwatch()
        if not self._stopping:
            self._reactor.removeSystemEventTrigger(self._trigger)
        self._over.callback(None)
        self._grant()

    def _shut_down(self) -> Deferred[None]:
        """The reactor stops, and waits for the command's end."""
        self._stopping = True
        self.abortConnection()
        return self._over
