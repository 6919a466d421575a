"""Waiting: deadlines and pauses on the reactor's clock, as Deferreds."""

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from tw.errors import TwError

T = TypeVar("T")


def pause(reactor: Any, seconds: float) -> Deferred[None]:
    """Fires after `seconds`; cancelling it cancels the delayed call."""
    deferred: Deferred[None] = Deferred(lambda _: call.cancel())
    call = reactor.callLater(max(0.0, seconds), deferred.callback, None)
    return deferred


async def within(reactor: Any, seconds: float, work: Deferred[T], late: Callable[[], TwError]) -> T:
    """What `work` gives, if it does so within `seconds`; else `work` is cancelled and `late()` raised.

    Raises CancelledError where whoever waits for this is cancelled, and `work` with it.
    """
    over = stopped = False

    def expire() -> None:
        nonlocal over
        over = True
        work.cancel()

    def stop(_: Deferred[T]) -> None:
        nonlocal stopped
        stopped = True
        work.cancel()

    # A Deferred of its own: what a cancelled endpoint fails with (ConnectingCancelledError, DNSLookupError) does not
    # tell that it was cancelled, let alone by whom.
    result: Deferred[T] = Deferred(stop)
    work.chainDeferred(result)
    call = reactor.callLater(max(0.0, seconds), expire)
    try:
        return await result
    except Exception:
        if over:
            raise late() from None
        if stopped:
            raise CancelledError from None
        raise
    finally:
        if call.active():
            call.cancel()


class Bell:
    """Wakes the one coroutine that waits for something to change."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._waiting: Deferred[None] | None = None

    def ring(self) -> None:
        """Something changed. Nobody need be waiting."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    async def heard(self, seconds: float | None = None) -> bool:
        """Wait until the bell rings, or until `seconds` have passed; whether it rang."""
        late = False

        def expire() -> None:
            nonlocal late
            late = True
            self.ring()

        waiting: Deferred[None] = Deferred()
        self._waiting = waiting
        call = self._reactor.callLater(max(0.0, seconds), expire) if seconds is not None else None
        try:
            await waiting
        finally:
            self._waiting = None
            if call is not None and call.active():
                call.cancel()
        return not late
