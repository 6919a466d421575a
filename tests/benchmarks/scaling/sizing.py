"""How many nodes, streams, copies or topics a demand takes, by the closed form."""

from math import ceil

from .model import Costs, Demand, Outcome, Setting, outcome


def fewest_nodes(costs: Costs, setting: Setting, demand: Demand, streams: int = 1) -> int:
    """How many nodes it takes until none of their own limits is passed; Redis's are another matter.

    Raises ValueError where a node has too much to do with one subscriber.
    """

    def holds(nodes: int) -> bool:
        return outcome(costs, setting, demand, nodes, streams).node_worst[1] <= setting.full

    most = 1
    while not holds(most):
        most *= 2
        if most > 2 * demand.subscribers:
            raise ValueError("one subscriber is too much for a node")
    least = most // 2 + 1
    while least < most:
        middle = (least + most) // 2
        least, most = (least, middle) if holds(middle) else (middle + 1, most)
    return most


def sized(costs: Costs, setting: Setting, demand: Demand, streams: int = 1) -> Outcome:
    """The outcome with as few nodes as hold."""
    return outcome(costs, setting, demand, fewest_nodes(costs, setting, demand, streams), streams)


def sharded(costs: Costs, setting: Setting, demand: Demand) -> Outcome:
    """As few streams as it takes (powers of two) until no Redis is too busy, or until more of them help no more, or
    are more than a node can follow."""
    found = sized(costs, setting, demand)
    while found.redis_worst[1] > setting.full:
        try:
            more = sized(costs, setting, demand, 2 * found.streams)
        except ValueError:
            break
        if more.redis_worst[1] > 0.99 * found.redis_worst[1]:
            break
        found = more
    return found


def copied(costs: Costs, setting: Setting, demand: Demand) -> Outcome:
    """As few copies of one stream as it takes. They always do, as long as one Redis can take in what is written."""
    nodes = fewest_nodes(costs, setting, demand)
    most = 1
    while outcome(costs, setting, demand, nodes, 1, most).redis_worst[1] > setting.full and most < nodes:
        most += 1
    return outcome(costs, setting, demand, nodes, 1, most)


def farthest(costs: Costs, setting: Setting, lines_s: float, limit: int) -> Outcome:
    """As many subscribers as one Redis carries, to a hundredth or so; `limit` at most."""

    def carried(subscribers: int) -> Outcome | None:
        found = sized(costs, setting, Demand(subscribers, lines_s))
        return found if found.redis_worst[1] <= setting.full else None

    if (found := carried(limit)) is not None:
        return found
    least, most = 1, limit
    while most > least * 1.01 and most > least + 1:
        middle = int((least * most) ** 0.5) if most > 2 * least else (least + most) // 2
        least, most = (least, middle) if carried(middle) is None else (middle, most)
    return sized(costs, setting, Demand(least, lines_s))


def by_topic(costs: Costs, setting: Setting, demand: Demand, topics: int, follows: int = 1) -> Outcome:
    """One of so many streams with a Redis and nodes of its own, and its part of the lines and of the subscribers.

    A subscriber follows so many of them, by a connection to each. This is what `tw` does by itself: a URL for a topic.
    """
    if not 1 <= follows <= topics:
        raise ValueError("a subscriber follows so many topics as there are, at most")
    return sized(costs, setting, Demand(ceil(demand.subscribers * follows / topics), demand.lines_s / topics))
