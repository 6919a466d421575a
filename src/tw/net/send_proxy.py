"""A PROXY header in front of a client's connection: below TLS, ahead of its first byte."""

from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from tw.core.proxy import HostAddress, parse_header
from tw.core.proxy_sender import Version, proxy_header


class HeaderAhead(Factory):
    """Builds what `factory` builds, whose transport has sent a header by the time that it gets it.

    `source` is what to say instead of the connection's own address.
    """

    noisy = False

    def __init__(self, factory: Any, version: Version, source: HostAddress | None = None) -> None:
        self._factory = factory
        self._version = version
        self._source = source

    def buildProtocol(self, addr: IAddress | None) -> Any:
        program = self._factory.buildProtocol(addr)
        connect = program.makeConnection

        def announce(transport: Any) -> None:
            del program.makeConnection
            source = self._source or _host_address(transport.getHost())
            header = proxy_header(self._version, source, _host_address(transport.getPeer()))
            transport.proxy_header = parse_header(header)  # for one who tells of it (`net.sight`)
            transport.write(header)
            connect(transport)

        # In the object's own names, once: a protocol of ours in between would be in the way of every byte, and keep
        # `Stream` from the socket.
        program.makeConnection = announce
        return program


def _host_address(address: Any) -> HostAddress | None:
    """None for the end of a unix socket."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    return HostAddress(host, port) if isinstance(host, str) and isinstance(port, int) else None
