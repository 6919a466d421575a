"""The subscribers that have kept up: they share one cursor, and are sent to in one tight loop."""

from collections.abc import Callable

from tw.core.fanout import FanOut
from tw.net.stream import PAUSE_BYTES
from tw.protocols.pubsub import PubSubServer


class Abreast:
    """Sends what is new to every subscriber that has been sent everything before.

    A delivery costs a `send` and little more. By a cursor and a stream of its own each would touch ten objects more,
    which the caches of a busy server do not hold: one line at a time to 100 subscribers cost 15 % more, to 1,000 12 %.

    Only those whose transport holds nothing back may be here. Whoever takes less than all leaves at once.
    """

    def __init__(self, fanout: FanOut) -> None:
        self.cursor = fanout.subscribe()
        """Where everyone here stands."""
        self._sends: dict[PubSubServer, Callable[[bytes], int]] = {}
        self.sent_bytes = 0
        """What one who has always been here was sent; a stream's own count is corrected as its connection leaves."""

    def add(self, connection: PubSubServer) -> bool:
        """Take in a connection that is caught up, if its transport holds nothing back. Returns whether it did."""
        send = connection.stream.direct_send()
        if send is None:
            return False
        self._sends[connection] = send
        connection.stream.sent_bytes -= self.sent_bytes
        connection.abreast = True
        return True

    def discard(self, connection: PubSubServer) -> None:
        """Let a connection go, if it is here."""
        if self._sends.pop(connection, None) is not None:
            connection.stream.sent_bytes += self.sent_bytes
            connection.abreast = False

    def share(self, fall_behind: Callable[[PubSubServer, bytes], None]) -> None:
        """Send what is new. Who could not take all of it is named, with the rest, which its stream must write."""
        while data := self.cursor.take(PAUSE_BYTES):
            size = len(data)
            self.sent_bytes += size
            short = []
            for connection, send in self._sends.items():
                try:
                    sent = send(data)
                except OSError as error:
                    connection.stream.note_failure(error)
                    sent = 0  # the transport meets it again: no `connectionLost` while this goes on
                if sent != size:
                    short.append((connection, data[sent:]))
            for connection, rest in short:
                connection.stream.sent_bytes -= len(rest)
                fall_behind(connection, rest)
