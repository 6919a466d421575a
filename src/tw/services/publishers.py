"""The publishers while what they publish waits to be ordered elsewhere: held together, and released together."""

from typing import Any

from tw.net.reactor import end_turn_early
from tw.net.stream import can_half_close
from tw.protocols.pubsub import FOR_THE_RELAY, PubSubServer
from tw.services.relay import Floor


class Publishers:
    """Everyone on the floor: whoever is connected may publish."""

    def __init__(self, reactor: Any, floor: Floor) -> None:
        self._reactor = reactor
        self._floor = floor
        self.are_held = False

    def hold(self) -> None:
        """Read nothing from anybody, newcomers included (see `hold_one`). Safe to call again."""
        if self.are_held:
            return
        self.are_held = True
        for connection in list(self._floor.connections.values()):
            if isinstance(connection, PubSubServer):
                self.hold_one(connection)
        end_turn_early(self._reactor)  # what was to be read in it is read when they are released

    def hold_one(self, connection: PubSubServer) -> None:
        """Over TLS one that has said nothing is held when he does: held before, he may be stuck in the handshake."""
        if connection.received_bytes or can_half_close(connection.stream.transport):
            connection.hold(FOR_THE_RELAY)

    def release(self) -> None:
        """Read on."""
        if not self.are_held:
            return
        self.are_held = False
        for connection in list(self._floor.connections.values()):
            if isinstance(connection, PubSubServer):
                connection.release(FOR_THE_RELAY)
