"""The only module that starts a reactor: signals, logging, and what a run ends with.

A run is a coroutine that gets the reactor and a `Stop`. A first signal asks it to stop; a second one ends the process.
"""

import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any, TypeAlias, TypeVar

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.logger import Logger

from tw.errors import MAY_BE_IGNORED, SIGNALS
from tw.log import start_logging
from tw.options import CommonOptions
from tw.patient import PatientOutput, PatientStream

T = TypeVar("T")


class Stop:
    """Why a run is to end, once there is a reason: a signal, or a broken output."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._waiting: list[Deferred[None]] = []
        self.signal: signal.Signals | None = None
        self.fired = False
        self.at_once: Callable[[], None] = lambda: None
        """What a second signal still does before the process ends: remove what must not stay behind. No reactor."""
        self.on_hangup: Callable[[], None] | None = None
        """What SIGHUP asks for where it is no reason to end: to read the certificates again. Called by the reactor."""
        self._had_terminal = has_terminal()

    def fire(self) -> None:
        """Ask the run to end. Safe to call again."""
        self.fired = True
        while self._waiting:
            # One by one: what is woken may cancel another that waits.
            self._waiting.pop(0).callback(None)

    def wait(self) -> Deferred[None]:
        """Fires when the run is to end."""

        deferred: Deferred[None] = Deferred(self._waiting.remove)
        if self.fired:
            deferred.callback(None)
        else:
            self._waiting.append(deferred)
        return deferred

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """The handler of every signal that ends a run. It runs between two bytecodes of whatever is being done."""
        if number == signal.SIGHUP and self.on_hangup is not None and not (self._had_terminal and not has_terminal()):
            self._reactor.callFromThread(self.on_hangup)
            return
        if self.signal is not None:
            with suppress(Exception):
                self.at_once()
            os._exit(128 + number)
        self.signal = signal.Signals(number)
        self._reactor.callFromThread(self.fire)


def has_terminal() -> bool:
    """Whether the process has a controlling terminal. One that hung up is gone by the time that SIGHUP tells of it."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


Main: TypeAlias = Callable[[Any, Stop], Coroutine[Deferred[Any], Any, int]]


def run(common: CommonOptions, main: Main, *, is_server: bool = False) -> int:
    """Run `main` on a fresh reactor until it is done, and give its exit code. What it raises is raised here.

    `is_server`: whoever does not read the log, which strangers may make long, does not hold it up.
    """
    from twisted.internet import task

    reactor = _choose_reactor(common)
    log = _patient_log(reactor) if is_server else None
    start_logging(common.verbosity, sys.stderr if log is None else PatientStream(log))
    Logger().info("running on {name}", name=type(reactor).__name__)
    stop = Stop(reactor)
    outcome: list[int | BaseException] = []
    running: Deferred[None] = Deferred()
    settled: Deferred[None] = Deferred()

    def start() -> None:
        # Again, since the reactor has just installed its own.
        _install_handlers(stop)
        running.callback(None)

    async def settle(_: Any) -> None:
        await running
        try:
            outcome.append(await main(reactor, stop))
        except BaseException as error:
            outcome.append(error)
        _leave_busy_threads(reactor)
        settled.callback(None)

    def before_shutdown() -> Deferred[None]:
        # A SIGTERM between the reactor's start and our handlers reaches Twisted's own, which stops the reactor.
        if not settled.called and not stop.fired:
            stop.signal = signal.SIGTERM
            stop.fire()
        return settled

    _install_handlers(stop)
    reactor.callWhenRunning(start)
    reactor.addSystemEventTrigger("before", "shutdown", before_shutdown)
    with suppress(SystemExit):
        task.react(settle, _reactor=reactor)
    if log is not None:
        log.finish()
    result = outcome[0]
    if isinstance(result, BaseException):
        raise result
    return result


def _patient_log(reactor: Any) -> PatientOutput:
    from tw.events import Unwritten  # here, since clients have no need of them
    from tw.summary import event_text

    return PatientOutput(sys.stderr, reactor.callLater, lambda lines: event_text(Unwritten(lines=lines)))


def _choose_reactor(common: CommonOptions) -> Any:
    if "twisted.internet.reactor" not in sys.modules and sys.platform == "linux" and common.reactor == "auto":
        from twisted.internet.main import installReactor

        from tw.net.reactor import LeanReactor, usable

        if usable():
            lean: Any = LeanReactor
            installReactor(lean())
    from twisted.internet import reactor

    return reactor


def _install_handlers(stop: Stop) -> None:
    # Own handlers, since Twisted's answer to a second signal is a log line, and waiting (DESIGN 4.4).
    for number in SIGNALS:
        if number in MAY_BE_IGNORED and signal.getsignal(number) == signal.SIG_IGN:
            continue
        signal.signal(number, stop.on_signal)


def _leave_busy_threads(reactor: Any) -> None:
    """Let the reactor stop although `getaddrinfo` still hangs in a thread: its pool would wait for it (DESIGN 4.10).

    The edge then leaves with `os._exit`, since the interpreter would wait as well.
    """
    pool = getattr(reactor, "threadpool", None)
    trigger = getattr(reactor, "threadpoolShutdownID", None)
    if pool is not None and trigger is not None and pool.working:
        reactor.removeSystemEventTrigger(trigger)


async def until_stopped(stop: Stop, running: Deferred[T]) -> T | None:
    """Wait for `running`, or cancel it when the run is to stop, and give None then."""
    waiting = stop.wait()
    waiting.addCallback(lambda _: running.cancel())
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    try:
        return await running
    except CancelledError:
        if not stop.fired:
            raise
        return None
    finally:
        waiting.cancel()


def spawn(work: Coroutine[Deferred[Any], Any, T]) -> Deferred[T]:
    """Start a coroutine; cancelling the Deferred cancels what it waits for."""
    return ensureDeferred(work)
