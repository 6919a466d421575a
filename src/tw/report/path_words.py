"""What a probe found out about the path, in words: lines that begin with `=`, `+`, `-` or `~`."""

from tw.core.difference import (
    SECRETS,
    BodyPath,
    ConnectionDifference,
    FieldsDifference,
    PathDifference,
    RequestDifference,
    ResponseDifference,
    TlsPath,
)
from tw.core.sight import ProxySight, TlsSight
from tw.core.text import safe
from tw.report.idle import IdleTimeout

NOTHING = "= nothing changed"

VALUE_CHARS = 200
"""Of a value that is shown; the whole is in the JSON."""

_BODIES = {
    BodyPath.RECODED: "the same body in another content coding",
    BodyPath.CHANGED: "the body differs from what was sent",
    BodyPath.UNKNOWN: "the body's digest is gone, and nothing else tells whether the body changed",
}
_ENDINGS = {"closed": "closed", "reset": "reset", "dropped": "dropped without a word"}
_SIGNS = {"closed": " (FIN)", "reset": " (RST)", "dropped": ""}


def difference_lines(difference: PathDifference) -> list[tuple[str, list[str]]]:
    """The parts of a path, and what changed in each. Every text is safe for a terminal."""
    request = [("request", _request_lines(difference.request))] if difference.request else []
    return [
        *request,
        ("response", _response_lines(difference.response)),
        ("connection", [*_connection_lines(difference.connection), *_keeping_lines(difference)]),
    ]


def difference_text(parts: list[tuple[str, list[str]]]) -> str:
    """How many lines tell of a change."""
    count = sum(not line.startswith("=") for _, lines in parts for line in lines)
    if not count:
        return "ok, nothing changed"
    return f"ok, {count} difference{'s' * (count > 1)}"


def _request_lines(request: RequestDifference) -> list[str]:
    lines = [f"~ {part} {_value(sent)} -> {_value(arrived)}" for part, sent, arrived in request.line]
    lines += _fields_lines(request.headers)
    return lines or [NOTHING]


def _response_lines(response: ResponseDifference) -> list[str]:
    lines = []
    if response.status is not None and response.status[0] != response.status[1]:
        lines.append(f"~ status {response.status[0]} -> {response.status[1]}")
    if response.headers is not None:
        lines += _fields_lines(response.headers)
    if response.body in _BODIES:
        where = "" if response.first is None else f", from byte {response.first} on"
        sizes = f"{response.sizes[0]} bytes -> {response.sizes[1]}"
        lines.append(f"~ {_BODIES[response.body]}{where} ({sizes})")
    return lines or [NOTHING]


def _fields_lines(fields: FieldsDifference) -> list[str]:
    lines = [f"+ {_field(name, value)}" for name, value in fields.added]
    lines += [f"- {_field(name, value)}" for name, value in fields.removed]
    for name, sent, arrived in fields.changed:
        if name.lower() in SECRETS:
            lines.append(f"~ {_value(name)}: changed (not shown)")
        else:
            lines.append(f"~ {_value(name)}: {_value(sent)} -> {_value(arrived)}")
    if fields.respelled:
        lines.append(
            "~ names " + ", ".join(f"{_value(sent)} -> {_value(arrived)}" for sent, arrived in fields.respelled)
        )
    if fields.reordered:
        lines.append("~ the fields are in another order")
    return lines


def _field(name: str, value: str) -> str:
    return f"{_value(name)}: {'(not shown)' if name.lower() in SECRETS else _value(value)}"


def _value(text: str) -> str:
    return safe(text, VALUE_CHARS)


def _connection_lines(connection: ConnectionDifference) -> list[str]:
    probe, server = connection.probe, connection.server
    lines = []
    if connection.source_kept is False:
        tells = " and ".join(connection.told_by) or "nothing"
        told = f"{tells} tell{'s' * (len(connection.told_by) < 2)} the probe's own"
        lines.append(f"~ source {_value(probe.local)} -> {_value(server.peer)} ({told})")
    if connection.destination_kept is False:
        lines.append(f"~ destination {_value(probe.peer)} -> {_value(server.local)}")
    lines = lines or ["= the same two addresses at both ends"]
    return [*lines, *_proxy_lines(probe.proxy, server.proxy), *_tls_lines(connection)]


def _proxy_lines(sent: ProxySight | None, arrived: ProxySight | None) -> list[str]:
    """`sent` is the header of the probe's own."""
    if sent == arrived:
        return [] if sent is None else [f"= PROXY header, {_header(sent)}"]
    if sent is None or arrived is None:
        return [f"- PROXY header, {_header(sent)}" if sent else f"+ PROXY header, {_header(arrived)}"]
    return [f"~ PROXY header, {_header(sent)} -> {_header(arrived)}"]


def _header(proxy: ProxySight | None) -> str:
    if proxy is None:
        return "none"
    told = "".join(f", {_value(name)} {_value(value)}" for name, value in proxy.told.items())
    return f"version {proxy.version}: {_value(proxy.source or 'no source')}{told}"


def _keeping_lines(difference: PathDifference) -> list[str]:
    """What became of the wish that the connection stay open, which a path grants or not on each of its parts."""
    request = difference.request
    if request is None:
        return []
    wish = {True: "kept alive", False: "closed"}
    lines = []
    if request.asked is not request.asked_of_server:
        lines.append(f"~ asked to be {wish[request.asked]} -> the server is asked to have it {wish[not request.asked]}")
    if request.asked and difference.response.kept is False:
        lines.append("~ asked to be kept alive -> the answer ends it")
    return lines


def _tls_lines(connection: ConnectionDifference) -> list[str]:
    path = connection.tls
    probe, server = connection.probe.tls, connection.server.tls
    if path is TlsPath.NONE:
        return []
    if path is TlsPath.PASSED:
        return [f"= TLS passed through: one session ({_session(probe)})"]
    if path is TlsPath.UNKNOWN:
        return [f"= TLS at both ends, of the same kind ({_session(probe)}); one session or two, nothing tells"]
    before = _session(probe) if probe is not None else "none"
    after = _session(server) if server is not None else "none"
    return [f"~ TLS {path}: {before} -> {after}"]


def _session(tls: TlsSight | None) -> str:
    if tls is None:
        return "none"
    words = [tls.version, tls.cipher or "no cipher"]
    words += [f"SNI {tls.server_name}"] if tls.server_name else []
    words += [f"ALPN {tls.alpn}"] if tls.alpn else []
    words += [f"client {tls.client.subject}"] if tls.client else []
    return ", ".join(map(_value, words))


def idle_text(found: IdleTimeout) -> str:
    """`kept for 30 s, closed at 30.004 s (FIN)`."""
    if found.lost_s is None or found.how is None:
        return f"kept for at least {_seconds(found.kept_s)}"
    ending, sign = _ENDINGS[found.how], _SIGNS[found.how]
    return f"kept for {_seconds(found.kept_s)}, {ending} at {_seconds(found.lost_s)}{sign}"


def _seconds(seconds: float) -> str:
    return f"{round(seconds, 3):g} s"
