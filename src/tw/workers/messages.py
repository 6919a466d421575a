"""What parent and worker tell each other: one JSON object a line, with the message's name as its only key.

Down: the `Job`, then `stop`, `tls` (what new connections are shown). Up: `ready`; `event`; `counts` (the summary so
far); `leaving` (it accepts nothing more); `last` (the summary, and the numbers that it did not use); `failed`.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from tw.core.workers import share
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
)
from tw.net.tls_handed import Handed
from tw.options import CommonOptions
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServeOptions

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Of one line. The longest holds the path of a request, 1 MiB at most (`--max-header`), each byte of it six in JSON."""

OPTIONS: dict[str, type[ServeOptions]] = {"echo": ServeEchoOptions, "counter": ServeCounterOptions}
EVENTS: dict[str, type[ServerEvent]] = {
    kind.name: kind for kind in (Opened, Closed, Requested, Dropped, Refused, StateWritten, Unwritten, ServerSummary)
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

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a worker is to do. `listeners` and `numbers` are descriptors that it has inherited; `numbers` is where the
    counter borrows its own. `tls` holds a key: a job is written to no place but the worker's socket."""

    service: str
    common: CommonOptions
    options: ServeOptions
    listeners: tuple[int, ...]
    numbers: int | None
    tls: Handed | None

    def __repr__(self) -> str:
        return f"Job({self.service}, {self.listeners})"


def job_text(job: Job) -> str:
    return message(
        "job",
        {name: getattr(job, name) for name in ("service", "listeners", "numbers", "tls")}
        | {"common": asdict(job.common), "options": asdict(job.options)},
    )


def job_of(content: Any) -> Job:
    """Raises KeyError, TypeError for anything that `job_text` does not make."""
    return Job(
        service=content["service"],
        common=CommonOptions(**content["common"]),
        options=_made(OPTIONS[content["service"]], content["options"]),
        listeners=tuple(content["listeners"]),
        numbers=content["numbers"],
        tls=content["tls"],
    )


def options_of_one(options: ServeOptions, workers: int) -> ServeOptions:
    """What one of `workers` is asked for. Limits are in shares; what the parent does (ports, certificates, the ready
    file, the count, when to end) is no business of a worker's."""
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
    return replace(theirs, state=None, start=None) if isinstance(theirs, ServeCounterOptions) else theirs


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


def sum_of(service: str, summaries: Sequence[ServerSummary], more: dict[str, int], duration_s: float) -> ServerSummary:
    """One summary of several; `more` is what is counted of all of them."""
    refusals: dict[str, int] = {}
    counts: dict[str, int] = {}
    for each in summaries:
        _add(refusals, each.refusals)
        _add(counts, each.more)

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


def _add(to: dict[str, int], what: Any) -> None:
    for name, count in what.items():
        to[name] = to.get(name, 0) + count


def _made(kind: type[T], content: dict[str, Any]) -> T:
    """JSON has lists where these classes have tuples."""
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in content.items()})
