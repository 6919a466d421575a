"""What the server commands run: a service, until it is stopped."""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from twisted.logger import Logger

from tw.core.text import safe
from tw.core.workers import share
from tw.display import Screen, make_server_display
from tw.errors import ExitCode, TwError
from tw.events import Listening, Reloaded, ServerEvent, ServerSummary, Stopping
from tw.options import CommonOptions
from tw.runtime import Stop, run
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServeOptions, ServePubSubOptions
from tw.services.descriptors import raise_limit
from tw.services.listener import Emit
from tw.services.notify import Notifier
from tw.services.ready import ReadyFile
from tw.via_options import VARIABLE, ViaOptions

if TYPE_CHECKING:
    from tw.core.via import Shared
    from tw.net.redis_access import RedisAccess


class Tls(Protocol):
    """What connections are shown, which can be read again."""

    @property
    def pin(self) -> str: ...
    def reload(self) -> bool: ...


class Doors(Protocol):
    """Where a service listens."""

    @property
    def announced(self) -> Sequence[ServerEvent]: ...
    @property
    def tls(self) -> Tls | None: ...


class Service(Protocol):
    """A server: bound by `start`, ended by `stop`, which gives its last word."""

    @property
    def listener(self) -> Doors: ...

    async def start(self) -> list[Listening]: ...
    async def stop(self) -> ServerSummary: ...


MakeService: TypeAlias = Callable[[Any, Emit], Service]


PASSWORD_S = 10.0
"""How long the file with a password may take: a FIFO that nobody writes to is waited for no longer."""


def via_access(via: ViaOptions | None, shared: "Shared") -> "RedisAccess | None":
    """How to get in to what servers share, None where nothing is. Raises UsageError for a URL that can be none, and
    LocalError for files that cannot be used."""
    if via is None:
        return None
    from tw.core.via import parse_via
    from tw.net.redis_access import read_access
    from tw.password import read_password

    place = parse_via(via.url, shared)
    return read_access(place, read_password(via.password_file, VARIABLE, os.environ, PASSWORD_S), via.ca_file)


def serve_echo(common: CommonOptions, options: ServeEchoOptions) -> int:
    def make(reactor: Any, emit: Emit) -> Service:
        from tw.services.echo import EchoService

        return EchoService(reactor, options, emit)

    return serve(common, options, make)


def serve_counter(common: CommonOptions, options: ServeCounterOptions) -> int:
    access = via_access(options.via, "key")

    def make(reactor: Any, emit: Emit) -> Service:
        if access is not None:
            from tw.services.shared_counter import SharedCounterService

            return SharedCounterService(reactor, options, emit, access)
        from tw.services.counter import CounterService

        return CounterService(reactor, options, emit)

    return serve(common, options, make, access)


def serve_pubsub(common: CommonOptions, options: ServePubSubOptions) -> int:
    access = via_access(options.via, "stream")

    def make(reactor: Any, emit: Emit) -> Service:
        from tw.services.pubsub import PubSubService

        if access is None:
            return PubSubService(reactor, options, emit)
        from tw.services.redis_relay import redis_relay

        return PubSubService(reactor, options, emit, redis_relay(reactor, options, access, emit))

    return serve(common, options, make, access)


def serve(common: CommonOptions, options: ServeOptions, make: MakeService, access: "RedisAccess | None" = None) -> int:
    """Serve until a signal, `--duration` or a broken stdout, then drain. Gives the exit code.

    `make` makes the server that is this process alone; several have `access` to what they share in place of it.
    """
    notifier = Notifier(os.environ, os.getpid())

    async def main(reactor: Any, stop: Stop) -> int:
        display = make_server_display(common, as_json=options.json, later=reactor.callLater)
        display.out.on_failure = stop.fire
        raise_limit(share(options.max_connections, options.workers))  # children inherit it
        failures: list[TwError] = []
        if options.workers > 1:
            service = _supervisor(reactor, common, options, display.event, stop, failures, access)
        else:
            service = make(reactor, display.event)
        listening = await service.start()
        ready = ReadyFile(options.ready_file) if options.ready_file is not None else None
        front = Front(display, notifier, ready, listening, service.listener.announced)
        stop.at_once = front.leave
        # Before anybody is told that it serves: whoever is may send a SIGHUP at once.
        stop.on_hangup = lambda: None if stop.fired else front.reload(service.listener.tls)
        try:
            front.write_ready_file()
        except BaseException:
            await service.stop()  # without a word: nobody was told that it serves
            raise
        try:
            front.open()
            notifier.beat_on(reactor)
            await _serve_on(reactor, stop, options.duration_s)
        finally:
            notifier.stopping()
            display.event(Stopping(signal=_signal_name(stop.signal)))
            summary = await service.stop()
            notifier.stop_beating()
            front.leave()
        display.event(summary)
        display.finish()
        if display.out.failure is not None:
            raise display.out.failure
        for failure in failures:
            raise failure
        return ExitCode.OK

    return run(common, main, is_server=True)


def _supervisor(
    reactor: Any,
    common: CommonOptions,
    options: ServeOptions,
    emit: Emit,
    stop: Stop,
    failures: list[TwError],
    access: "RedisAccess | None",
) -> Service:
    """Several processes as one service. What they cannot go on from ends the run, and is kept in `failures`."""
    from tw.workers.messages import service_of
    from tw.workers.supervisor import Supervisor

    def fail(error: TwError) -> None:
        failures.append(error)
        stop.fire()

    return Supervisor(reactor, service_of(options), common, options, emit, fail, access)


class Front:
    """How a service stands before the world: its events, its ready file, and what the service manager is told."""

    _log = Logger()

    def __init__(
        self,
        display: Screen,
        notifier: Notifier,
        ready: ReadyFile | None,
        listening: list[Listening],
        announced: Sequence[ServerEvent] = (),
    ) -> None:
        self._display = display
        self._notifier = notifier
        self._ready = ready
        self._listening = listening
        self._announced = announced

    def write_ready_file(self) -> None:
        """Raises LocalError."""
        if self._ready is not None:
            self._ready.write([event.to_json(self._display.now()) for event in self._listening])

    def open(self) -> None:
        for event in (*self._listening, *self._announced):
            self._display.event(event)
        self._tell_ready()

    def reload(self, tls: Tls | None) -> None:
        """What a SIGHUP asks for. Whatever goes wrong is one line, and the service goes on as it was."""
        self._notifier.reloading()
        try:
            if tls is None or not tls.reload():
                self._log.warn("SIGHUP: there are no TLS files to read again; nothing has changed")
                return
            self._listening = [replace(event, pin=tls.pin) for event in self._listening]
            self._display.event(Reloaded(pin=tls.pin))
            self.write_ready_file()
        except TwError as error:
            self._log.error("SIGHUP: {error}; what was there before stays", error=error)
        finally:
            self._tell_ready()

    def _tell_ready(self) -> None:
        places = ", ".join(event.endpoint for event in self._listening)
        self._notifier.ready(safe(f"{self._listening[0].service} listening on {places}"))

    def leave(self) -> None:
        """Remove what must not stay behind. Safe to call again, and without a reactor."""
        if self._ready is not None:
            self._ready.remove()


async def _serve_on(reactor: Any, stop: Stop, duration_s: float | None) -> None:
    stopped = stop.wait()
    call = reactor.callLater(duration_s, stop.fire) if duration_s is not None else None
    await stopped
    if call is not None and call.active():
        call.cancel()


def _signal_name(number: signal.Signals | None) -> str | None:
    return None if number is None else number.name
