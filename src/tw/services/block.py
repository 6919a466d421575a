"""`--slow block`: while a subscriber is too far behind, nothing is read from the publishers.

Who is too far behind himself is read from: he may have to get rid of what he sends before he can read. He is given one
more backlog for that. Then he is held for the sake of the others who are behind; where he is the only one, he goes.

Memory: twice the backlog, one turn, and one read.
"""

from dataclasses import dataclass
from typing import Any

from twisted.logger import Logger

from tw.core.counted import counted
from tw.core.cursor import Cursor
from tw.net.progress import taken_bytes
from tw.net.reactor import end_turn_early
from tw.net.stream import can_half_close
from tw.protocols.pubsub import PubSubServer
from tw.services.slow import Disconnecting, Losses, Scene

BLOCK_TIMEOUT_S = 30.0
"""How long one may read nothing while publishers wait for him, unless the user says otherwise."""

LOOKS = 8
"""How often it is looked at in that time. One that is stuck goes after an eighth more than that at the latest."""


@dataclass(slots=True)
class _Wait:
    """Whom publishers wait for: what he had published as it began, and what he had taken when that last changed."""

    received_bytes: int
    taken_bytes: int
    since_s: float


class Blocking(Disconnecting):
    """Holds the publishers while somebody is overdue, and parts from who is stuck."""

    _log = Logger()

    def __init__(self, scene: Scene, losses: Losses) -> None:
        super().__init__(scene, losses)
        self._timeout_s = scene.options.block_timeout_s or BLOCK_TIMEOUT_S
        self._waits: dict[PubSubServer, _Wait] = {}
        # Over TLS one that has said nothing yet is held when he does: held before, he may be stuck in the handshake. (A
        # dict for its order.)
        self._unheard: dict[PubSubServer, None] = {}
        self._look: Any = None
        self._since_s = 0.0
        self._pauses = 0
        self._paused_s = 0.0

    def judge(self, fresh_bytes: int) -> None:
        """Everyone overdue is waited for, the fresh bytes among it: to be held for a moment costs nobody anything."""
        late = self._scene.fanout.overdue()
        if late:
            self._wait_for(late)
        if self._unheard:
            self._hold_those_heard()

    @property
    def waiting(self) -> bool:
        return bool(self._waits)

    def joined(self, connection: PubSubServer) -> None:
        if self._waits:
            self._hold(connection)

    def left(self, connection: PubSubServer) -> None:
        super().left(connection)
        self._unheard.pop(connection, None)
        self._wait_no_more(connection)

    def breathed(self, connection: PubSubServer) -> None:
        if connection in self._waits and self._scene.fanout.relieved(connection.cursor):
            self._wait_no_more(connection)
            if self._waits:
                connection.hold()

    def stop(self) -> None:
        super().stop()
        self._resume()

    def summary(self) -> dict[str, int]:
        return {**super().summary(), "pauses": self._pauses, "paused_ms": round(self._paused_s * 1000)}

    # Waiting ----------------------------------------------------------------------------------------------------------

    def _wait_for(self, late: list[Cursor]) -> None:
        first = not self._waits
        for cursor in late:
            connection = self._scene.behind[cursor]
            if connection not in self._waits:
                self._note_slow(connection)
                self._waits[connection] = _Wait(connection.received_bytes, taken_bytes(connection.stream), self._now())
                connection.release()
        if first:
            self._pause()
        if self._scene.fanout.held_bytes > 2 * self._scene.options.backlog_bytes:
            self._stop_those_who_publish_on()

    def _wait_no_more(self, connection: PubSubServer) -> None:
        if self._waits.pop(connection, None) is None:
            return
        if not self._waits:
            self._resume()
        elif len(self._waits) == 1:
            next(iter(self._waits)).release()  # nobody else is behind: he may not be held for himself

    def _stop_those_who_publish_on(self) -> None:
        """Each of several is held for the others, whether he has published or not: he still could, a read each."""
        if len(self._waits) > 1:
            for connection, wait in self._waits.items():
                connection.hold()
                wait.received_bytes = connection.received_bytes
            return
        ((connection, wait),) = self._waits.items()
        if connection.received_bytes > wait.received_bytes:
            limit = 2 * self._scene.options.backlog_bytes
            self._expel(connection, f"more than {limit} bytes behind, and publishing")

    # Pausing ----------------------------------------------------------------------------------------------------------

    def _pause(self) -> None:
        self._pauses += 1
        self._since_s = self._now()
        self._log.debug("publishers are paused: {who} too far behind", who=counted(len(self._waits), "subscribers"))
        for connection in list(self._scene.listener.connections.values()):
            if connection not in self._waits and isinstance(connection, PubSubServer):
                self._hold(connection)
        end_turn_early(self._scene.reactor)  # what was to be read in it is read when they are released
        self._look_later()

    def _resume(self) -> None:
        if self._look is None:
            return
        self._look.cancel()
        self._look = None
        self._paused_s += self._now() - self._since_s
        self._unheard.clear()
        for connection in list(self._scene.listener.connections.values()):
            if isinstance(connection, PubSubServer):
                connection.release()

    def _hold(self, connection: PubSubServer) -> None:
        if connection.received_bytes or can_half_close(connection.stream.transport):
            connection.hold()
        else:
            self._unheard[connection] = None

    def _hold_those_heard(self) -> None:
        for connection in [connection for connection in self._unheard if connection.received_bytes]:
            del self._unheard[connection]
            if connection not in self._waits:
                connection.hold()

    # Who is stuck -----------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        seconds: float = self._scene.reactor.seconds()
        return seconds

    def _look_later(self) -> None:
        self._look = self._scene.reactor.callLater(self._timeout_s / LOOKS, self._look_at_them)

    def _look_at_them(self) -> None:
        self._look_later()
        for connection, wait in list(self._waits.items()):
            taken = taken_bytes(connection.stream)
            if taken != wait.taken_bytes:
                wait.taken_bytes, wait.since_s = taken, self._now()
            elif self._now() - wait.since_s >= self._timeout_s:
                self._expel(connection, f"has read nothing for {self._timeout_s:g} s")
