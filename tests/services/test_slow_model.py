"""The pub/sub service under each policy for slow consumers beside a list of lines: who gets and who loses what."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pubsub_sockets import Caller, serving
from tw.core.batches import MERGE_BYTES
from tw.events import Dropped
from tw.services.block import Blocking

_SIZES = st.lists(st.sampled_from([0, 1, 700, 9000, 40_000]), min_size=1, max_size=3)
_GAP = re.compile(rb"<tw> dropped (\d+) lines\n")
_BLOCK_TIMEOUT_S = 8.0
_BATCH_BYTES = 65_536
_READ_BYTES = 65_536 * 2  # with what the prefixes add


@dataclass(eq=False)
class _Client:
    """`start` and `end`: what it is to get of the log. `outbox`: what it is still to send."""

    id: int
    caller: Caller
    start: int
    end: int | None = None
    outbox: bytes = field(default=b"", repr=False)
    shut: bool = False
    vanished: bool = False

    def sends(self) -> None:
        try:
            sent = self.caller.far.send(self.outbox) if self.outbox else 0
        except OSError:
            return  # its room is full, or it is thrown out
        self.outbox = self.outbox[sent:]


class SlowModel(RuleBasedStateMachine):
    """Come, publish, read, stall, shut and vanish in any order, over real sockets. The order of lines is the server's
    business: it is noted as lines are published."""

    @initialize(
        slow=st.sampled_from(["disconnect", "drop", "block"]),
        prefix=st.booleans(),
        echo=st.booleans(),
        history_lines=st.sampled_from([0, 3]),
        backlog_bytes=st.sampled_from([1000, 50_000, 200_000]),
    )
    def begin(self, slow: str, prefix: bool, echo: bool, history_lines: int, backlog_bytes: int) -> None:
        self.stack = ExitStack()
        timeout = {"block_timeout_s": _BLOCK_TIMEOUT_S} if slow == "block" else {}
        self.served = self.stack.enter_context(
            serving(
                slow=slow, prefix=prefix, echo=echo, history_lines=history_lines, backlog_bytes=backlog_bytes, **timeout
            )
        )
        self.slow, self.prefix, self.echo = slow, prefix, echo
        self.history_lines, self.backlog_bytes = history_lines, backlog_bytes
        self.log: list[tuple[int, bytes]] = []
        self.said = self.size = self.largest_turn = self.turn_start = 0
        self.clients: list[_Client] = []
        self._note_what_is_published()
        for room_bytes in (8192, 8192, 1 << 20):
            self.join(room_bytes)

    def _note_what_is_published(self) -> None:
        service = self.served.service
        publish = service.publish

        def noted(connection: Any, lines: list[bytes]) -> None:
            new = [connection.prefix + line + b"\n" for line in lines]
            self.log += [(connection.id, line) for line in new]
            self.size += sum(map(len, new))
            self.largest_turn = max(self.largest_turn, self.size - self.turn_start)
            publish(connection, lines)

        service.publish = noted

    def _due(self, client: _Client) -> list[bytes]:
        return [line for who, line in self.log[client.start : client.end] if self.echo or who != client.id]

    def _history_start(self) -> int:
        start, size = len(self.log), 0
        while start > max(0, len(self.log) - self.history_lines):
            size += len(self.log[start - 1][1])
            if size > self.backlog_bytes:
                break
            start -= 1
        return start

    # What happens -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.clients) < 8)
    @rule(room_bytes=st.sampled_from([8192, 100_000, 1 << 20]))
    def join(self, room_bytes: int) -> None:
        start = self._history_start()
        client = _Client(len(self.clients) + 1, self.served.call(room_bytes), start)
        server = client.caller.server
        for name in ("finish", "expel"):
            setattr(server, name, self._noting_the_end(client, getattr(server, name)))
        self.clients.append(client)

    def _noting_the_end(self, client: _Client, ends: Callable[..., None]) -> Callable[..., None]:
        def noted(*arguments: Any, **more: Any) -> None:
            if client.end is None:
                client.end = len(self.log)
            ends(*arguments, **more)

        return noted

    def _some(self, data: st.DataObject) -> _Client | None:
        there = [client for client in self.clients if not client.vanished]
        return data.draw(st.sampled_from(there)) if there else None

    def _publish(self, client: _Client | None, sizes: list[int]) -> None:
        if client is not None and not client.shut:
            lines = [b"%d " % (self.said + index) + b"x" * size + b"\n" for index, size in enumerate(sizes)]
            self.said += len(lines)
            client.outbox += b"".join(lines)
            client.sends()

    @rule(data=st.data(), sizes=_SIZES)
    def publish(self, data: st.DataObject, sizes: list[int]) -> None:
        self._publish(self._some(data), sizes)

    @rule(data=st.data(), size=st.sampled_from([700, 9000, 40_000]), reading=st.integers(0, 3))
    def flood(self, data: st.DataObject, size: int, reading: int) -> None:
        """More than buffers hold; most do not read."""
        client = self._some(data)
        self._publish(client, [size] * (200_000 // size))
        for _ in range(6):
            self.turn()
            for reader in self.clients[:reading]:
                reader.caller.reads()

    @rule()
    def turn(self) -> None:
        self.turn_start = self.size
        self.served.reactor.turn()
        for client in self.clients:
            client.sends()

    @rule(data=st.data(), most_bytes=st.sampled_from([1, 5000, 70_000, 1 << 30]))
    def read(self, data: st.DataObject, most_bytes: int) -> None:
        client = self._some(data)
        if client is not None:
            client.caller.reads(most_bytes)

    @rule(stalled=st.integers(0, 2))
    def others_read(self, stalled: int) -> None:
        for client in self.clients[stalled:]:
            client.caller.reads()
        self.turn()

    @rule(data=st.data(), rest=st.booleans())
    def shut(self, data: st.DataObject, rest: bool) -> None:
        client = self._some(data)
        if client is not None and not client.shut and not client.outbox and client.caller.far.fileno() >= 0:
            if rest:
                client.outbox = b"rest of %d" % client.id
                client.sends()
            client.outbox = b""
            client.shut = True
            client.caller.far.shutdown(1)

    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        client = self._some(data)
        if client is not None:
            client.caller.far.close()
            client.outbox = b""
            client.vanished = True

    @rule(seconds=st.sampled_from([0.5, 3.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.turn_start = self.size
        self.served.reactor.pump([0.5] * int(seconds / 0.5))

    # What always holds ------------------------------------------------------------------------------------------------

    @invariant()
    def memory_is_bounded(self) -> None:
        turn = self.largest_turn
        most = 2 * self.backlog_bytes + _READ_BYTES if self.slow == "block" else max(self.backlog_bytes, turn)
        longest = max((len(line) for _, line in self.log), default=0)
        assert self.served.held_bytes <= most + turn + max(_BATCH_BYTES, longest, MERGE_BYTES)

    @invariant()
    def publishers_are_held_while_somebody_is_waited_for(self) -> None:
        policy = self.served.service._slow
        if not isinstance(policy, Blocking):
            return
        for client in self.clients:
            server = client.caller.server
            if client.id not in self.served.closed and not server.leaving and not server._read_ended:
                waits = server in policy._waits
                if waits:
                    assert not (server.held and len(policy._waits) == 1)  # not for its own backlog
                else:
                    assert server.held == bool(policy._waits)
                assert (client.caller.transport in self.served.reactor.getReaders()) != server.held

    # In the end -------------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Whoever is left reads all there is, and is compared."""
        if not hasattr(self, "served"):
            return
        with self.stack:
            before = -1
            while before != self.size + sum(len(client.caller.got) + len(client.outbox) for client in self.clients):
                before = self.size + sum(len(client.caller.got) + len(client.outbox) for client in self.clients)
                self.turn()
                self.served.all_read()
            assert [client.outbox for client in self.clients if client.id not in self.served.closed] == [
                b"" for client in self.clients if client.id not in self.served.closed
            ]
            summary = self.served.stop()
            lost: dict[int, int] = {}
            for event in self.served.events:
                if isinstance(event, Dropped):
                    lost[event.id] = lost.get(event.id, 0) + event.lines
            assert summary.more["dropped_lines"] == sum(lost.values())
            assert summary.more["lines"] == len(self.log)
            for client in self.clients:
                if not client.vanished:
                    self._compare(client, lost.get(client.id, 0))

    def _compare(self, client: _Client, lost: int) -> None:
        due, got = self._due(client), client.caller.got
        expelled = self.served.closed[client.id].reason == "slow consumer"
        if self.slow == "drop":
            assert not expelled
            self._compare_with_gaps(got.splitlines(keepends=True), due, lost)
        elif expelled:
            got, notice, _ = got.partition(b"<tw> disconnected: ")
            assert b"".join(due).startswith(got)
            if notice:
                assert lost == len(due) - got.count(b"\n")
            else:
                assert lost <= len(due) - got.count(b"\n")  # it may have been cut off
        else:
            assert (got, lost) == (b"".join(due), 0)

    def _compare_with_gaps(self, got: list[bytes], due: list[bytes], lost: int) -> None:
        at = told = 0
        for line in got:
            gap = _GAP.fullmatch(line)
            if gap is not None:
                told += int(gap[1])
                at += int(gap[1])
                continue
            if not self.prefix:
                at = due.index(line, at)  # the gap is not told
            assert line == due[at]
            at += 1
        if self.prefix:
            assert (at, told) == (len(due), lost)
        assert len(got) - sum(bool(_GAP.fullmatch(line)) for line in got) == len(due) - lost


SlowModel.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
TestSlow = SlowModel.TestCase
