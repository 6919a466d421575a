"""`tw serve echo|counter|pubsub`."""

from collections.abc import Callable
from typing import Any

import click

from tw.cli.command import TYPED, command, rank, session_of
from tw.cli.params import DURATION_OR_ZERO, DURATION_TYPE, PORT, ListType, SizeType
from tw.cli.serve_counter import counter_options
from tw.cli.serve_describe import describe_option
from tw.cli.serve_faults import fault_options, faults_from, status_option
from tw.cli.serve_limits import LIMITS
from tw.cli.serve_proxy import PROXY_OPTIONS
from tw.cli.serve_via import maxlen_option, settle_via, via_options
from tw.cli.serve_workers import workers_option
from tw.cli.texts import FILE, HOST

MAX_LINE_LIMIT = 64 * 1024 * 1024
MAX_BACKLOG = 4 * 1024**3
MAX_HISTORY = 1_000_000


def _listen_options(default_port: int) -> list[Callable[..., Any]]:
    return [
        click.option(
            "--port", type=PORT, default=default_port, show_default=True, help="TCP port; 0 takes a free one."
        ),
        click.option(
            "--host",
            type=HOST,
            default="127.0.0.1",
            show_default=True,
            help="Address; 0.0.0.0 or :: opens it to others.",
        ),
        click.option(
            "--listen",
            multiple=True,
            type=ListType("strport"),
            help="Twisted server endpoint string instead of host and port; repeatable.",
        ),
        click.option("--tls-cert", type=FILE, metavar="PEM", help="Serve TLS with this certificate (chain)."),
        click.option("--tls-key", type=FILE, metavar="PEM", help="The certificate's private key."),
        click.option(
            "--tls-client-ca", type=FILE, metavar="PEM", help="Ask clients for a certificate of this authority."
        ),
        click.option(
            "--tls-self-signed", is_flag=True, help="Serve TLS with a throw-away certificate; prints its pin."
        ),
        *PROXY_OPTIONS,
        click.option(
            "--handshake-timeout",
            "handshake_timeout_s",
            type=DURATION_TYPE,
            default="10s",
            show_default=True,
            help="How long a TLS handshake may take.",
        ),
        click.option(
            "--drain-timeout",
            "drain_timeout_s",
            type=DURATION_OR_ZERO,
            default="5s",
            show_default=True,
            help="How long a stop may take.",
        ),
        click.option("--duration", "duration_s", type=DURATION_TYPE, help="Stop by itself after so long."),
        workers_option,
        *LIMITS,
        click.option("--ready-file", type=FILE, metavar="PATH", help="Written once every listener is bound."),
        click.option("--json", is_flag=True, help="Events as JSON Lines on stdout."),
        click.option("--access-log", is_flag=True, help="Tell of every connection and request."),
    ]


def listen_options(default_port: int) -> Callable[[Any], Any]:
    """The options that the three servers share."""

    def decorate(function: Any) -> Any:
        for option in reversed(_listen_options(default_port)):
            function = option(function)
        return function

    return decorate


def _place(ctx: click.Context, options: dict[str, Any]) -> dict[str, Any]:
    """Settle `--listen` against `--host` and `--port`: the higher source wins, and `--listen` where they are level."""
    place, listen = rank(ctx, "host", "port"), rank(ctx, "listen")
    if place == listen == TYPED:
        raise click.UsageError("--listen beside --host or --port: an endpoint string names its own place", ctx)
    if place > listen:
        options["listen"] = ()
    return options


@command("echo", "serve.echo", help="Send back every byte. TCP and unix clients may half-close first.")
@listen_options(1234)
@click.option("--udp", is_flag=True, help="The same port over UDP as well.")
@fault_options
@describe_option("in one line of JSON ahead of the echo")
@click.pass_context
def echo(ctx: click.Context, /, **options: Any) -> int:
    from tw.serve_options import ServeEchoOptions
    from tw.servers import serve_echo

    faults = faults_from(options)
    return serve_echo(session_of(ctx).options(), ServeEchoOptions(**_place(ctx, options), faults=faults))


@command("counter", "serve.counter", help="Answer every GET and HEAD with `I am request #N`.")
@listen_options(8080)
@counter_options
@via_options("key", "Number the requests of every server with this URL together")
@fault_options
@status_option
@describe_option("the request and its header too, as the answer's body in JSON")
@click.pass_context
def counter(ctx: click.Context, /, **options: Any) -> int:
    from tw.serve_options import ServeCounterOptions
    from tw.servers import serve_counter

    faults = faults_from(options)
    chosen = ServeCounterOptions(**settle_via(ctx, _place(ctx, options), "key"), faults=faults)
    return serve_counter(session_of(ctx).options(), chosen)


@command("pubsub", "serve.pubsub", help="Send each line that a client sends to every client, prefixed with its source.")
@listen_options(1025)
@click.option("--no-prefix", is_flag=True, help="Send lines as they came, without their source.")
@click.option("--no-echo", is_flag=True, help="Do not send a line back to its own publisher.")
@click.option("--crlf", is_flag=True, help="End lines in CR LF rather than LF.")
@click.option(
    "--max-line",
    "max_line_bytes",
    type=SizeType(1, MAX_LINE_LIMIT),
    default="64k",
    show_default=True,
    help="Longest line, without its end.",
)
@click.option(
    "--history",
    "history_lines",
    type=click.IntRange(0, MAX_HISTORY),
    default=0,
    show_default=True,
    metavar="N",
    help="Send a new client the last N lines first.",
)
@click.option(
    "--backlog",
    "backlog_bytes",
    type=SizeType(1, MAX_BACKLOG),
    default="8M",
    show_default=True,
    help="Unsent bytes that a subscriber may have.",
)
@click.option(
    "--slow",
    type=click.Choice(["disconnect", "drop", "block"]),
    default="disconnect",
    show_default=True,
    help="When a subscriber's backlog passes that: disconnect it, drop its oldest lines, or pause the publishers.",
)
@click.option(
    "--block-timeout",
    "block_timeout_s",
    type=DURATION_TYPE,
    help="With --slow block: disconnect who reads nothing for so long.  [default: 30s]",
)
@via_options("stream", "Be one with every server that has this URL, over a stream of Redis's")
@maxlen_option
@click.pass_context
def pubsub(ctx: click.Context, /, *, no_prefix: bool, no_echo: bool, **options: Any) -> int:
    from tw.serve_options import ServePubSubOptions
    from tw.servers import serve_pubsub

    shared = settle_via(ctx, _place(ctx, options), "stream")
    chosen = ServePubSubOptions(**shared, prefix=not no_prefix, echo=not no_echo)
    return serve_pubsub(session_of(ctx).options(), chosen)
