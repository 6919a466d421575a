"""What a server tells while it runs: frozen events, and their JSON form (one object a line)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from tw.schema import VERSION, Json, iso_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """Something that a server tells. `to_json` adds the event's name and the time, which the caller's clock gives."""

    name: ClassVar[str] = ""
    worker: int | None = None
    """Which of several processes it happened in (`--workers`). The place of one that ended is taken by a new number, so
    that a worker and its connection's id name one connection."""

    def to_json(self, at_s: float) -> Json:
        worker: Json = {} if self.worker is None else {"worker": self.worker}
        return {"v": VERSION, "event": self.name, "at": iso_utc(at_s), **worker, **self._fields()}

    def _fields(self) -> Json:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening(ServerEvent):
    """A listener is bound. `endpoint` is a string that `tw probe` and Twisted's clients take; `path` is for unix.

    `worker_pids`: the processes that serve it in place of this one, in their order; None where there are none.
    """

    name: ClassVar[str] = "listening"
    service: str
    transport: str
    host: str | None = None
    port: int | None = None
    path: str | None = None
    endpoint: str
    tls: bool = False
    pin: str | None = None
    pid: int
    worker_pids: tuple[int, ...] | None = None

    def _fields(self) -> Json:
        workers: Json = {} if self.worker_pids is None else {"worker_pids": list(self.worker_pids)}
        place: Json = {"path": self.path} if self.path is not None else {"host": self.host, "port": self.port}
        return {
            "service": self.service,
            "transport": self.transport,
            **place,
            "endpoint": self.endpoint,
            "tls": self.tls,
            "pin": self.pin,
            "pid": self.pid,
            **workers,
        }

    def of_workers(self, pids: tuple[int, ...]) -> "Listening":
        return replace(self, worker_pids=pids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(ServerEvent):
    name: ClassVar[str] = "open"
    id: int
    peer: str

    def _fields(self) -> Json:
        return {"id": self.id, "peer": self.peer}


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(ServerEvent):
    name: ClassVar[str] = "close"
    id: int
    peer: str
    reason: str
    received_bytes: int
    sent_bytes: int
    duration_s: float

    def _fields(self) -> Json:
        return {
            "id": self.id,
            "peer": self.peer,
            "reason": self.reason,
            "received_bytes": self.received_bytes,
            "sent_bytes": self.sent_bytes,
            "duration_s": round(self.duration_s, 6),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested(ServerEvent):
    """One HTTP request was answered. `number` is None where it took none."""

    name: ClassVar[str] = "request"
    number: int | None
    method: str
    path: str
    status: int
    peer: str

    def _fields(self) -> Json:
        return {
            "number": self.number,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "peer": self.peer,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped(ServerEvent):
    """Lines that subscriber `id` will never get."""

    name: ClassVar[str] = "drop"
    id: int
    lines: int
    dropped_bytes: int

    def _fields(self) -> Json:
        return {"id": self.id, "lines": self.lines, "dropped_bytes": self.dropped_bytes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(ServerEvent):
    """A peer was turned away, or thrown out, for `reason`. `suppressed`: how many before it were, and were not told."""

    name: ClassVar[str] = "refused"
    peer: str
    reason: str
    suppressed: int = 0

    def _fields(self) -> Json:
        return {"peer": self.peer, "reason": self.reason, "suppressed": self.suppressed}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded(ServerEvent):
    """Certificate, key and authorities were read again, for connections to come. `pin` is now the key's."""

    name: ClassVar[str] = "reloaded"
    pin: str

    def _fields(self) -> Json:
        return {"pin": self.pin}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultsAsked(ServerEvent):
    """Faults are made on demand; with the same `seed` they are the same ones again."""

    name: ClassVar[str] = "faults"
    seed: int

    def _fields(self) -> Json:
        return {"seed": self.seed}


@dataclass(frozen=True, slots=True, kw_only=True)
class StateWritten(ServerEvent):
    """The counter's state cannot be written any more, for `problem`, or again (None)."""

    name: ClassVar[str] = "state"
    problem: str | None

    def _fields(self) -> Json:
        return {"ok": self.problem is None, "problem": self.problem}


@dataclass(frozen=True, slots=True, kw_only=True)
class ViaChanged(ServerEvent):
    """What the servers share (`--via`) is out of reach, for `problem`, or there again (None)."""

    name: ClassVar[str] = "via"
    problem: str | None

    def _fields(self) -> Json:
        return {"ok": self.problem is None, "problem": self.problem}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwritten(ServerEvent):
    """So many lines of output were dropped, since nobody read them."""

    name: ClassVar[str] = "unwritten"
    lines: int

    def _fields(self) -> Json:
        return {"lines": self.lines}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEnded(ServerEvent):
    """A worker is gone, or has been asked to go, for `reason`. Another takes its place in `again_s` seconds."""

    name: ClassVar[str] = "worker_ended"
    pid: int
    reason: str
    again_s: float

    def _fields(self) -> Json:
        return {"pid": self.pid, "reason": self.reason, "again_s": self.again_s}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(ServerEvent):
    """A worker serves in the place of one that ended."""

    name: ClassVar[str] = "worker_started"
    pid: int

    def _fields(self) -> Json:
        return {"pid": self.pid}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping(ServerEvent):
    """The server stops: `signal` names what asked for it, None when `--duration` is over."""

    name: ClassVar[str] = "stopping"
    signal: str | None

    def _fields(self) -> Json:
        return {"signal": self.signal}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSummary(ServerEvent):
    """The server's last word. `more` holds the service's own counts.

    `refused` counts every refusal, `refusals` each reason's; `idle`: connections closed by `--idle-timeout`;
    `accept_pauses`: how often accepting stopped for a limit; `cut_off`: connections that outlived the drain. `faults`:
    how many were made of each kind, and with which `seed`; None where none were asked for.
    """

    name: ClassVar[str] = "summary"
    service: str
    connections: int
    received_bytes: int
    sent_bytes: int
    refused: int
    cut_off: int
    duration_s: float
    idle: int = 0
    accept_pauses: int = 0
    refusals: Mapping[str, int] = field(default_factory=dict)
    more: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, int] | None = None
    seed: int | None = None

    def _fields(self) -> Json:
        return {
            "service": self.service,
            "connections": self.connections,
            "received_bytes": self.received_bytes,
            "sent_bytes": self.sent_bytes,
            "refused": self.refused,
            "cut_off": self.cut_off,
            "duration_s": round(self.duration_s, 6),
            "refusals": dict(self.refusals),
            "idle": self.idle,
            "accept_pauses": self.accept_pauses,
            **self.more,
            **({"faults": dict(self.faults), "seed": self.seed} if self.faults is not None else {}),
        }
