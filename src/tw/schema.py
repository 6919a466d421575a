"""What every JSON object of `tw` has in common: its version, its times, and how an error looks."""

from datetime import UTC, datetime
from typing import TypeAlias

from tw.errors import TwError

VERSION = 1

Json: TypeAlias = dict[str, object]


def iso_utc(at_s: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error_json(error: TwError) -> Json:
    told: Json = {"kind": error.kind, "exit": int(error.exit_code), "message": str(error)}
    return told if error.reason is None else {**told, "reason": error.reason}


def failure_json(error: TwError, *, streamed: bool = False) -> Json:
    """The one object that a client prints when it has no report: it failed before it could have one. `streamed`: it
    is the last line of `--json-stream`, whose lines have names."""
    event: Json = {"event": "report"} if streamed else {}
    return {"v": VERSION, **event, "ok": False, "error": error_json(error)}
