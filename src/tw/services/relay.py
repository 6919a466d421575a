"""Where the lines that clients publish are put in order: in this process, or elsewhere (`services.stream_relay`)."""

from collections.abc import Callable, Mapping
from typing import Protocol

from tw.core.cursor import Cursor
from tw.protocols.connection import ServerConnection
from tw.protocols.pubsub import PubSubServer


class Floor(Protocol):
    """What a relay hands over to: the pub/sub service."""

    @property
    def connections(self) -> Mapping[int, ServerConnection]:
        """Everyone who is connected."""

    @property
    def is_busy(self) -> bool:
        """Whether this turn has had its share, or a subscriber is waited for: more is to come later."""

    def order(self, source: Cursor | None, prefix: bytes, lines: list[bytes]) -> None: ...
    def fall_behind(self, connection: PubSubServer) -> None: ...
    def tell_all(self, text: str) -> None: ...


class Relay(Protocol):
    """Takes lines from publishers, and gives all lines to the floor, in the order that they have for everybody."""

    async def start(self, history_lines: int, history_bytes: int) -> None:
        """Before anybody is connected. Raises TwError. The history goes to the floor."""

    def publish(self, connection: PubSubServer, lines: list[bytes]) -> None: ...

    def when_ordered(self, connection: PubSubServer, then: Callable[[], None]) -> None:
        """Call `then`, once, when all that this client has published is ordered, at once if it is; not if it leaves."""

    def joined(self, connection: PubSubServer) -> None: ...
    def left(self, connection: PubSubServer) -> None: ...

    async def finish(self, within_s: float) -> None:
        """Take no more, and have what was taken ordered, in this time if possible."""

    async def stop(self) -> None:
        """Safe to call again, and after a start that failed."""

    def summary(self) -> Mapping[str, int]: ...


class LocalRelay:
    """The order is that in which lines come in here."""

    def __init__(self, floor: Floor, *, echo: bool) -> None:
        self._floor = floor
        self._echo = echo

    async def start(self, history_lines: int, history_bytes: int) -> None:
        """There is nobody to ask."""

    def publish(self, connection: PubSubServer, lines: list[bytes]) -> None:
        if not self._echo:
            self._floor.fall_behind(connection)  # it must skip what it publishes
        self._floor.order(connection.cursor, connection.prefix, lines)

    def when_ordered(self, connection: PubSubServer, then: Callable[[], None]) -> None:
        then()

    def joined(self, connection: PubSubServer) -> None:
        """Nothing is to be done for it."""

    def left(self, connection: PubSubServer) -> None:
        """Nothing is kept of it."""

    async def finish(self, within_s: float) -> None:
        """All is ordered."""

    async def stop(self) -> None:
        """There is nothing to be closed."""

    def summary(self) -> Mapping[str, int]:
        return {}
