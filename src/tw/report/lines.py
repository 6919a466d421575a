"""What `--subscribe` received."""

import re
from dataclasses import dataclass

from tw.errors import TwError
from tw.schema import VERSION, Json, error_json

SOURCE = re.compile(rb"<([^<>\s]{1,300})> ")
"""The prefix of a pub/sub line: who published it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReceived:
    """One line that `--subscribe` got. `source` is the server's prefix, None under its `--no-prefix`."""

    source: str | None
    line: str

    @classmethod
    def parse(cls, line: bytes) -> "LineReceived":
        """Part the prefix from the line; under the server's `--no-prefix` a line's own text may look like one.

        Bytes that are not UTF-8 become `\\xNN`: JSON is UTF-8.
        """
        match = SOURCE.match(line)
        source = match[1].decode("utf-8", "backslashreplace") if match else None
        text = line[match.end() :] if match else line
        return cls(source=source, line=text.decode("utf-8", "backslashreplace"))

    def to_json(self) -> Json:
        return {"v": VERSION, "event": "line", "source": self.source, "line": self.line}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeSummary:
    """The end of a `--subscribe` run. `expected` is `--count`, None without it."""

    target: str
    ok: bool
    lines: int
    expected: int | None
    received_bytes: int
    duration_s: float
    error: TwError | None = None

    def to_json(self) -> Json:
        document: Json = {
            "v": VERSION,
            "event": "summary",
            "probe": "pubsub",
            "target": self.target,
            "ok": self.ok,
            "lines": self.lines,
            "expected": self.expected,
            "received_bytes": self.received_bytes,
            "duration_s": round(self.duration_s, 6),
        }
        if self.error is not None:
            document["error"] = error_json(self.error)
        return document
