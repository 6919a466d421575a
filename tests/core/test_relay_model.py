"""Nodes that share a stream, over connections that break anywhere: every line once, in one order, or counted."""

from collections import deque
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tw.core.follower import Follower
from tw.core.outbox import Outbox
from tw.core.relayed import START, fields_of, node_name, read_entry

NODES = 3
Command = tuple[int, tuple[bytes, ...]]


@dataclass(eq=False)
class Connection:
    """Commands that the engine has not executed yet, and answers that the node has not read yet."""

    commands: deque[Command] = field(default_factory=deque)
    answers: deque[int] = field(default_factory=deque)


class Node:
    def __init__(self, number: int) -> None:
        self.name = node_name(START, bytes([number] * 8))
        self.outbox: Outbox[int] = Outbox(batch_bytes=12, window=3)
        self.follower = Follower()
        self.connection = Connection()
        self.delivered: list[bytes] = []
        self.published: list[bytes] = []
        self.missed = False
        self.own: list[tuple[int, bytes]] = []


class Relays(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.nodes = [Node(number) for number in range(NODES)]
        # All entries there ever were, and how many of the first ones are gone.
        self.stream: list[tuple[bytes, ...]] = []
        self.trimmed = 0
        self.broken: list[Connection] = []

    # What may happen --------------------------------------------------------------------------------------------------

    @rule(which=st.integers(0, NODES - 1), owner=st.integers(0, 2), count=st.integers(1, 4))
    def publish(self, which: int, owner: int, count: int) -> None:
        node = self.nodes[which]
        first = len(node.published)
        lines = [b"%d.%d" % (which, first + index) for index in range(count)]
        node.outbox.add(owner, b">", lines)
        node.published += [b">" + line for line in lines]
        node.own += [(owner, b">" + line) for line in lines]

    @rule(which=st.integers(0, NODES - 1))
    def send(self, which: int) -> None:
        node = self.nodes[which]
        for batch in node.outbox.due():
            again = batch.is_again
            fields = fields_of(node.name, batch.number, batch.total_lines, batch.body, is_again=again)
            node.connection.commands.append((batch.number, fields))

    @rule(which=st.integers(0, NODES - 1), count=st.integers(1, 4))
    def execute(self, which: int, count: int) -> None:
        self._execute(self.nodes[which].connection, count)

    @rule(data=st.data(), count=st.integers(1, 4))
    def execute_late(self, data: st.DataObject, count: int) -> None:
        if self.broken:
            self._execute(data.draw(st.sampled_from(self.broken)), count)

    @rule(which=st.integers(0, NODES - 1), count=st.integers(1, 4))
    def answer(self, which: int, count: int) -> None:
        node = self.nodes[which]
        for _ in range(min(count, len(node.connection.answers))):
            node.outbox.taken(node.connection.answers.popleft())

    @rule(which=st.integers(0, NODES - 1), is_late=st.booleans())
    def break_off(self, which: int, is_late: bool) -> None:
        node = self.nodes[which]
        if is_late:
            self.broken.append(node.connection)
        node.connection = Connection()
        node.outbox.resend()

    @rule(which=st.integers(0, NODES - 1), count=st.integers(1, 5))
    def read(self, which: int, count: int) -> None:
        node = self.nodes[which]
        if node.follower.place[0] < self.trimmed:
            node.follower.skip()
            node.missed = True
        first = max(node.follower.place[0], self.trimmed)
        for index in range(first, min(first + count, len(self.stream))):
            self._read(node, index)

    @rule(count=st.integers(1, 3))
    def trim(self, count: int) -> None:
        self.trimmed = min(self.trimmed + count, len(self.stream))

    # What must hold ---------------------------------------------------------------------------------------------------

    @invariant()
    def what_is_held_is_counted(self) -> None:
        for node in self.nodes:
            assert (node.outbox.held_bytes > 0) == node.outbox.awaited
            assert node.outbox.untaken_lines <= len(node.published)

    @invariant()
    def nothing_comes_twice(self) -> None:
        for node in self.nodes:
            assert len(set(node.delivered)) == len(node.delivered)

    @invariant()
    def all_have_one_order(self) -> None:
        """That in which each line stood in the stream for the first time, trimmed or not."""
        lines = [line for fields in self.stream for line in fields[7].split(b"\n")[:-1]]
        places = {line: place for place, line in reversed(list(enumerate(lines)))}
        order = sorted(places, key=places.__getitem__)
        for node in self.nodes:
            assert [line for line in order if line in set(node.delivered)] == node.delivered
            if not node.missed:
                assert node.delivered == order[: len(node.delivered)]

    @invariant()
    def each_publisher_has_its_order(self) -> None:
        for node in self.nodes:
            for which, publisher in enumerate(self.nodes):
                mine = [line for line in node.delivered if line.startswith(b">%d." % which)]
                places = [publisher.published.index(line) for line in mine]
                assert places == sorted(places)

    def teardown(self) -> None:
        """All works again, and goes on for long enough: every line is delivered, or counted once as lost."""
        for which in range(NODES):
            self.publish(which, 0, 1)
        for which, node in enumerate(self.nodes):
            while node.outbox.untaken_lines:
                self.send(which)
                self.execute(which, 4)
                self.answer(which, 4)
        for connection in self.broken:
            self._execute(connection, len(connection.commands))
        everything = sum(len(node.published) for node in self.nodes)
        for which, node in enumerate(self.nodes):
            self.read(which, len(self.stream))
            assert len(node.delivered) + node.follower.lost_lines == everything
            assert not node.outbox.awaited
            assert node.outbox.held_bytes == 0
        self.all_have_one_order()
        self.nothing_comes_twice()
        assert all(node.follower.lost_lines == 0 for node in self.nodes if not node.missed)

    # The engine -------------------------------------------------------------------------------------------------------

    def _execute(self, connection: Connection, count: int) -> None:
        for _ in range(min(count, len(connection.commands))):
            number, fields = connection.commands.popleft()
            self.stream.append(fields)
            connection.answers.append(number)

    def _read(self, node: Node, index: int) -> None:
        batch = read_entry(self.stream[index])
        assert batch is not None
        reading = node.follower.read((index + 1, 0), batch)
        if reading is None:
            return
        node.delivered += reading.batch.lines
        if batch.node == node.name:
            own = node.outbox.back(batch.number)[-1]
            if not reading.batch.lines:
                return
            owners = [owner for owner, count in own.spans for _ in range(count)]
            assert list(zip(owners, reading.batch.lines, strict=True)) == [
                pair for pair in node.own if pair[1] in set(reading.batch.lines)
            ]


TestRelays = Relays.TestCase
TestRelays.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
