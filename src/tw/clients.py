"""What the client commands run: a probe until it is done; with `--self`, its server beside it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

from tw.core.target import format_peer
from tw.display import Screen, make_display
from tw.errors import ExitCode, Interrupted, TwError
from tw.events import Listening, ServerEvent
from tw.judge import ClientRun, Judge
from tw.net.room import make_room_for
from tw.options import CommonOptions, TlsClientOptions
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions, ProbeOptions, ProbePubSubOptions
from tw.progress import Display
from tw.runtime import Stop, run, spawn, until_stopped
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServeOptions, ServePubSubOptions
from tw.servers import Service
from tw.survey_options import SurveyOptions

Options = TypeVar("Options", bound=ProbeOptions)
MakeClient: TypeAlias = Callable[[Any, Options, Display], ClientRun]
MakeServer: TypeAlias = Callable[[Any, Options], Service]


def probe_echo(common: CommonOptions, options: ProbeEchoOptions) -> int:
    return probe(common, options, Judge("echo", options), _echo_client, _echo_server)


def probe_counter(common: CommonOptions, options: ProbeCounterOptions) -> int:
    return probe(common, options, Judge("counter", options), _counter_client, _counter_server)


def probe_pubsub(common: CommonOptions, options: ProbePubSubOptions) -> int:
    return probe(common, options, Judge("pubsub", options), _pubsub_client, _pubsub_server)


def probe(
    common: CommonOptions, options: Options, judge: Judge, make: MakeClient[Options], make_server: MakeServer[Options]
) -> int:
    """Run a probe to its end, or until a signal: its summary is shown either way. Gives the exit code."""

    async def main(reactor: Any, stop: Stop) -> int:
        display = make_display(common, as_json=options.json, stream=reactor.callLater if options.json_stream else None)
        display.out.on_failure = stop.fire
        stop.at_once = display.finish
        with judge.told_of_failure(display.now):
            if (connections := connections_of(options)) is not None:
                make_room_for(connections, self_test=options.self_test, places=tcp_places(options))
            if not options.self_test:
                return await run_client(stop, display, judge.client(reactor, options, display, make))
            server = make_server(reactor, options)
            listening = await server.start()
            try:
                aimed = aimed_at(options, listening)
                return await run_client(stop, display, judge.client(reactor, aimed, display, make))
            finally:
                await server.stop()

    return run(common, main)


def connections_of(options: ProbeOptions) -> int | None:
    """How many connections are open at once, where the user had a say in it."""
    if isinstance(options, ProbePubSubOptions) and options.matrix is not None:
        return options.matrix.publishers + options.matrix.subscribers
    return None if options.load is None else options.load.connections


def tcp_places(options: ProbeOptions) -> int:
    """Over how many places connections are spread that take a port of this machine's, each place all of them."""
    targets = {options.target or ""}
    if isinstance(options, ProbePubSubOptions):
        targets.update(options.more_targets)
    places = sum(not target.lower().startswith("unix:") for target in targets)
    # A port that is bound before it is known where to is nobody else's.
    return places if options.bind is None else min(places, 1)


def aimed_at(options: Options, listening: list[Listening]) -> Options:
    """The options for probing the server of `--self`: its place, and its certificate's pin."""
    pin = listening[0].pin
    verify = TlsClientOptions(pin=pin) if pin is not None else TlsClientOptions()
    place = format_peer(listening[0].host or "", listening[0].port or 0)
    load = None if options.load is None else replace(options.load, with_server=True)
    return replace(options, target=place, self_test=False, verify=verify, load=load)


async def run_client(stop: Stop, display: Screen, client: ClientRun) -> int:
    """Run one client until it is done or `stop` fires; raises its error once what there is has been shown."""
    failed: TwError | None = None
    try:
        await until_stopped(stop, spawn(client.run()))
    except TwError as error:
        failed = error
    if stop.signal is not None:
        failed = Interrupted(stop.signal.name)
    verdict = client.conclude(failed)
    if display.out.failure is not None:
        raise display.out.failure
    if failed is not None:
        failed.reported = True
        raise failed
    # Stopped without a signal: whoever read the output has seen enough.
    return ExitCode.OK if stop.fired else verdict


