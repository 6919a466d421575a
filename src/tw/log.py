"""Where Twisted's log goes: to stderr, a line an event. `-vv` alone shows tracebacks, and Twisted's talk of itself."""

import errno
import os
from typing import Any, Protocol

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from zope.interface import implementer

from tw.core.text import safe, safe_lines

LEVELS = {0: LogLevel.warn, 1: LogLevel.info}
"""The least level shown, by the number of `-v`; above those everything is."""

NO_FILES_LEFT = f"{os.strerror(errno.EMFILE).lower()}: connections are turned away; raise the limit (ulimit -n)"


class Sink(Protocol):
    """Where lines go: a stream, or what stands for one."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...


@implementer(ILogObserver)
class LineObserver:
    """Writes one safe line for each event of at least the level that `verbosity` asks for."""

    def __init__(self, verbosity: int, stream: Sink) -> None:
        self._verbosity = verbosity
        self._least = LEVELS.get(verbosity, LogLevel.debug)
        self._stream = stream
        self._warned: set[str] = set()

    def __call__(self, event: LogEvent) -> None:
        trouble = accept_trouble(event)
        if trouble and trouble not in self._warned:
            self._warned.add(trouble)  # it comes again with each connection
            self._write(trouble)
        level = event.get("log_level", LogLevel.info)
        if level < self._least or (self._verbosity < 2 and (trouble or (level < LogLevel.warn and is_twisteds(event)))):
            return
        # The stock reactor tells of an exception in a protocol by `twisted.python.log.err`, which names it otherwise.
        failure = event.get("log_failure") or event.get("failure")
        if failure is None:
            text = safe(formatEvent(event))
        elif self._verbosity > 1:
            text = safe_lines(failure.getTraceback())
        else:
            detail = safe(f"{failure.type.__name__}: {failure.getErrorMessage()}", 200)
            text = f"a bug in tw: {detail}; run it with -vv to see where"
        if text:
            self._write(text)

    def _write(self, text: str) -> None:
        self._stream.write(f"tw: {text}\n")
        self._stream.flush()


def is_twisteds(event: LogEvent) -> bool:
    """Whether Twisted tells of itself, by its own loggers or by `twisted.python.log`."""
    namespace = str(event.get("log_namespace", ""))
    return namespace == "log_legacy" or namespace.partition(".")[0] == "twisted"


def accept_trouble(event: LogEvent) -> str:
    """What keeps connections from being accepted, or nothing.

    Twisted tells it as information alone (`twisted.internet.tcp._accept`). Out of descriptors, it accepts and closes
    what waits with one that it has kept in reserve; where it could not keep one, that comes as a failure.
    """
    if not is_twisteds(event):
        return ""
    text = str(event.get("log_format") or "")
    failure = event.get("log_failure")
    if text.startswith("EMFILE encountered") or (failure is not None and "EMFILE recovery" in text):
        return NO_FILES_LEFT
    name = event.get("acceptError")
    if name in (None, "ECONNABORTED"):  # that is a client that left before its turn
        return ""
    if name == "EMFILE":
        return NO_FILES_LEFT
    return f"connections cannot be accepted: {os.strerror(getattr(errno, str(name), 0)).lower()}"


def start_logging(verbosity: int, stream: Sink) -> None:
    """Send the log to `stream` from now on. stdout and stderr stay as they are."""
    observers: list[Any] = [LineObserver(verbosity, stream)]
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False, discardBuffer=True)
