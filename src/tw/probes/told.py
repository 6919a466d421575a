"""What `-v` tells of a client's connections: of each of the first few, and then how many there are."""

from OpenSSL import SSL
from twisted.logger import Logger, LogLevel

from tw.net.endpoint import address_text
from tw.protocols.client import ClientConnection

TOLD_ONE_BY_ONE = 10
"""So many connections of a run are told of one by one under `-v`; under `-vv` all are."""

TELL_FROM = 100
"""From here on it is told how many there are, at each power of ten."""


class Told:
    """Tells of a run's connections in the log."""

    _log = Logger()

    def __init__(self) -> None:
        self._made = 0
        self._next = TELL_FROM

    def tell(self, connection: ClientConnection, took_s: float) -> None:
        """One more is ready to be used."""
        self._made += 1
        level = LogLevel.info if self._made <= TOLD_ONE_BY_ONE else LogLevel.debug
        peer, tls = address_text(connection.stream.transport.getPeer()), _tls(connection)
        self._log.emit(level, "connected to {peer}{tls} in {ms:.3f} ms", peer=peer, tls=tls, ms=took_s * 1e3)
        if self._made >= self._next:
            more = "; -vv tells of each" if self._next == TELL_FROM else ""
            self._log.info("{made} connections so far{more}", made=self._made, more=more)
            self._next *= 10


def _tls(connection: ClientConnection) -> str:
    """What protects the connection, for a log line."""
    handle = getattr(connection.stream.transport, "getHandle", lambda: None)()
    if not isinstance(handle, SSL.Connection):
        return ""
    return f" ({handle.get_protocol_version_name()}, {handle.get_cipher_name()})"
