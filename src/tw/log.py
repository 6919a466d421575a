"""Where Twisted's log goes: to stderr, a line an event; tracebacks with `-vv` alone."""

from typing import IO, Any

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from zope.interface import implementer

from tw.core.text import safe, safe_lines

LEVELS = {0: LogLevel.warn, 1: LogLevel.info}
"""The least level shown, by the number of `-v`; above those everything is."""


@implementer(ILogObserver)
class LineObserver:
    """Writes one safe line for each event of at least the level that `verbosity` asks for."""

    def __init__(self, verbosity: int, stream: IO[str]) -> None:
        self._least = LEVELS.get(verbosity, LogLevel.debug)
        self._tracebacks = verbosity > 1
        self._stream = stream

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        if level < self._least:
            return
        failure = event.get("log_failure")
        if failure is None:
            text = safe(formatEvent(event))
        elif self._tracebacks:
            text = safe_lines(failure.getTraceback())
        else:
            detail = safe(f"{failure.type.__name__}: {failure.getErrorMessage()}", 200)
            text = f"a bug in tw: {detail}; run it with -vv to see where"
        if text:
            self._stream.write(f"tw: {text}\n")
            self._stream.flush()


def start_logging(verbosity: int, stream: IO[str]) -> None:
    """Send the log to `stream` from now on. stdout and stderr stay as they are."""
    observers: list[Any] = [LineObserver(verbosity, stream)]
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False, discardBuffer=True)
