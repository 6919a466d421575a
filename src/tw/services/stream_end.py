"""How a server that follows a stream comes to its end: when all that it owes its clients was read."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tw.core.redis_rules import LinkLost, Refusal
from tw.core.relayed import StreamId, Unreadable, read_last_id
from tw.services.stream_reader import ANSWER_S, Link


class Ending:
    """Waits, once, until `is_back` says that all that was published here is, and until what stood in the stream when
    the end began was read as well: others may have been told that it is there. `place` is how far that has come.

    Who waits is woken in a turn of its own: not from within the reading, which it ends.
    """

    def __init__(self, reactor: Any, link: Link, name: str, is_back: Callable[[], bool], place: Callable[[], StreamId]):
        self._reactor = reactor
        self._link = link
        self._name = name
        self._is_back = is_back
        self._place = place
        self._is_asking = False
        self._goal: StreamId | None = None
        self._over: Deferred[None] | None = None
        self.has_begun = False

    async def wait(self, within_s: float) -> None:
        """No longer than that. Where Redis does not say how far the stream is, there is only our own to wait for."""
        self.has_begun = self._is_asking = True
        self._over = Deferred()
        too_late = self._reactor.callLater(within_s, self._end)
        # One that was waited for in vain is the end of its connection, which the lines before it may still need.
        asked = self._link.call("XINFO", "STREAM", self._name, timeout_s=within_s + ANSWER_S)
        asked.addCallback(self._answered).addErrback(self._refused)
        await self._over
        if too_late.active():
            too_late.cancel()

    def _answered(self, info: object) -> None:
        self._goal = read_last_id(info)
        self._asked()

    def _refused(self, failure: Failure) -> None:
        failure.trap(LinkLost, Refusal, Unreadable)
        self._asked()

    def _asked(self) -> None:
        self._is_asking = False
        self.look()

    def nothing_left(self) -> None:
        """There was nothing more in the stream."""
        self._goal = None
        self.look()

    def look(self) -> None:
        """Something was read."""
        reached = self._goal is None or self._place() >= self._goal
        if self._over is not None and reached and not self._is_asking and self._is_back():
            self._reactor.callLater(0, self._end)

    def _end(self) -> None:
        over, self._over = self._over, None
        if over is not None:
            over.callback(None)
