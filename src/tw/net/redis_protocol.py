"""One connection to a Redis or Valkey: txredisapi's protocol with hiredis's parser, and what they lack.

txredisapi's own factories are not used: they verify no certificate, and connect again on terms of their own. Of its two
parsers only hiredis's will do: the other takes a turn of the reactor for each bulk string of a reply.
"""

import re
from collections import deque
from typing import Any

import hiredis
from twisted.internet.defer import Deferred, fail
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from txredisapi import ConnectionError as NotConnected
from txredisapi import HiredisProtocol, InvalidData, ResponseError

from tw.core.redis_rules import LinkLost, Refusal
from tw.core.text import safe

MAX_REPLY_BYTES = 256 * 1024 * 1024
"""Of one reply. Redis itself would send more, and a stranger without an end; nobody here asks for half as much."""

ARRAY_DIGITS = 6
"""Of the number of elements that an array announces. hiredis makes a list of that length before one has come, and of
2,147,483,647 the process takes ten seconds to get rid of it again. No command here asks for more than some hundred
entries; those of strangers may have many fields."""

STRING_DIGITS = 8
"""Of the number of bytes that a string announces. An entry of ours holds a batch of lines, 256 KiB, and one line more,
of 64 MiB at most."""

_LARGE = rb"(?=[*%%~>|][1-9][0-9]{%d}|[$=][1-9][0-9]{%d})" % (ARRAY_DIGITS, STRING_DIGITS)
_LARGE_FIRST, _LARGE_LATER = re.compile(rb"\n?" + _LARGE), re.compile(rb"\r\n" + _LARGE)
_BEGUN = re.compile(rb"[*%%~>|$=](?:[1-9][0-9]{0,%d})?" % (STRING_DIGITS - 1))
"""What looks like a header, and may be one: in RESP2, and in RESP3 as far as hiredis knows it (also the attributes that
no command here has)."""

PARSE_ERRORS = (InvalidData, hiredis.ProtocolError, TypeError, ValueError, OverflowError, MemoryError)
"""hiredis also raises what Python does, of types of RESP3, which nobody here asks for: a map with a list for a key. And
it makes room for all that an array announces."""


class RedisConnection(HiredisProtocol):  # type: ignore[misc] # txredisapi has no types
    """Commands out, replies in, in their order; bytes both ways. Every command has a deadline.

    `reason` says why it ended: words of ours, or the failure that the transport gave. `lost` is called then.
    `answered`: whether anything came; over TLS the handshake was done then.
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(charset=None, convertNumbers=False)
        self._clock = reactor
        self._due: deque[tuple[float, float]] = deque()  # until when each command under way is waited for, and how long
        self._timer: Any = None
        self._unanswered_bytes = 0
        self._held = b""  # the start of what may be a header
        self.reason: str | Failure | None = None
        self.answered = False
        self.lost: Any = None

    def call(self, *words: Any, timeout_s: float) -> Deferred[Any]:
        """Send a command; the reply, or a failure with Refusal or LinkLost. Commands need not wait for each other.

        One that is not answered in `timeout_s` ends the connection, and so all that are under way: a reply that comes
        later could not be told from the next one's.
        """
        if not self.connected or self.reason is not None:
            return fail(LinkLost("not connected"))
        due_s = self._clock.seconds() + timeout_s
        self._due.append((due_s, timeout_s))
        if self._timer is None:
            self._timer = self._clock.callLater(timeout_s, self._look)
        elif self._timer.getTime() > due_s:
            self._timer.reset(timeout_s)  # it was for one with a longer deadline
        reply: Deferred[Any] = self.execute_command(*words)
        return reply.addErrback(self._typed)

    @property
    def is_idle(self) -> bool:
        return not self._due

    def give_up(self, reason: str) -> None:
        """End it without another byte. Safe to call again."""
        if self.reason is None:
            self.reason = reason
            self.transport.abortConnection()

    def _typed(self, failure: Failure) -> Any:
        if failure.check(ResponseError):
            raise Refusal(str(failure.value).strip()) from None
        if failure.check(NotConnected):
            raise LinkLost(self.reason if isinstance(self.reason, str) else "the connection was lost") from None
        return failure

    def _look(self) -> None:
        """Commands are answered in order, so the first one's deadline is the only one to look at. (A later one with a
        shorter deadline waits for it in any case.)"""
        self._timer = None
        if not self._due:
            return
        due_s, timeout_s = self._due[0]
        left_s = due_s - self._clock.seconds()
        if left_s > 0:
            self._timer = self._clock.callLater(left_s, self._look)
        else:
            self.give_up(f"no answer within {timeout_s:g} s")

    # What Twisted and txredisapi call -------------------------------------------------------------------------------

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        if self.reason is not None:
            return
        self.answered = True
        self._unanswered_bytes += len(data)
        try:
            self._parse(self._held + data)
        except PARSE_ERRORS:
            self.give_up("it does not speak Redis's protocol")
        if self._unanswered_bytes > MAX_REPLY_BYTES:
            self.give_up(f"a reply of over {MAX_REPLY_BYTES} bytes")

    def _parse(self, data: bytes) -> None:
        """Give `data` to the parser, up to a header that announces too much.

        Whether what looks like one is part of a string the parser tells: it keeps a string until it has all of it, and
        has nothing left before a header. So the rest need not be looked at, which costs ten times what parsing does.
        """
        start = 0
        large = _LARGE_FIRST.match(data) or _LARGE_LATER.search(data)
        while large is not None:
            super().dataReceived(data[start : large.end()])
            start = large.end()
            if self.reason is None and not self._reader.has_data():
                kind, digits = ("bytes", STRING_DIGITS) if data[start] in b"$=" else ("elements", ARRAY_DIGITS)
                self.give_up(f"it announces a reply of over {10**digits - 1} {kind}")
            if self.reason is not None:
                return
            large = _LARGE_LATER.search(data, start)
        before = data.rfind(b"\r\n")
        line = before + 2 if before >= 0 else int(data.startswith(b"\n"))
        end = line if _BEGUN.fullmatch(data, line) else len(data)
        self._held = data[end:]
        super().dataReceived(data[start:end])

    def replyReceived(self, reply: Any) -> None:
        self._unanswered_bytes = 0
        if self._due:
            self._due.popleft()
            super().replyReceived(reply)
        elif isinstance(reply, ResponseError):
            self.give_up(safe(str(reply), 200))  # it refuses the connection, and says so unasked
        else:
            self.give_up("an answer that nobody asked for")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.reason is None:
            self.reason = reason
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.lost is not None:
            self.lost()  # before the commands under way fail: whoever asks again then is told that it is away
        # The replies that `super` makes up for them are one each.
        super().connectionLost(reason)
        self._due.clear()
