"""`tw probe echo|counter|pubsub`."""

from collections.abc import Callable
from typing import Any

import click

from tw.cli.command import command, keep_json, rank, session_of, typed
from tw.cli.options import CLIENT_CERT_OPTIONS, SERVER_NAME_OPTION, VERIFY_OPTIONS, apply, verify_from
from tw.cli.params import DURATION_OR_ZERO, DURATION_TYPE, HeaderType, ListType, ResolveType, SizeType
from tw.cli.probe_connect import CONNECT_OPTIONS
from tw.cli.probe_judge import JUDGE_OPTIONS, judge_from
from tw.cli.probe_load import LOAD_OPTIONS, load_from
from tw.cli.probe_matrix import MATRIX_OPTIONS, matrix_from
from tw.cli.probe_path import PATH_OPTIONS, survey_from
from tw.cli.texts import HOST, TEXT

MAX_SIZE = 16 * 1024 * 1024
MAX_COUNT = 10**10 - 1
"""Ten digits number a payload."""

COUNT = click.IntRange(1, MAX_COUNT)

COMMON_OPTIONS: list[Callable[..., Any]] = [
    click.option(
        "--interval",
        "interval_s",
        type=DURATION_OR_ZERO,
        default="1s",
        show_default=True,
        help="From one sample to the next.",
    ),
    click.option(
        "--timeout",
        "timeout_s",
        type=DURATION_TYPE,
        default="5s",
        show_default=True,
        help="For connecting, and for each answer.",
    ),
    click.option("--wait-for", "wait_for_s", type=DURATION_TYPE, help="Keep trying to connect for so long."),
    click.option("--tls", is_flag=True, help="Speak TLS."),
    *VERIFY_OPTIONS,
    SERVER_NAME_OPTION,
    *CLIENT_CERT_OPTIONS,
    click.option("-4", "--ipv4", is_flag=True, help="Use IPv4 only."),
    click.option("-6", "--ipv6", is_flag=True, help="Use IPv6 only."),
    click.option("--bind", type=HOST, metavar="HOST", help="Source address."),
    click.option("--self", "self_test", is_flag=True, help="Start the matching server in this process and probe it."),
    click.option("--json", is_flag=True, is_eager=True, callback=keep_json, help="One report object on stdout."),
]


def _size_option() -> Callable[..., Any]:
    return click.option(
        "--size",
        "size_bytes",
        type=SizeType(20, MAX_SIZE),
        default="64",
        show_default=True,
        help="Of a payload, with its token and number.",
    )


def _count_option(**more: Any) -> Callable[..., Any]:
    return click.option("--count", type=COUNT, metavar="N", **more)


INTERACTIVE = click.option("-i", "--interactive", is_flag=True, help="Talk: your lines out, the server's to stdout.")


def _shared(ctx: click.Context, options: dict[str, Any], without_report: str = "") -> dict[str, Any]:
    """The values as the options objects take them."""
    judge = judge_from(ctx, options, without_report=without_report)
    load = load_from(ctx, options)
    verify = verify_from(ctx, options)
    ipv4, ipv6 = options.pop("ipv4"), options.pop("ipv6")
    if ipv4 and ipv6:
        first, second = rank(ctx, "ipv4"), rank(ctx, "ipv6")
        if first == second:
            raise click.UsageError("-4 beside -6", ctx)
        ipv4, ipv6 = first > second, second > first
    return {**options, "verify": verify, "family": 4 if ipv4 else 6 if ipv6 else None, "load": load, "judge": judge}


def _only_for_ping(ctx: click.Context, talking: bool, modes: str) -> None:
    if talking and typed(ctx, "interval_s"):
        raise click.UsageError("--interval outside ping mode", ctx)
    if talking and typed(ctx, "size_bytes"):
        raise click.UsageError(f"--size beside {modes}: it is the size of a payload", ctx)


@command("echo", "probe.echo", help="Send numbered payloads and prove that every byte comes back.")
@click.argument("target", type=TEXT, required=False)
@_count_option(default=5, show_default=True, help="Samples.")
@apply(COMMON_OPTIONS)
@apply(CONNECT_OPTIONS)
@apply(LOAD_OPTIONS)
@apply(JUDGE_OPTIONS)
@apply(PATH_OPTIONS)
@_size_option()
@click.option("--udp", is_flag=True, help="Over UDP.")
@INTERACTIVE
@click.option(
    "--idle",
    "idle_s",
    type=DURATION_TYPE,
    default="1s",
    show_default=True,
    help="With -i: leave after so much silence at the end of the input.",
)
@click.pass_context
def echo(ctx: click.Context, /, **options: Any) -> int:
    from tw.clients import probe_echo
    from tw.probe_options import ProbeEchoOptions

    _only_for_ping(ctx, options["interactive"], "-i")
    if options["interactive"] and typed(ctx, "count"):
        raise click.UsageError("--count beside -i", ctx)
    if typed(ctx, "idle_s") and not options["interactive"]:
        raise click.UsageError("--idle without -i", ctx)
    survey = survey_from(ctx, options)
    shared = _shared(ctx, options, "-i" if options["interactive"] else "")
    return probe_echo(session_of(ctx).options(), ProbeEchoOptions(**shared, survey=survey))


