"""Connections that were accepted a moment before a stop, and have not said anything yet."""

from collections.abc import Mapping
from typing import Any

from twisted.internet.task import deferLater

from tw.protocols.connection import ServerConnection

NEWCOMER_S = 1.0
"""How old a connection is whose first words may still be on their way: several round trips."""

LOOK_S = 0.02


async def hear_newcomers(reactor: Any, connections: Mapping[int, ServerConnection], at_most_s: float) -> None:
    """Wait until each has said something or is `NEWCOMER_S` old, and no longer than `at_most_s`.

    With a passed socket nobody is refused while we restart: who comes later waits for the next process. Without this,
    those who came just before would be the only ones who get nothing.
    """
    until = reactor.seconds() + at_most_s

    def silent() -> bool:
        now = reactor.seconds()
        return now < until and any(
            each.received_bytes == 0 and now - each.opened_at_s < NEWCOMER_S for each in list(connections.values())
        )

    while silent():
        await deferLater(reactor, LOOK_S)
