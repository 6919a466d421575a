"""Connections that were accepted a moment before a stop, and have not said anything yet."""

from collections.abc import Callable
from typing import Any

from twisted.internet.task import deferLater

NEWCOMER_S = 1.0
"""How old a connection is whose first words may still be on their way: several round trips."""

LOOK_S = 0.02


async def hear_newcomers(reactor: Any, is_awaited: Callable[[float], bool], at_most_s: float) -> None:
    """Wait until each has said something or is `NEWCOMER_S` old, and no longer than `at_most_s`.

    `is_awaited` says whether anyone who came after a time, in the reactor's seconds, has not said anything yet. With a
    passed socket nobody is refused while we restart: who comes later waits for the next process. Without this, those
    who came just before would be the only ones who get nothing.
    """
    until = reactor.seconds() + at_most_s
    while reactor.seconds() < until and is_awaited(reactor.seconds() - NEWCOMER_S):
        await deferLater(reactor, LOOK_S)
