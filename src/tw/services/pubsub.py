"""The pub/sub server: one log, every client a cursor into it, all lines of one reactor turn in one write each."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from twisted.internet.interfaces import IAddress

from tw.core.cursor import Cursor
from tw.core.fanout import FanOut
from tw.events import Listening, ServerSummary
from tw.net.reactor import at_turn_end, end_turn_early
from tw.protocols.connection import Keeper, ServerConnection
from tw.protocols.pubsub import PubSubServer
from tw.serve_options import ServePubSubOptions
from tw.services.abreast import Abreast
from tw.services.listener import Emit, Listener
from tw.services.relay import Floor, LocalRelay, Relay
from tw.services.slow import Disconnecting, Dropping, Losses, Scene

TURN_BYTES = 256 * 1024
"""Whenever a turn has published so much, it is shared out at once: so much at most is copied, or joined, in one go."""

TURNS_TO_FALL_BEHIND = 4
"""A turn ends early where it has published this share of the backlog, so that many publishers who push at once leave
everyone the chance to be sent what there is. 128 who pushed 256 KiB each in one turn put subscribers who read all the
time four backlogs behind. Between one and four `TURN_BYTES`: less would cost small backlogs their speed."""

RESET_CHECK_S = 30.0
"""How often half-closed subscribers are looked at: one that is gone altogether sends nothing that would tell."""


MakeRelay: TypeAlias = Callable[[Floor], Relay] | None
"""Makes what puts lines in order; None: they are in the order in which they come in."""


class PubSubService:
    """The hub (`protocols.pubsub.Hub`): publishes into the log, shares it out, and parts from who is too slow."""

    def __init__(self, reactor: Any, options: ServePubSubOptions, emit: Emit, make_relay: MakeRelay = None) -> None:
        self._reactor = reactor
        self._options = options
        self._end = b"\r\n" if options.crlf else b"\n"
        self._fanout = FanOut(
            backlog_bytes=options.backlog_bytes,
            history_lines=options.history_lines,
            line_end=self._end,
            gap_notice=self._gap_notice if options.prefix else None,
        )
        # Everyone is either behind, with a cursor of his own, or abreast of the log.
        self._behind: dict[Cursor, PubSubServer] = {}
        self._abreast = Abreast(self._fanout)
        self._turn_noted = False
        # What is published and not shared out yet, what this turn has shared out, and how much that may be.
        self._turn_bytes = 0
        self._shared_bytes = 0
        self._turn_limit_bytes = min(max(options.backlog_bytes // TURNS_TO_FALL_BEHIND, TURN_BYTES), 4 * TURN_BYTES)
        self._check: Any = None
        self._half_closed: set[PubSubServer] = set()
        self.max_line_bytes = options.max_line_bytes
        self.listener = Listener(reactor, "pubsub", options, emit)
        self._scene = Scene(reactor, options, self.listener, self._fanout, self._behind, self._end)
        self._slow = _policy(options.slow)(self._scene, Losses(reactor, emit))
        self._relay: Relay = LocalRelay(self, echo=options.echo) if make_relay is None else make_relay(self)
        # In the log, and nothing that was published here or there meanwhile.
        self._history_lines = self._notice_lines = 0
        # What connections call for it comes many times a turn: they call the relay itself.
        self.publish: Callable[[PubSubServer, list[bytes]], None] = self._relay.publish
        self.when_ordered: Callable[[PubSubServer, Callable[[], None]], None] = self._relay.when_ordered

    async def start(self) -> list[Listening]:
        """Bind. Raises TwError, and leaves nothing bound then."""
        try:
            await self._relay.start(self._options.history_lines, self._options.backlog_bytes)
            self._share()
            self._history_lines = self._fanout.published_lines
            return await self.listener.bind(self._build)
        except BaseException:
            await self._relay.stop()
            raise

    async def stop(self) -> ServerSummary:
        """Stop accepting, send every subscriber what is ordered, and tell what was done."""
        self._share()
        await self.listener.drain(self._finish)
        await self._relay.stop()
        self._slow.stop()
        if self._check is not None:
            self._check.cancel()
        return self.summary()

    def summary(self) -> ServerSummary:
        """What was done so far."""
        lines = self._fanout.published_lines - self._history_lines - self._notice_lines
        return self.listener.summary({"lines": lines, **self._slow.summary(), **self._relay.summary()})

    async def _finish(self, within_s: float) -> None:
        await self._relay.finish(within_s)
        self._share()

    def _build(self, keeper: Keeper, address: IAddress | None) -> ServerConnection:
        return PubSubServer(keeper, address, self, self._reactor)

    @property
    def abreast_bytes(self) -> int:
        return self._abreast.sent_bytes

    # What the relay calls ---------------------------------------------------------------------------------------------

    @property
    def connections(self) -> Mapping[int, ServerConnection]:
        return self.listener.connections

    @property
    def is_busy(self) -> bool:
        return self._slow.waiting or self._turn_bytes + self._shared_bytes >= self._turn_limit_bytes

    def order(self, source: Cursor | None, prefix: bytes, lines: list[bytes]) -> None:
        """Order lines for everyone; they leave at the end of this turn. Who does not get his own has that cursor."""
        before = self._fanout.published_bytes
        self._fanout.publish(source, prefix, lines)
        self._turn_bytes += self._fanout.published_bytes - before
        if not self._turn_noted:
            self._turn_noted = True
            at_turn_end(self._reactor, self._end_turn)
        if self._turn_bytes > TURN_BYTES:
            self._share_early()

    def tell_all(self, text: str) -> None:
        """A notice to everyone, at its place in the order."""
        notice = self._scene.notice(text)
        if notice:
            self._notice_lines += 1
            self.order(None, b"", [notice[: -len(self._end)]])

    # What connections call --------------------------------------------------------------------------------------------

    def join(self, connection: PubSubServer) -> Cursor:
        """A cursor for a new client, before the history if there is one."""
        if self._options.prefix:
            connection.prefix = f"<{connection.peer}> ".encode()
        cursor = self._fanout.subscribe(echo=self._options.echo)
        self._behind[cursor] = connection
        self._slow.joined(connection)
        self._relay.joined(connection)
        return cursor

    def leave(self, connection: PubSubServer) -> None:
        """Forget a client. Safe to call again."""
        self._abreast.discard(connection)
        self._behind.pop(connection.cursor, None)
        self._half_closed.discard(connection)
        self._fanout.unsubscribe(connection.cursor)
        self._slow.left(connection)
        self._relay.left(connection)

    def breathed(self, connection: PubSubServer) -> None:
        """A client that was behind has taken something."""
        self._slow.breathed(connection)

    def fall_behind(self, connection: PubSubServer) -> None:
        """Give a client that is abreast a cursor of its own, which stands there."""
        if connection.abreast:
            self._abreast.discard(connection)
            connection.cursor = self._fanout.subscribe(echo=self._options.echo, beside=self._abreast.cursor)
            self._behind[connection.cursor] = connection

    def line_too_long(self, connection: PubSubServer) -> None:
        """Tell a client that sent one, and part from it."""
        self.listener.refuse(connection, f"line too long (max {self.max_line_bytes} bytes)")
        notice = self._scene.notice(f"line too long (max {self.max_line_bytes} bytes)")

        def part() -> None:
            self._share()
            connection.finish(notice, "line too long")

        self.when_ordered(connection, part)

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

    def _gap_notice(self, lines: int) -> bytes:
        return self._scene.notice(f"dropped {lines} lines")

    # Sharing out ------------------------------------------------------------------------------------------------------

    def _end_turn(self) -> None:
        self._share()
        self._turn_noted = False
        self._shared_bytes = 0

    def _share_early(self) -> None:
        """Share out in the middle of a turn. One that has published its share ends here."""
        self._share()
        if self._shared_bytes < self._turn_limit_bytes:
            return
        if not end_turn_early(self._reactor) and self._shared_bytes > self._options.backlog_bytes:
            # With another reactor than ours the turn goes on. To bound what the log holds, it counts as over.
            self._shared_bytes = 0

    def _share(self) -> None:
        """Send what is published to everyone who can take it, and deal with who is too far behind."""
        self._shared_bytes += self._turn_bytes
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
        self._slow.judge(self._shared_bytes)

    def _hold_back(self, connection: PubSubServer, rest: bytes) -> None:
        self.fall_behind(connection)
        connection.stream.write(rest)


def _policy(slow: str) -> type[Disconnecting]:
    if slow == "block":
        from tw.services.block import Blocking

        return Blocking
    return Dropping if slow == "drop" else Disconnecting
