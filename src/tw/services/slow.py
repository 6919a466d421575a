"""What becomes of a subscriber whose backlog passes the limit: it is disconnected, or loses its oldest lines.

The third way, to pause the publishers, is `services.block`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tw.core.cursor import Cursor
from tw.core.fanout import FanOut
from tw.events import Dropped
from tw.protocols.pubsub import PubSubServer
from tw.serve_options import ServePubSubOptions
from tw.services.listener import Emit, Listener

REPORT_S = 1.0
"""How often a subscriber's losses are told, at most: one that drops lines does so in every turn."""


class Losses:
    """Counts what slow consumers lose, and tells of it, no more than once a `REPORT_S` for each of them."""

    def __init__(self, reactor: Any, emit: Emit) -> None:
        self._reactor = reactor
        self._emit = emit
        self._timer: Any = None
        # By connection: lines and bytes that nobody has been told of yet.
        self._untold: dict[int, tuple[int, int]] = {}
        self.lines = 0
        self.bytes = 0

    def add(self, connection_id: int, lines: int, size: int) -> None:
        """Count a loss, and tell of it at once, or with others a little later."""
        self.lines += lines
        self.bytes += size
        before = self._untold.get(connection_id, (0, 0))
        self._untold[connection_id] = (before[0] + lines, before[1] + size)
        if self._timer is None:
            self._tell_all()

    def settle(self, connection_id: int) -> None:
        """Tell what is untold of this one: it is going."""
        untold = self._untold.pop(connection_id, None)
        if untold is not None:
            self._emit(Dropped(id=connection_id, lines=untold[0], dropped_bytes=untold[1]))

    def stop(self) -> None:
        """Tell what is left to tell."""
        for connection_id in list(self._untold):
            self.settle(connection_id)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell_all(self) -> None:
        self._timer = None
        if self._untold:
            for connection_id in list(self._untold):
                self.settle(connection_id)
            self._timer = self._reactor.callLater(REPORT_S, self._tell_all)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a policy acts on. `behind` is who has a cursor of his own, by that."""

    reactor: Any
    options: ServePubSubOptions
    listener: Listener
    fanout: FanOut
    behind: Mapping[Cursor, PubSubServer]
    end: bytes

    def notice(self, text: str) -> bytes:
        """A notice of the server's. Without prefixes there is none: a client could forge it."""
        return f"<tw> {text}".encode() + self.end if self.options.prefix else b""


class Disconnecting:
    """`--slow disconnect`, and what all policies share. It is asked once a turn, and told who comes and goes."""

    def __init__(self, scene: Scene, losses: Losses) -> None:
        self._scene = scene
        self._losses = losses
        self._slow = 0

    def judge(self, fresh_bytes: int) -> None:
        """Deal with those who are overdue, once everyone had the chance to take all but the last `fresh_bytes`."""
        for cursor in self._scene.fanout.overdue(fresh_bytes):
            self._expel(self._scene.behind[cursor], f"more than {self._scene.options.backlog_bytes} bytes behind")

    @property
    def waiting(self) -> bool:
        """Whether nothing may be published for now."""
        return False

    def joined(self, connection: PubSubServer) -> None:
        """A client has come."""

    def left(self, connection: PubSubServer) -> None:
        """A client is gone, or has nothing more to get. It may be told several times."""
        self._losses.settle(connection.id)

    def breathed(self, connection: PubSubServer) -> None:
        """A client that was behind has taken something."""

    def stop(self) -> None:
        """Everyone is gone."""
        self._losses.stop()

    def summary(self) -> dict[str, int]:
        """What the server's last word says of it."""
        return {
            "slow_consumers": self._slow,
            "dropped_lines": self._losses.lines,
            "dropped_bytes": self._losses.bytes,
        }

    def _note_slow(self, connection: PubSubServer) -> None:
        """Count it among the slow consumers, once."""
        if not connection.slow:
            connection.slow = True
            self._slow += 1

    def _expel(self, connection: PubSubServer, why: str) -> None:
        self._note_slow(connection)
        cursor = connection.cursor
        self._losses.add(connection.id, cursor.backlog_lines, cursor.backlog_bytes)
        connection.expel(self._scene.notice(f"disconnected: {why}"), "slow consumer")


class Dropping(Disconnecting):
    """`--slow drop`: the oldest lines go, and nobody."""

    def judge(self, fresh_bytes: int) -> None:
        for cursor in self._scene.fanout.overdue(fresh_bytes):
            connection = self._scene.behind[cursor]
            lines, size = self._scene.fanout.drop(cursor)
            if lines:  # own lines, and those after its end, are no loss
                self._note_slow(connection)
                self._losses.add(connection.id, lines, size)
            if connection.leaving:
                connection.deliver()  # there may be nothing left that it must wait for