@command(
    "counter",
    "probe.counter",
    discreet=True,
    help="Send requests and prove that each is answered, with a number of its own.",
)
@click.argument("target", type=TEXT, required=False)
@_count_option(default=5, show_default=True, help="Samples.")
@apply(COMMON_OPTIONS)
@apply(CONNECT_OPTIONS)
@apply(LOAD_OPTIONS)
@apply(JUDGE_OPTIONS)
@apply(PATH_OPTIONS)
@click.option("--path", type=TEXT, metavar="PATH", help="Path of the request.  [default: /, or the URL's]")
@click.option(
    "-H", "--header", "headers", multiple=True, type=HeaderType("name: value"), help="Send this header; repeatable."
)
@click.option("-X", "--method", type=TEXT, default="GET", show_default=True, help="Method of the request.")
@click.option(
    "--expect-status",
    type=click.IntRange(100, 599),
    default=200,
    show_default=True,
    metavar="N",
    help="Another status is a bad verdict.",
)
@click.option(
    "--resolve", multiple=True, type=ResolveType("host:port:addr"), help="Connect to ADDR for HOST:PORT; repeatable."
)
@click.option("--no-keepalive", is_flag=True, help="A connection for each request.")
@click.pass_context
def counter(ctx: click.Context, /, *, no_keepalive: bool, **options: Any) -> int:
    from tw.clients import probe_counter
    from tw.probe_options import ProbeCounterOptions

    survey = survey_from(ctx, options)
    chosen = ProbeCounterOptions(**_shared(ctx, options), keepalive=not no_keepalive, survey=survey)
    return probe_counter(session_of(ctx).options(), chosen)


@command(
    "pubsub",
    "probe.pubsub",
    help="Publish numbered lines and prove that they reach a subscriber; or talk.",
    epilog="Of two TARGETs the first gets the publisher, the second the subscriber. With --publishers and "
    "--subscribers they are dealt to any number of TARGETs in turn.",
)
@click.argument("targets", type=TEXT, nargs=-1, metavar="[TARGET]...")
@_count_option(help="Samples; with --subscribe, lines to leave after.  [default: 5; unlimited with --subscribe]")
@apply(COMMON_OPTIONS)
@apply(CONNECT_OPTIONS)
@apply(MATRIX_OPTIONS)
@apply(JUDGE_OPTIONS)
@_size_option()
@INTERACTIVE
@click.option(
    "--publish", multiple=True, type=ListType("line"), help="Publish this line and leave; repeatable; - reads stdin."
)
@click.option("--no-wait", is_flag=True, help="Do not wait until published lines come back.")
@click.option("--subscribe", is_flag=True, help="Receive lines.")
@click.option(
    "--idle",
    "idle_s",
    type=DURATION_TYPE,
    help="Leave after so much silence.  [default: never with --subscribe, 1s with -i]",
)
@click.pass_context
def pubsub(ctx: click.Context, /, *, targets: tuple[str, ...], no_wait: bool, count: int | None, **options: Any) -> int:
    from tw.clients import probe_pubsub
    from tw.probe_options import ProbePubSubOptions

    talking = options["interactive"] or options["subscribe"] or bool(options["publish"])
    _only_for_ping(ctx, talking, "-i, --publish or --subscribe")
    if typed(ctx, "idle_s") and not (options["interactive"] or options["subscribe"]):
        raise click.UsageError("--idle without -i or --subscribe", ctx)
    if typed(ctx, "count") and talking and not options["subscribe"]:
        raise click.UsageError("--count beside -i or --publish", ctx)
    matrix = matrix_from(ctx, options, count)
    silent = "-i" if options["interactive"] else "--subscribe" if options["subscribe"] else ""
    shared = _shared(ctx, {**options, "count": count}, silent)
    chosen = ProbePubSubOptions(
        **{**shared, "count": count or 5},
        target=targets[0] if targets else None,
        more_targets=targets[1:],
        subscribe_count=count if options["subscribe"] else None,
        wait=not no_wait,
        matrix=matrix,
    )
    return probe_pubsub(session_of(ctx).options(), chosen)