def _ignore(_event: ServerEvent) -> None:
    """The events of a server that runs for `--self`."""


def _own_server(options: ProbeOptions) -> dict[str, Any]:
    """What the server of `--self` is asked for, whichever it is: to take what the probe does."""
    from tw.probes.connecting import loopback

    return {
        "host": loopback(options),
        "port": 0,
        "tls_self_signed": options.tls,
        "proxy_protocol": options.send_proxy is not None,
        "max_connections": max(connections_of(options) or 0, ServeOptions().max_connections),
        "describe": options.survey is not None and options.survey.kind == "diff",
    }


def _echo_server(reactor: Any, options: ProbeEchoOptions) -> Service:
    from tw.services.echo import EchoService

    return EchoService(reactor, ServeEchoOptions(**_own_server(options), udp=options.udp), _ignore)


def _counter_server(reactor: Any, options: ProbeCounterOptions) -> Service:
    from tw.services.counter import CounterService

    return CounterService(reactor, ServeCounterOptions(**_own_server(options)), _ignore)


def _pubsub_server(reactor: Any, options: ProbePubSubOptions) -> Service:
    from tw.services.pubsub import PubSubService

    return PubSubService(reactor, ServePubSubOptions(**_own_server(options)), _ignore)


def _echo_client(reactor: Any, options: ProbeEchoOptions, display: Display) -> ClientRun:
    if options.udp:
        return _udp_echo_client(reactor, options, display)
    if options.survey is not None:
        return _echo_survey(reactor, options, display, options.survey)
    from tw.probes.echo import EchoPing, talk

    if options.load is not None:
        from tw.probes.echo_load import EchoLoad

        return EchoLoad(reactor, options, display)
    return talk(reactor, options, display) if options.interactive else EchoPing(reactor, options, display)


def _udp_echo_client(reactor: Any, options: ProbeEchoOptions, display: Display) -> ClientRun:
    if options.load is not None:
        from tw.probes.udp_load import UdpEchoLoad

        return UdpEchoLoad(reactor, options, display)
    from tw.probes.udp import UdpEchoPing

    return UdpEchoPing(reactor, options, display)


def _counter_client(reactor: Any, options: ProbeCounterOptions, display: Display) -> ClientRun:
    if options.survey is not None:
        return _counter_survey(reactor, options, display, options.survey)
    if options.load is not None:
        from tw.probes.counter_load import CounterLoad

        return CounterLoad(reactor, options, display)
    from tw.probes.counter import CounterPing

    return CounterPing(reactor, options, display)


def _echo_survey(reactor: Any, options: ProbeEchoOptions, display: Display, survey: SurveyOptions) -> ClientRun:
    if survey.kind == "diff":
        from tw.probes.echo_diff import EchoDiff

        return EchoDiff(reactor, options, display)
    from tw.probes.idle_timeout import EchoIdle

    return EchoIdle(reactor, options, display, survey)


def _counter_survey(reactor: Any, options: ProbeCounterOptions, display: Display, survey: SurveyOptions) -> ClientRun:
    if survey.kind == "diff":
        from tw.probes.counter_diff import CounterDiff

        return CounterDiff(reactor, options, display)
    from tw.probes.idle_timeout import CounterIdle

    return CounterIdle(reactor, options, display, survey)


def _pubsub_client(reactor: Any, options: ProbePubSubOptions, display: Display) -> ClientRun:
    if options.matrix is not None:
        from tw.probes.matrix import MatrixProbe

        return MatrixProbe(reactor, options, display)
    from tw.probes.publish import Publish
    from tw.probes.pubsub import PubSubPing, talk
    from tw.probes.subscribe import Subscribe

    if options.interactive:
        return talk(reactor, options, display)
    if options.subscribe:
        return Subscribe(reactor, options, display)
    return Publish(reactor, options, display) if options.publish else PubSubPing(reactor, options, display)
