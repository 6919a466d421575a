"""The standard streams: results flushed by line, JSON in UTF-8, and what a broken pipe or a full disk comes to."""

import errno
import io
import json
import os
import select
from collections.abc import Callable
from typing import TextIO

from tw.core.text import safe
from tw.errors import LocalError, TwError
from tw.options import CommonOptions
from tw.schema import Json


class Output:
    """One of the standard streams. A reader that went away ends the run quietly; a full disk is an error.

    Once a write has failed, the rest is dropped, `failure` says why, and `on_failure` has been called.
    """

    def __init__(self, stream: TextIO, on_failure: Callable[[], None] = lambda: None) -> None:
        self.stream = stream
        self.on_failure = on_failure
        self.broken = False
        self.failure: TwError | None = None

    def line(self, text: str) -> None:
        self.text(text + "\n")

    def text(self, text: str) -> None:
        stream = self.stream
        if hasattr(stream, "buffer"):
            self._guard(lambda: write_all(stream, text.encode(stream.encoding, stream.errors or "strict")))
        else:
            self._guard(lambda: stream.write(text))

    def raw(self, data: bytes) -> None:
        self._guard(lambda: write_all(self.stream, data))

    def finish(self) -> None:
        """Everything is written already."""

    def _guard(self, write: Callable[[], object]) -> None:
        if self.broken:
            return
        try:
            write()
            self.stream.flush()
        except OSError as error:
            self.broken = True
            silence(self.stream)
            if error.errno != errno.EPIPE:
                self.failure = LocalError(f"cannot write the output: {os.strerror(error.errno or 0)}", "stdout")
            self.on_failure()


def write_all(stream: TextIO, data: bytes) -> None:
    """Write bytes to a stream with a buffer, all of them, after what it already holds. Raises OSError.

    They go below the buffer: where a descriptor does not block (its flag is shared with whoever else has it), a buffer
    raises with part of the bytes taken, and under PYTHONUNBUFFERED there is none, and a write may take less than all.
    """
    stream.flush()
    sink = getattr(stream.buffer, "raw", stream.buffer)
    rest = memoryview(data)
    while rest:
        try:
            # As a file in the way of `io.RawIOBase`: None where it would block.
            written = sink.write(rest) or 0
        except BlockingIOError:
            written = 0
        if not written:
            _wait_for_room(stream)
        rest = rest[written:]


def _wait_for_room(stream: TextIO) -> None:
    room = select.poll()  # not select.select, which takes no descriptor above 1023
    room.register(stream.fileno(), select.POLLOUT)
    room.poll()


def silence(stream: TextIO) -> None:
    """Point a broken stream's descriptor at nothing, so that the interpreter's last flush does not fail again."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def to_text(document: Json) -> str:
    """One line of JSON in UTF-8. Escaped is also what JSON would let stand and `safe` does not: C1 controls, which a
    terminal executes, and lone surrogates (undecodable bytes of a path)."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(char if safe(char) == char else _json_escape(char) for char in text)


def _json_escape(char: str) -> str:
    escape = json.dumps(char)[1:-1]
    return escape if escape != char else f"\\u{ord(char):04x}"


def as_utf8(stream: TextIO) -> TextIO:
    """The stream, set to write UTF-8 whatever the locale is: JSON is UTF-8."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8")
    return stream


def shows_blocks(stream: TextIO) -> bool:
    """Whether the stream's encoding has the characters that pictures are made of."""
    try:
        "▁█▏━─".encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def look_of(common: CommonOptions, out: TextIO) -> tuple[bool, bool]:
    """Whether there are colours on `out`, and whether there are tables: on a terminal, unless flags say otherwise."""
    terminal = out.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    color = common.color == "always" or (common.color == "auto" and terminal and not plain)
    return color, terminal or common.color == "always"
