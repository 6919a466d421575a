"""What the server commands run: a service, until it is stopped."""

import signal
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from tw.display import make_display
from tw.errors import ExitCode
from tw.events import Listening, ServerSummary, Stopping
from tw.options import CommonOptions
from tw.runtime import Stop, run
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServeOptions, ServePubSubOptions
from tw.services.descriptors import raise_limit
from tw.services.listener import Emit
from tw.services.ready import ReadyFile


class Service(Protocol):
    """A server: bound by `start`, ended by `stop`, which gives its last word."""

    async def start(self) -> list[Listening]: ...
    async def stop(self) -> ServerSummary: ...


MakeService: TypeAlias = Callable[[Any, Emit], Service]


def serve_echo(common: CommonOptions, options: ServeEchoOptions) -> int:
    def make(reactor: Any, emit: Emit) -> Service:
        from tw.services.echo import EchoService

        return EchoService(reactor, options, emit)

    return serve(common, options, make)


def serve_counter(common: CommonOptions, options: ServeCounterOptions) -> int:
    def make(reactor: Any, emit: Emit) -> Service:
        from tw.services.counter import CounterService

        return CounterService(reactor, options, emit)

    return serve(common, options, make)


def serve_pubsub(common: CommonOptions, options: ServePubSubOptions) -> int:
    def make(reactor: Any, emit: Emit) -> Service:
        from tw.services.pubsub import PubSubService

        return PubSubService(reactor, options, emit)

    return serve(common, options, make)


def serve(common: CommonOptions, options: ServeOptions, make: MakeService) -> int:
    """Serve until a signal, `--duration` or a broken stdout, then drain. Gives the exit code."""

    async def main(reactor: Any, stop: Stop) -> int:
        display = make_display(common, as_json=options.json)
        display.out.on_failure = stop.fire
        raise_limit(options.max_connections)
        service = make(reactor, display.event)
        ready = ReadyFile(options.ready_file) if options.ready_file is not None else None
        listening = await service.start()
        if ready is not None:
            stop.at_once = ready.remove
            try:
                ready.write([event.to_json(display.now()) for event in listening])
            except BaseException:
                await service.stop()  # without a word: nobody was told that it serves
                raise
        try:
            for event in listening:
                display.event(event)
            await _serve_on(reactor, stop, options.duration_s)
        finally:
            display.event(Stopping(signal=_signal_name(stop.signal)))
            summary = await service.stop()
            if ready is not None:
                ready.remove()
        display.event(summary)
        if display.out.failure is not None:
            raise display.out.failure
        return ExitCode.OK

    return run(common, main)


async def _serve_on(reactor: Any, stop: Stop, duration_s: float | None) -> None:
    stopped = stop.wait()
    call = reactor.callLater(duration_s, stop.fire) if duration_s is not None else None
    await stopped
    if call is not None and call.active():
        call.cancel()


def _signal_name(number: signal.Signals | None) -> str | None:
    return None if number is None else number.name
