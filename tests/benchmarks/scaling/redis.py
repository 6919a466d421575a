"""A Redis of the simulation: one thread, one stream, a network card, and nodes that wait for what is added."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tw.services.stream_reader import READ_ENTRIES

from .engine import Cores, Nic, Process
from .ledger import Entry
from .model import on_wire
from .world import World

if TYPE_CHECKING:
    from .node import Node

ADD, READ = range(2)

ASKING = 0.5
"""Of the cost of an answer, what is spent when it is asked for; the rest when it is written. Assumed: one system call
each."""


class Redis(Process):
    """Who waits is answered with the first entry that is added, who asks later with all that there are by then."""

    def __init__(self, world: World, cores: Cores) -> None:
        super().__init__(world.clock, cores, world.conditions.wake_s, world.conditions.redis_cold_s)
        self.nic = Nic(world.setting.nic_bytes_s)
        self.stream: list[Entry | None] = []
        """None stands for an entry that is there already."""
        self.followers = 0
        self.is_up = True
        self._world = world
        self._waiting: list[tuple[Node, tuple[int, int], int]] = []

    def receive(self, item: object) -> None:
        if self.is_up:
            super().receive(item)

    def crash(self) -> None:
        """What it has taken it keeps, as with `appendfsync always`; what is on its way to it, or from it, is gone."""
        self.is_up = False
        self._waiting.clear()
        self.forget()

    def restart(self) -> None:
        self.is_up = True

    def work(self, items: Sequence[Any], spent: float) -> float:
        for kind, node, link, what in items:
            if kind == ADD:
                spent = self._add(node, link, what, spent)
                continue
            spent += ASKING * self._world.costs.redis_answer_s
            if what < len(self.stream):
                spent = self._answer(node, link, what, spent)
            else:
                self._waiting.append((node, link, what))
        return spent

    def _add(self, node: "Node", link: tuple[int, int], entry: Entry, spent: float) -> float:
        if entry.is_in_stream:
            self.stream.append(None)
            self._world.ledger.repeated_entries += 1
        else:
            self.stream.append(entry)
            entry.is_in_stream = True
            entry.missing = self.followers
        spent += self._world.costs.redis_add_s
        self.clock.at(self._world.after_way(spent), node.taken, link)
        waiting, self._waiting = self._waiting, []
        for reader, its_link, place in waiting:
            spent = self._answer(reader, its_link, place, spent)
        return spent

    def _answer(self, node: "Node", link: tuple[int, int], place: int, spent: float) -> float:
        costs, setting = self._world.costs, self._world.setting
        entries = self.stream[place : place + READ_ENTRIES]
        lines = sum(len(entry.lines) if entry else 1 for entry in entries)
        size = lines * setting.line_bytes + len(entries) * costs.entry_bytes
        spent += (1 - ASKING) * costs.redis_answer_s + costs.redis_byte_s * size
        sent, moment = on_wire(setting, size), self.clock.now + spent
        self._world.ledger.redis_bytes += sent
        left = self.nic.send(moment, moment, sent)
        self.clock.at(left + self._world.conditions.way_s, node.answered, link, place + len(entries))
        return spent
