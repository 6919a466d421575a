"""What the path to a server changed, as JSON."""

from tw.core.difference import (
    SECRETS,
    ConnectionDifference,
    FieldsDifference,
    PathDifference,
    RequestDifference,
    ResponseDifference,
)
from tw.schema import Json


def difference_json(difference: PathDifference) -> Json:
    """The `diff` of a report. Values of secret fields are null (`core.difference.SECRETS`)."""
    return {
        "request": _request_json(difference.request) if difference.request else None,
        "response": _response_json(difference.response),
        "connection": _connection_json(difference.connection),
    }


def _request_json(request: RequestDifference) -> Json:
    line = {part: {"sent": sent, "arrived": arrived} for part, sent, arrived in request.line}
    return {
        **{part: line.get(part) for part in ("method", "target", "version")},
        "headers": _fields_json(request.headers),
        "keep_alive": {"sent": request.asked, "arrived": request.asked_of_server},
    }


def _response_json(response: ResponseDifference) -> Json:
    told: Json = {
        "body": str(response.body),
        "body_bytes": {"sent": response.sizes[0], "arrived": response.sizes[1]},
    }
    if response.first is not None:
        told["first_difference"] = response.first
    if response.status is not None and response.headers is not None:
        told["status"] = {"sent": response.status[0], "arrived": response.status[1]}
        told["headers"] = _fields_json(response.headers)
        told["kept_alive"] = response.kept
    return told


def _fields_json(fields: FieldsDifference) -> Json:
    return {
        "added": [[name, _shown(name, value)] for name, value in fields.added],
        "removed": [[name, _shown(name, value)] for name, value in fields.removed],
        "changed": [[name, _shown(name, sent), _shown(name, arrived)] for name, sent, arrived in fields.changed],
        "respelled": [list(pair) for pair in fields.respelled],
        "reordered": fields.reordered,
    }


def _shown(name: str, value: str) -> str | None:
    return None if name.lower() in SECRETS else value


def _connection_json(connection: ConnectionDifference) -> Json:
    return {
        "source_kept": connection.source_kept,
        "destination_kept": connection.destination_kept,
        "told_by": list(connection.told_by),
        "tls": str(connection.tls),
        "probe": connection.probe.to_json(),
        "server": connection.server.to_json(),
    }
