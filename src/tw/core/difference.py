"""What became of a message on its way: what was sent, held against what arrived."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tw.core.forwarded import parse_forwarded, parse_forwarded_for
from tw.core.sight import Fields, RequestSight, Sight, TlsSight

SECRETS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
"""Fields whose values are nobody else's business: that they changed is told, not what they hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldsDifference:
    """Of two headers: `added` and `removed` are (name, value), `changed` (name, sent, arrived).

    `respelled` are names, as sent and as arrived, that differ in their case alone; they mean the same (RFC 9110, 5.1).
    `reordered`: the fields that both have come in another order.
    """

    added: Fields = ()
    removed: Fields = ()
    changed: tuple[tuple[str, str, str], ...] = ()
    respelled: tuple[tuple[str, str], ...] = ()
    reordered: bool = False

    @property
    def count(self) -> int:
        return len(self.added) + len(self.removed) + len(self.changed) + len(self.respelled) + self.reordered


def compare_fields(sent: Fields, arrived: Fields) -> FieldsDifference:
    """Fields of one name are held against each other: equal values first, the rest in their order."""
    names = list(dict.fromkeys(name.lower() for name, _ in (*sent, *arrived)))
    added: list[tuple[str, str]] = []
    removed: list[tuple[str, str]] = []
    changed: list[tuple[str, str, str]] = []
    respelled: list[tuple[str, str]] = []
    for name in names:
        here, there = _named(sent, name), _named(arrived, name)
        gone, come = _without(here, there), _without(there, here)
        for (_, before), (spelled, after) in zip(gone, come, strict=False):
            changed.append((spelled, before, after))
        removed += gone[len(come) :]
        added += come[len(gone) :]
        if here and there and here[0][0] != there[0][0]:
            respelled.append((here[0][0], there[0][0]))
    return FieldsDifference(
        added=tuple(added),
        removed=tuple(removed),
        changed=tuple(changed),
        respelled=tuple(respelled),
        reordered=_order(sent, arrived) != _order(arrived, sent),
    )


def _named(fields: Fields, name: str) -> list[tuple[str, str]]:
    return [field for field in fields if field[0].lower() == name]


def _without(fields: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those whose values are not among the others'."""
    left = Counter(value for _, value in others)
    kept = []
    for name, value in fields:
        if left[value]:
            left[value] -= 1
        else:
            kept.append((name, value))
    return kept


def _order(fields: Fields, others: Fields) -> list[str]:
    """The names in order that both have as often."""
    counts, other_counts = (Counter(name.lower() for name, _ in each) for each in (fields, others))
    names = [name.lower() for name, _ in fields]
    return [name for name in names if counts[name] == other_counts[name]]


class TlsPath(StrEnum):
    """What became of the probe's TLS on its way."""

    NONE = "none"
    PASSED = "passed through"
    TERMINATED = "terminated"
    RE_ENCRYPTED = "terminated and re-encrypted"
    ADDED = "added"
    UNKNOWN = "unknown"


def tls_path(probe: TlsSight | None, server: TlsSight | None) -> TlsPath:
    """Where both ends exported the same keying material, it is one session; nothing else proves it."""
    if probe is None:
        return TlsPath.NONE if server is None else TlsPath.ADDED
    if server is None:
        return TlsPath.TERMINATED
    if probe.exporter is not None and server.exporter is not None:
        return TlsPath.PASSED if probe.exporter == server.exporter else TlsPath.RE_ENCRYPTED
    return TlsPath.RE_ENCRYPTED if (probe.version, probe.cipher) != (server.version, server.cipher) else TlsPath.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDifference:
    """One connection as its two ends see it. `told_by` are the ways in which the server learned the probe's address."""

    probe: Sight
    server: Sight
    told_by: tuple[str, ...] = ()

    @property
    def source_kept(self) -> bool | None:
        """Whether the server's peer is the probe's own socket; None for unix sockets, which have no names."""
        return _same_place(self.probe.local, self.server.peer)

    @property
    def destination_kept(self) -> bool | None:
        """Whether the server was reached where the probe connected to."""
        return _same_place(self.probe.peer, self.server.local)

    @property
    def tls(self) -> TlsPath:
        return tls_path(self.probe.tls, self.server.tls)


def _same_place(here: str, there: str) -> bool | None:
    if here.startswith("unix:") and there.startswith("unix:"):
        return None
    return here == there


def compare_connections(probe: Sight, server: Sight, headers: Fields = ()) -> ConnectionDifference:
    """`headers` are those of the request as it arrived."""
    host = _host(probe.local)
    ways = []
    if server.proxy is not None and server.proxy.source == probe.local and probe.proxy != server.proxy:
        ways.append("the PROXY header")
    forwarded = parse_forwarded(value for _, value in _named(headers, "forwarded"))
    if host in (_host(element.get("for", "")) for element in forwarded):
        ways.append("Forwarded")
    if host in map(_host, parse_forwarded_for(value for _, value in _named(headers, "x-forwarded-for"))):
        ways.append("X-Forwarded-For")
    return ConnectionDifference(probe=probe, server=server, told_by=tuple(ways))


def _host(place: str) -> str:
    """`1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]`, `[::1]:5`: the address alone."""
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place.rpartition(":")[0] if place.count(":") == 1 else place


def asks_to_keep(version: str, fields: Fields) -> bool:
    """Whether a request wants the connection to stay open (RFC 9112, 9.3)."""
    options = {
        option.strip().lower() for name, value in fields if name.lower() == "connection" for option in value.split(",")
    }
    return "close" not in options and (version == "1.1" or "keep-alive" in options)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDifference:
    """`line` holds what changed of method, target and version: (which, sent, arrived).

    `asked` and `asked_of_server`: whether the connection was to be kept, in the request as sent and as arrived.
    """

    line: tuple[tuple[str, str, str], ...]
    headers: FieldsDifference
    asked: bool
    asked_of_server: bool
    arrived: RequestSight


def compare_requests(sent: RequestSight, arrived: RequestSight) -> RequestDifference:
    parts = [(part, getattr(sent, part), getattr(arrived, part)) for part in ("method", "target", "version")]
    return RequestDifference(
        line=tuple((part, before, after) for part, before, after in parts if before != after),
        headers=compare_fields(sent.headers, arrived.headers),
        asked=asks_to_keep(sent.version, sent.headers),
        asked_of_server=asks_to_keep(arrived.version, arrived.headers),
        arrived=arrived,
    )


class BodyPath(StrEnum):
    """What became of an answer's bytes."""

    SAME = "same"
    RECODED = "recoded"
    """The same, in a content coding of the path's."""
    CHANGED = "changed"
    UNKNOWN = "unknown"
    """It can be read, but the digest that it was sent with did not arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseDifference:
    """Of an answer, from the server to the probe. `status` is (sent, arrived), and so are `sizes`, in bytes.

    Echo has no header and no status. `first` is the offset of its first byte that differs. `kept`: whether the answer
    leaves the connection open.
    """

    body: BodyPath
    sizes: tuple[int, int]
    first: int | None = None
    status: tuple[int, int] | None = None
    headers: FieldsDifference | None = None
    kept: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PathDifference:
    """All that changed between a probe and its server. `request` is None where the path carries no HTTP."""

    connection: ConnectionDifference
    request: RequestDifference | None
    response: ResponseDifference
