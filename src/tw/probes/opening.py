"""Opens the connections of a load run: at a rate, or as fast as a listener's queue takes them."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredSemaphore, FirstError, ensureDeferred, gatherResults, succeed
from twisted.python.failure import Failure

from tw.core.pacing import Schedule
from tw.probes.timing import pause

OPENING = 128
"""Connections that are being opened at once: as many fit into any listener's queue (SOMAXCONN was 128 for decades)."""


class Opened(Protocol):
    """What can be opened."""

    async def connect(self) -> None: ...


async def open_all(
    reactor: Any, clock: Callable[[], float], lanes: Sequence[Opened], rate_per_s: float | None = None
) -> None:
    """Open every lane. Raises what the first one that could not be opened raised; the others are given up then."""
    schedule = Schedule(clock(), rate_per_s) if rate_per_s else None
    gate = DeferredSemaphore(OPENING)
    opening: list[Deferred[None]] = []
    over = False

    def open_one(lane: Opened) -> Deferred[None]:
        # Its turn may come only because another one was given up.
        return succeed(None) if over else ensureDeferred(lane.connect())

    def note(failure: Failure) -> Failure:
        nonlocal over
        over = True
        return failure

    try:
        for number, lane in enumerate(lanes):
            if schedule is not None:
                await pause(reactor, schedule.due_s(number) - clock())
            if over:
                break
            opening.append(gate.run(open_one, lane).addErrback(note))
        await gatherResults(opening, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
    finally:
        over = True
        # The last ones first: they still wait for their turn. Each that is under way and given up would have the next
        # one's turn come inside its own, thousands deep.
        for one in reversed(opening):
            one.addErrback(lambda _: None)
            one.cancel()
