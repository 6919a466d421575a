"""A node of the simulation: a server with one core, its subscribers, and its way to each stream.

It does what `tw serve pubsub --via` does. The lines of a turn are an entry, `WINDOW` of them may be on their way, more
lines gather; what is not back is held, and beyond `HOLD_BYTES` nothing is read from publishers. The entries of an
answer are taken until a turn has enough, and the next ones are asked for once all are. A turn ends with its sends.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil, prod
from typing import Any

from tw.core.outbox import WINDOW
from tw.services.pubsub import TURN_BYTES, TURNS_TO_FALL_BEHIND
from tw.services.stream_relay import BATCH_BYTES, HOLD_BYTES

from .engine import Cores, Nic, Process
from .ledger import Entry, Line
from .model import on_wire
from .redis import ADD, READ, Redis
from .world import World

SHARED_BYTES = TURNS_TO_FALL_BEHIND * TURN_BYTES
"""So much a turn shares out, in pieces of `TURN_BYTES`."""

ACCEPTS = 100
"""So many connections at most a turn accepts (Twisted's `numberAccepts`)."""

LINE, ANSWER, TAKEN, LINKED, JOIN, AGAIN = range(6)

Link = tuple[int, int]
"""Of a node to a stream: the how many-eth it is, and to which one."""


Delivers = Callable[[list[Entry], list[int], float, float], None]
"""Told of each send: the entries, to how many of each stream, from when to when."""


@dataclass
class Group:
    """Subscribers: how many, how many of them follow each stream, and up to where they were sent it."""

    number: int
    audiences: list[int]
    places: list[int]


class Way:
    """To one stream: what is on its way there, and how far it was read."""

    __slots__ = ("asks", "flying", "gathered", "place", "redis", "until")

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.gathered: deque[Line] = deque()
        """In no entry yet."""
        self.flying: deque[Entry] = deque()
        """Sent, and not known to be taken."""
        self.place = 0
        self.until = 0
        """What is between is in an answer that has come, and not taken."""
        self.asks = False
        """Whether the next ones are to be asked for when all of the last answer is taken."""


class Node(Process):
    """Without a way to any stream it is one server alone."""

    def __init__(self, world: World, cores: Cores, nic: Nic, redises: Sequence[Redis], group: Group) -> None:
        super().__init__(world.clock, cores, world.conditions.wake_s, world.conditions.cold_s)
        self.subscribers = group.number
        self.audiences = group.audiences
        """How many of them are subscribed to each stream."""
        self.ways = [Way(redis) for redis in redises]
        self.is_alive = True
        self.most_held_bytes = 0
        self.most_kept_lines = 0
        """Lines that waited at their publishers, which were not read from."""
        self.delivers: Delivers = world.ledger.delivers
        self._world = world
        self._nic = nic
        self._held_bytes = 0
        self._kept: deque[Line] = deque()
        self._joining: deque[Group] = deque()
        self._is_holding = False
        self._link = 0
        self._is_linked = True
        for each in redises:
            each.followers += 1

    # What happens to it -----------------------------------------------------------------------------------------------

    def answered(self, link: Link, until: int) -> None:
        """The entries up to there have come."""
        if self.is_alive and link[0] == self._link:
            self.ways[link[1]].until = until
            self.receive((ANSWER, link[1]))

    def taken(self, link: Link) -> None:
        """The first entry that flies is in the stream."""
        if self.is_alive and link[0] == self._link:
            self.ways[link[1]].flying.popleft()
            self.receive((TAKEN, None))

    def lose_link(self) -> None:
        self._link += 1
        self._is_linked = False

    def die(self) -> tuple[list[Line], Group]:
        """After this turn: which lines are lost with it, and whom it leaves behind."""
        self.is_alive = False
        lost = [what for kind, what in self.forget() if kind == LINE] + list(self._kept)
        for way in self.ways:
            lost += way.gathered
            way.redis.followers -= 1
            for entry in islice(way.redis.stream, way.place, None):
                if entry is not None:
                    self._world.ledger.one_less(entry)
        return lost, Group(self.subscribers, self.audiences, [way.place for way in self.ways])

    # A turn -----------------------------------------------------------------------------------------------------------

    def work(self, items: Sequence[Any], spent: float) -> float:
        if not self.is_alive:
            return 0.0
        costs = self._world.costs
        published: list[Line] = []
        for kind, what in items:
            if kind == LINE:
                published.append(what)
            elif kind == ANSWER:
                self.ways[what].asks = True
                spent += costs.follow_answer_s - costs.follow_entry_s
            elif kind == LINKED:
                self._link_again()
            elif kind == JOIN:
                self._joining.append(what)
        joined = self._accepted()
        spent += costs.accept_s * sum(group.number for group in joined)
        if published:
            spent += costs.publish_entry_s + costs.publish_line_s * len(published)
        fresh: list[Entry] = []
        for shard, way in enumerate(self.ways):
            spent += self._take(way, fresh) * costs.follow_entry_s
            if way.asks and way.place == way.until:
                way.asks = False
                self._ask(shard, spent)
        if self.ways:
            self._publish(published)
        elif published:
            fresh = [Entry(self, 0, published)]  # alone: they are ordered at once
        # What is noted first in a turn is done first at its end.
        if items[0][0] in (ANSWER, AGAIN):
            spent += self._share_out(fresh, spent)
            self._send(spent)
        else:
            self._send(spent)
            spent += self._share_out(fresh, spent)
        for group in joined:
            self._take_in(group)
        if self._joining or any(way.place < way.until for way in self.ways):
            self.receive((AGAIN, None))
        return spent

    def _publish(self, lines: list[Line]) -> None:
        """Lines are held until they are back. Where too many are, those that come wait at their publishers."""
        size = self._world.setting.line_bytes
        self._kept.extend(lines)
        self._is_holding = self._is_holding and self._held_bytes > HOLD_BYTES // 2
        while self._kept and not self._is_holding:
            line = self._kept.popleft()
            self.ways[line[2]].gathered.append(line)
            self._held_bytes += size
            self._is_holding = self._held_bytes > HOLD_BYTES
        self.most_kept_lines = max(self.most_kept_lines, len(self._kept))
        self.most_held_bytes = max(self.most_held_bytes, self._held_bytes)

    def _send(self, spent: float) -> None:
        most = max(1, BATCH_BYTES // self._world.setting.line_bytes)
        for shard, way in enumerate(self.ways):
            while self._is_linked and way.gathered and len(way.flying) < WINDOW:
                lines = [way.gathered.popleft() for _ in range(min(most, len(way.gathered)))]
                way.flying.append(Entry(self, shard, lines))
                self._add(shard, way.flying[-1], spent)

    def _add(self, shard: int, entry: Entry, spent: float) -> None:
        adding = (ADD, self, (self._link, shard), entry)
        self.clock.at(self._world.after_way(spent), self.ways[shard].redis.receive, adding)

    def _ask(self, shard: int, spent: float) -> None:
        way = self.ways[shard]
        if self._is_linked:
            asking = (READ, self, (self._link, shard), way.place)
            self.clock.at(self._world.after_way(spent), way.redis.receive, asking)

    def _link_again(self) -> None:
        """What is not known to be taken is sent again, and the next entries are asked for."""
        self._is_linked = True
        for shard, way in enumerate(self.ways):
            way.asks = True
            for entry in way.flying:
                self._add(shard, entry, 0.0)

    def _take(self, way: Way, fresh: list[Entry]) -> int:
        """Take entries that have come, until the turn has enough. Gives how many."""
        before, size = way.place, self._world.setting.line_bytes
        taken = sum(len(entry.lines) for entry in fresh) * size
        while way.place < way.until and taken < SHARED_BYTES:
            entry = way.redis.stream[way.place]
            way.place += 1
            if entry is None:
                continue
            fresh.append(entry)
            taken += len(entry.lines) * size
            if entry.node is self:
                self._held_bytes -= len(entry.lines) * size
        return way.place - before

    def _share_out(self, entries: list[Entry], spent: float) -> float:
        """Send them to everyone who follows their streams. Gives how long it takes."""
        if not entries:
            return 0.0
        costs, setting = self._world.costs, self._world.setting
        size = setting.line_bytes * sum(len(entry.lines) * self.audiences[entry.shard] for entry in entries)
        start = self.clock.now + spent
        duration, first_s, last_s = 0.0, start, start
        if size:
            shards = {entry.shard for entry in entries}
            # Where few have come from a node that died, a stream's part of them may be one more than there are.
            here = max(self.subscribers, *self.audiences)
            reached = here * (1 - prod(1 - self.audiences[each] / here for each in shards))
            sends = reached * ceil(size / reached / TURN_BYTES)
            duration = sends * costs.send_s + size * costs.deliver_byte_s
            wire = reached * on_wire(setting, size / reached)
            self._world.ledger.sent_bytes += wire
            waits_s = self._nic.wait_s(start)
            last_s = self._nic.send(start, start + duration, wire)
            first_s = min(start + waits_s + costs.send_s, last_s)
        self.delivers(entries, self.audiences, first_s, last_s)
        return duration

    # Clients that come ------------------------------------------------------------------------------------------------

    def _accepted(self) -> list[Group]:
        groups: list[Group] = []
        number = 0
        while self._joining and number < ACCEPTS:
            groups.append(self._joining.popleft())
            number += groups[-1].number
        return groups

    def _take_in(self, group: Group) -> None:
        """They get what comes after this turn. Their old node was elsewhere in the streams than this one is."""
        self.subscribers += group.number
        ledger = self._world.ledger
        for shard, (way, place) in enumerate(zip(self.ways, group.places, strict=True)):
            self.audiences[shard] += group.audiences[shard]
            between = way.redis.stream[min(place, way.place) : max(place, way.place)]
            deliveries = group.audiences[shard] * sum(len(entry.lines) for entry in between if entry is not None)
            if place < way.place:
                ledger.missed += deliveries
            else:
                ledger.repeated += deliveries
