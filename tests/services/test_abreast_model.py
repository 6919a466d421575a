"""The pub/sub service over real sockets beside a list of lines: each is sent its due, counted to the byte."""

from contextlib import ExitStack
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pubsub_sockets import Caller, serving

_SIZES = st.lists(st.sampled_from([1, 700, 9000, 40_000]), min_size=1, max_size=3)


@dataclass(eq=False)
class _Client:
    """`due` is what it is to get in all. `open`: more will be due. `heard`: it may publish.

    One that has `vanished` may have got less: what it was sent is nobody's to know.
    """

    id: int
    caller: Caller
    due: bytes = field(repr=False)
    open: bool = True
    heard: bool = True
    published: bool = False
    vanished: bool = False


class AbreastModel(RuleBasedStateMachine):
    """Come, publish, read, stop reading, shut, break off and vanish in any order."""

    @initialize(
        echo=st.booleans(), history_lines=st.sampled_from([0, 3]), backlog_bytes=st.sampled_from([100_000, 1 << 23])
    )
    def begin(self, echo: bool, history_lines: int, backlog_bytes: int) -> None:
        self.stack = ExitStack()
        self.served = self.stack.enter_context(
            serving(echo=echo, history_lines=history_lines, backlog_bytes=backlog_bytes)
        )
        self.echo, self.history_lines, self.backlog_bytes = echo, history_lines, backlog_bytes
        self.log: list[bytes] = []
        self.clients: list[_Client] = []
        for room_bytes in (8192, 8192, 1 << 20):
            self.join(room_bytes)

    # What it should be ------------------------------------------------------------------------------------------------

    def _history(self) -> bytes:
        history: list[bytes] = []
        for line in reversed(self.log[len(self.log) - min(len(self.log), self.history_lines) :]):
            if sum(map(len, history)) + len(line) > self.backlog_bytes:
                break
            history.insert(0, line)
        return b"".join(history)

    def _order(self, publisher: _Client, lines: list[bytes]) -> None:
        publisher.published = True
        self.log += lines
        for client in self.clients:
            if client.open and (self.echo or client is not publisher):
                client.due += b"".join(lines)

    def _find_dropped(self) -> None:
        """Who was too slow loses what was not sent to it."""
        for client in self.clients:
            drop = self.served.dropped.pop(client.id, None)
            if drop is not None and not client.vanished:
                kept = len(client.due) - drop.dropped_bytes
                assert drop.lines == client.due.count(b"\n", kept)
                assert drop.lines > 0 or not self.echo  # its own lines count for its place in the log
                client.due = client.due[:kept]
                client.open = client.heard = False

    # What happens -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.clients) < 8)
    @rule(room_bytes=st.sampled_from([8192, 100_000, 1 << 20]))
    def join(self, room_bytes: int) -> None:
        due = self._history()
        self.clients.append(_Client(len(self.clients) + 1, self.served.call(room_bytes), due))

    def _some(self, data: st.DataObject, *, heard: bool = False) -> _Client | None:
        there = [client for client in self.clients if (client.heard if heard else not client.vanished)]
        return data.draw(st.sampled_from(there)) if there else None

    @rule(data=st.data(), sizes=_SIZES)
    def publish(self, data: st.DataObject, sizes: list[int]) -> None:
        client = self._some(data, heard=True)
        if client is not None:
            lines = [b"%d " % (len(self.log) + index) + b"x" * size + b"\n" for index, size in enumerate(sizes)]
            self._order(client, lines)
            client.caller.says(b"".join(lines))
            self._find_dropped()

    @rule()
    def end_turn(self) -> None:
        shares = self.served.service._turn_bytes > 0
        self.served.ends_turn()
        self._find_dropped()
        if shares:
            for client in [client for client in self.clients if not client.vanished]:
                assert client.caller.abreast == (client.open and not client.caller.waiting_bytes)

    @rule()
    def turn(self) -> None:
        self.served.reactor.turn()
        self._find_dropped()

    @rule(data=st.data(), most_bytes=st.sampled_from([1, 5000, 70_000, 1 << 30]))
    def read(self, data: st.DataObject, most_bytes: int) -> None:
        client = self._some(data)
        if client is not None:
            client.caller.reads(most_bytes)

    @rule(data=st.data(), rest=st.booleans())
    def shut(self, data: st.DataObject, rest: bool) -> None:
        client = self._some(data, heard=True)
        if client is not None:
            if rest:
                self._order(client, [b"rest of %d\n" % client.id])
                client.caller.says(b"rest of %d" % client.id)
            client.heard = False
            client.open = not client.published
            client.caller.shuts()
            self._find_dropped()

    @rule(data=st.data())
    def break_off(self, data: st.DataObject) -> None:
        """At the server's end: what the socket took can still be read, and the rest is known."""
        client = self._some(data)
        if client is not None and client.id not in self.served.closed:
            unsent_bytes = client.caller.waiting_bytes
            client.caller.breaks()
            client.caller.reads()
            assert client.due.startswith(client.caller.got)
            assert self.served.closed[client.id].sent_bytes == len(client.caller.got) + unsent_bytes
            client.open = client.heard = False
            client.vanished = True

    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        client = self._some(data)
        if client is not None:
            client.caller.far.close()
            client.open = client.heard = False
            client.vanished = True

    # What always holds ------------------------------------------------------------------------------------------------

    @invariant()
    def nobody_has_got_what_is_not_his(self) -> None:
        for client in self.clients:
            assert client.due.startswith(client.caller.got)
            assert not (client.caller.abreast and client.caller.waiting_bytes)

    @invariant()
    def everyone_is_behind_or_abreast_or_gone(self) -> None:
        service = self.served.service
        abreast = sum(client.caller.abreast for client in self.clients)
        assert self.served.cursors == len(service._behind)
        assert len(service._abreast._sends) == abreast
        assert abreast + self.served.cursors >= sum(client.open for client in self.clients)

    def teardown(self) -> None:
        """Whoever is left gets everything."""
        if not hasattr(self, "served"):
            return
        with self.stack:
            self.served.all_read()
            self._find_dropped()
            summary = self.served.stop()
            for client in self.clients:
                if not client.vanished:
                    assert client.caller.got == client.due
                    assert client.caller.ended
                    assert self.served.closed[client.id].sent_bytes == len(client.due)
            assert (summary.more["lines"], summary.cut_off) == (len(self.log), 0)


AbreastModel.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
TestAbreast = AbreastModel.TestCase
