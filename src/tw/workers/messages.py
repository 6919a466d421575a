"""What parent and worker tell each other: one JSON object a line, with the message's name as its only key.

Down: the `Job`, then `stop`, `tls` (what new connections are shown). Up: `ready`; `event`; `counts` (the summary so
far); `leaving` (it accepts nothing more); `last` (the summary, and the numbers that it did not use); `failed`.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from tw.core.workers import added_up, share
from tw.errors import (
    AnswerTimeout,
    AuthError,
    ConnectError,
    LocalError,
    NothingThere,
    ProtocolError,
    TlsError,
    TwError,
    UsageError,
)
from tw.events import (
    Closed,
    Dropped,
    Opened,
    Refused,
    Requested,
    ServerEvent,
    ServerSummary,
    StateWritten,
    Unwritten,
    ViaChanged,
)
from tw.net.redis_access import HandedAccess
from tw.net.tls_handed import Handed
from tw.options import CommonOptions
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServeOptions, ServePubSubOptions
from tw.via_options import ViaOptions

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Of one line. The longest holds the path of a request, 1 MiB at most (`--max-header`), each byte of it six in JSON."""

OPTIONS: dict[str, type[ServeOptions]] = {
    "echo": ServeEchoOptions,
    "counter": ServeCounterOptions,
    "pubsub": ServePubSubOptions,
}
EVENTS: dict[str, type[ServerEvent]] = {
    kind.name: kind
    for kind in (Opened, Closed, Requested, Dropped, Refused, StateWritten, ViaChanged, Unwritten, ServerSummary)
}
ERRORS: dict[str, type[TwError]] = {
    kind.kind: kind
    for kind in (
        UsageError,
        ConnectError,
        AnswerTimeout,
        TlsError,
        AuthError,
        ProtocolError,
        NothingThere,
        LocalError,
    )
}

SEEN_BY_ALL = frozenset(("lines", "relayed_batches", "repeated_batches", "foreign_entries"))
"""Counts of what every worker reads for itself, all of the stream: the whole has them once, as one server has."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a worker is to do. `listeners` and `numbers` are descriptors that it has inherited; `numbers` is where the
    counter borrows its own. `replaces`: others serve already, and wait for nothing that it has to wait for. `tls` holds
    a key, and `via` a password: a job is written to no place but the worker's socket."""

    service: str
    common: CommonOptions
    options: ServeOptions
    listeners: tuple[int, ...]
    numbers: int | None
    tls: Handed | None
    via: HandedAccess | None = None
    replaces: bool = False

    def __repr__(self) -> str:
        return f"Job({self.service}, {self.listeners})"


def service_of(options: ServeOptions) -> str:
    """What they are options of."""
    return next(name for name, kind in OPTIONS.items() if isinstance(options, kind))


def job_text(job: Job) -> str:
    return message(
        "job",
        {name: getattr(job, name) for name in ("service", "listeners", "numbers", "tls", "via", "replaces")}
        | {"common": asdict(job.common), "options": asdict(job.options)},
    )


def job_of(content: Any) -> Job:
    """Raises KeyError, TypeError for anything that `job_text` does not make."""
    options = content["options"]
    if options.get("via") is not None:
        options = options | {"via": ViaOptions(**options["via"])}
    return Job(
        service=content["service"],
        common=CommonOptions(**content["common"]),
        options=_made(OPTIONS[content["service"]], options),
        listeners=tuple(content["listeners"]),
        numbers=content["numbers"],
        tls=content["tls"],
        via=content["via"],
        replaces=content["replaces"],
    )


def options_of_one(options: ServeOptions, workers: int) -> ServeOptions:
    """What one of `workers` is asked for. Limits are in shares; what the parent does (ports, certificates, passwords,
    the ready file, the count, when to end) is no business of a worker's."""
    theirs = replace(
        options,
        workers=1,
        host="127.0.0.1",
        port=0,
        listen=(),
        tls_cert=None,
        tls_key=None,
        tls_client_ca=None,
        tls_self_signed=False,
        duration_s=None,
        ready_file=None,
        max_connections=share(options.max_connections, workers),
        accept_rate=None if options.accept_rate is None else share(options.accept_rate, workers),
    )
    if not isinstance(theirs, ServeCounterOptions | ServePubSubOptions):
        return theirs
    via = None if theirs.via is None else ViaOptions(url=theirs.via.url)  # its files are read
    if isinstance(theirs, ServePubSubOptions):
        return replace(theirs, via=via)
    # A count that is shared begins where all say that it does; one that is not is the parent's.
    return replace(theirs, via=via, state=None, start=None if via is None else theirs.start)


def message(name: str, content: object = None) -> str:
    """One line, without its end."""
    return json.dumps({name: content}, separators=(",", ":"))


def read_message(line: bytes | str) -> tuple[str, Any]:
    """Raises ValueError where it is none."""
    document = json.loads(line)
    if not isinstance(document, dict) or len(document) != 1:
        raise ValueError("not a message")
    return next(iter(document.items()))


def event_text(event: ServerEvent) -> str:
    """The `event` message. Its fields are as they are, and not as a person's JSON has them."""
    return message("event", event_content(event))


def event_content(event: ServerEvent) -> dict[str, Any]:
    content = {field.name: getattr(event, field.name) for field in fields(event)}
    return content | {"event": event.name}


def event_of(content: dict[str, Any], worker: int) -> ServerEvent:
    """The event that `worker` tells of. Raises KeyError, TypeError where it is none."""
    return _made(EVENTS[content.pop("event")], content | {"worker": worker})


def summary_of(content: dict[str, Any]) -> ServerSummary:
    summary = event_of(content, 0)
    assert isinstance(summary, ServerSummary)
    return summary


def error_content(error: TwError) -> dict[str, str]:
    return {"kind": error.kind, "what": error.what, "where": error.where, "hint": error.hint}


def error_of(content: dict[str, str]) -> TwError:
    """The error that a worker tells of, of the same kind, and so with the same exit code."""
    return ERRORS.get(content["kind"], TwError)(content["what"], content["where"], content["hint"])


def blocks_of(content: Iterable[Sequence[int]]) -> list[range]:
    return [range(start, stop) for start, stop in content]


def sum_of(
    service: str, places: Sequence[Sequence[ServerSummary]], more: dict[str, int], duration_s: float
) -> ServerSummary:
    """One summary of several, each place's with those of its workers; `more` is what is counted of all of them."""
    summaries = [each for place in places for each in place]
    refusals = added_up([each.refusals] for each in summaries)
    counts = added_up(([each.more for each in place] for place in places), SEEN_BY_ALL)

    def total(name: str) -> int:
        return sum(getattr(each, name) for each in summaries)

    return ServerSummary(
        service=service,
        connections=total("connections"),
        received_bytes=total("received_bytes"),
        sent_bytes=total("sent_bytes"),
        refused=total("refused"),
        refusals=refusals,
        idle=total("idle"),
        accept_pauses=total("accept_pauses"),
        cut_off=total("cut_off"),
        duration_s=duration_s,
        more={**counts, **more},
    )


def _made(kind: type[T], content: dict[str, Any]) -> T:
    """JSON has lists where these classes have tuples."""
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in content.items()})
