"""Where datagrams go, and the sockets that they go out by."""

from typing import Any

from twisted.internet.error import CannotListenError, MessageLengthError

from tw.core.client_rules import refuse_idle_tls_options
from tw.core.target import HostTarget
from tw.core.text import safe
from tw.errors import ConnectError, ProtocolError, TwError, UsageError
from tw.net.dial import resolve
from tw.net.endpoint import bind_error
from tw.probe_options import ProbeEchoOptions
from tw.probes.echo import echo_target
from tw.probes.source import source_error, source_family
from tw.probes.timing import within
from tw.protocols.echo import UdpEchoClient

MAX_PACKET_BYTES = 65_535
"""Twisted reads 8,192 unless told otherwise, and cuts longer datagrams."""

LAST_READ_S = 0.1
"""How long a duplicate of the last datagram is waited for."""

SEND_ERRORS = (OSError, MessageLengthError)
"""What the kernel refuses a datagram with: no route, a firewall's rule, too large."""


class UdpRoute:
    """To the server that `options` name. Raises UsageError for what makes no sense over UDP."""

    def __init__(self, reactor: Any, options: ProbeEchoOptions) -> None:
        target = echo_target(options)
        if not isinstance(target, HostTarget) or target.tls:
            raise UsageError("UDP needs a host and a port", safe(str(target)), "write HOST:PORT")
        refuse_idle_tls_options(options.verify, f"{target}/udp", "leave it out: echo over UDP has no TLS")
        if options.wait_for_s is not None:
            raise UsageError("--wait-for beside --udp", "", "UDP has no connection to wait for")
        self._reactor = reactor
        self._options = options
        self._target = target
        self._place: tuple[str, int] | None = None
        self.where = f"{target}/udp"

    async def look_up(self) -> None:
        """Find the server's address, ahead of everything else. Raises ConnectError."""
        options = self._options
        family = source_family(options.bind, options.family, self._target.host)
        resolving = resolve(self._reactor, self._target.host, self._target.port, family)
        addresses = await within(self._reactor, options.timeout_s, resolving, self._slow_name)
        self._place = (addresses[0].host, addresses[0].port)

    def open(self, client: UdpEchoClient) -> Any:
        """A socket of its own for `client`: its port, that whoever asked for it stops. Raises ConnectError."""
        assert self._place is not None
        source = self._options.bind or ("::" if ":" in self._place[0] else "")
        try:
            port = self._reactor.listenUDP(0, client, source, MAX_PACKET_BYTES)
        except CannotListenError as problem:
            raise source_error(problem, self._options.bind) or bind_error(problem, self.where) from problem
        try:
            port.connect(*self._place)
        except SEND_ERRORS as problem:
            port.stopListening()
            raise self.cannot_send(problem) from problem
        return port

    def cannot_send(self, problem: Exception) -> TwError:
        """The typed error for one of `SEND_ERRORS`."""
        why = getattr(problem, "strerror", None) or "message too long"
        return ConnectError(f"cannot send: {why.lower()}", self.where, "check the address and the route")

    def unreachable(self, *, answered: bool) -> TwError:
        """The error for a port that was found closed (ICMP says so); `answered`: it had answered before."""
        if answered:
            return ProtocolError("the port became unreachable in the middle", self.where, "did it stop?")
        return ConnectError("port unreachable", self.where, "is the server running there, with --udp?")

    def _slow_name(self) -> TwError:
        return ConnectError("resolving the name timed out", self._target.host, "check the name server")
