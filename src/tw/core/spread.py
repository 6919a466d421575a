"""Who of a delivery matrix is at which of several servers."""

from typing import NamedTuple


class Places(NamedTuple):
    """The server of each publisher and of each subscriber, counted from 0."""

    publishers: list[int]
    subscribers: list[int]


def deal(publishers: int, subscribers: int, servers: int) -> Places:
    """Deal everyone to the servers in turn: the publishers first, and then the subscribers from where those ended.

    So a server has somebody, as long as there are as many in all, and both of them, as long as there are as many of
    each; and one publisher and one subscriber are at two servers, where there are two.
    """
    dealt = [turn % servers for turn in range(publishers + subscribers)]
    return Places(dealt[:publishers], dealt[publishers:])
