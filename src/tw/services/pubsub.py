"""The pub/sub server: one log, every client a cursor into it, all lines of one reactor turn in one write each."""

from typing import Any

from twisted.internet.interfaces import IAddress

from tw.core.cursor import Cursor
from tw.core.fanout import FanOut
from tw.events import Dropped, Listening, ServerSummary
from tw.net.reactor import at_turn_end
from tw.protocols.connection import Keeper, ServerConnection
from tw.protocols.pubsub import PubSubServer
from tw.serve_options import ServePubSubOptions
from tw.services.abreast import Abreast
from tw.services.listener import Emit, Listener

TURN_BYTES = 256 * 1024
"""A turn that has published so much is shared out at once: it bounds what piles up before anyone could read."""

RESET_CHECK_S = 30.0
"""How often half-closed subscribers are looked at: one that is gone altogether sends nothing that would tell."""


class PubSubService:
    """The hub (`protocols.pubsub.Hub`): publishes into the log, shares it out, and parts from who is too slow."""

    def __init__(self, reactor: Any, options: ServePubSubOptions, emit: Emit) -> None:
        self._reactor = reactor
        self._options = options
        self._emit = emit
        self._end = b"\r\n" if options.crlf else b"\n"
        self._fanout = FanOut(
            backlog_bytes=options.backlog_bytes, history_lines=options.history_lines, line_end=self._end
        )
        # Everyone is either behind, with a cursor of his own, or abreast of the log.
        self._behind: dict[Cursor, PubSubServer] = {}
        self._abreast = Abreast(self._fanout)
        self._turn_open = False
        self._turn_bytes = 0
        self._check: Any = None
        self._half_closed: set[PubSubServer] = set()
        self._dropped_lines = 0
        self._dropped_bytes = 0
        self._slow = 0
        self.max_line_bytes = options.max_line_bytes
        self.listener = Listener(reactor, "pubsub", options, emit)

    async def start(self) -> list[Listening]:
        """Bind. Raises TwError, and leaves nothing bound then."""
        return await self.listener.bind(self._build)

    async def stop(self) -> ServerSummary:
        """Stop accepting, send every subscriber what is ordered, and tell what was done."""
        self._share()
        await self.listener.drain()
        self._share()
        if self._check is not None:
            self._check.cancel()
        return self.listener.summary(
            {
                "lines": self._fanout.published_lines,
                "slow_consumers": self._slow,
                "dropped_lines": self._dropped_lines,
                "dropped_bytes": self._dropped_bytes,
            }
        )

    def _build(self, keeper: Keeper, address: IAddress | None) -> ServerConnection:
        return PubSubServer(keeper, address, self, self._reactor)

    # What connections call --------------------------------------------------------------------------------------------

    def join(self, connection: PubSubServer) -> Cursor:
        """A cursor for a new client, before the history if there is one."""
        if self._options.prefix:
            connection.prefix = f"<{connection.peer}> ".encode()
        cursor = self._fanout.subscribe(echo=self._options.echo)
        self._behind[cursor] = connection
        return cursor

    def leave(self, connection: PubSubServer) -> None:
        """Forget a client. Safe to call again."""
        self._abreast.discard(connection)
        self._behind.pop(connection.cursor, None)
        self._half_closed.discard(connection)
        self._fanout.unsubscribe(connection.cursor)

    def fall_behind(self, connection: PubSubServer) -> None:
        """Give a client that is abreast a cursor of its own, which stands there."""
        if connection.abreast:
            self._abreast.discard(connection)
            connection.cursor = self._fanout.subscribe(echo=self._options.echo, beside=self._abreast.cursor)
            self._behind[connection.cursor] = connection

    def publish(self, connection: PubSubServer, lines: list[bytes]) -> None:
        """Order lines for everyone; they leave at the end of this turn."""
        if not self._options.echo:
            self.fall_behind(connection)  # it must skip what it publishes
        before = self._fanout.published_bytes
        self._fanout.publish(connection.cursor, connection.prefix, lines)
        self._turn_bytes += self._fanout.published_bytes - before
        if self._turn_bytes > TURN_BYTES:
            self._share()
        elif not self._turn_open:
            self._turn_open = True
            at_turn_end(self._reactor, self._end_turn)

    def line_too_long(self, connection: PubSubServer) -> None:
        """Tell a client that sent one, and part from it."""
        self.listener.refuse(connection, f"line too long (max {self.max_line_bytes} bytes)")
        notice = self._notice(f"line too long (max {self.max_line_bytes} bytes)")
        self._share()
        connection.finish(notice, "line too long")

    def half_closed(self, connection: PubSubServer) -> None:
        """Keep an eye on a subscriber that will never send again."""
        connection.stream.keep_alive(int(RESET_CHECK_S))
        self._half_closed.add(connection)
        if self._check is None:
            self._check = self._reactor.callLater(RESET_CHECK_S, self._check_half_closed)

    def _check_half_closed(self) -> None:
        self._check = None
        for connection in list(self._half_closed):
            if connection.stream.hung_up():
                connection.stream.abort()
        if self._half_closed:
            self._check = self._reactor.callLater(RESET_CHECK_S, self._check_half_closed)

    def _notice(self, text: str) -> bytes:
        """A notice of the server's. Without prefixes there is none: a client could forge it."""
        return f"<tw> {text}".encode() + self._end if self._options.prefix else b""

    # Sharing out ------------------------------------------------------------------------------------------------------

    def _end_turn(self) -> None:
        if self._turn_open:
            self._share()

    def _share(self) -> None:
        """Close the turn: send its lines to everyone who can take them, and part from who is too far behind."""
        self._turn_open = False
        self._turn_bytes = 0
        if not self._fanout.seal():
            return
        self._abreast.share(self._hold_back)
        for cursor, connection in list(self._behind.items()):
            if connection.writable:
                connection.deliver()
                if cursor.caught_up and not connection.leaving and self._abreast.add(connection):
                    del self._behind[cursor]
                    self._fanout.unsubscribe(cursor)
        for cursor in self._fanout.overdue():
            self._expel(self._behind[cursor])

    def _hold_back(self, connection: PubSubServer, rest: bytes) -> None:
        self.fall_behind(connection)
        connection.stream.write(rest)

    def _expel(self, connection: PubSubServer) -> None:
        lines, unsent_bytes = connection.cursor.backlog_lines, connection.cursor.backlog_bytes
        self._slow += 1
        self._dropped_lines += lines
        self._dropped_bytes += unsent_bytes
        self._emit(Dropped(id=connection.id, lines=lines, dropped_bytes=unsent_bytes))
        notice = self._notice(f"disconnected: more than {self._options.backlog_bytes} bytes behind")
        connection.expel(notice, "slow consumer")
