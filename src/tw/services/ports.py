"""Binding: from what was asked for to ports, and what is told of each."""

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred

from tw.core.target import format_peer
from tw.core.text import safe
from tw.errors import UsageError
from tw.events import Listening
from tw.net.endpoint import bind_error, host_endpoint, is_passed, is_tls, server_endpoint, unlock
from tw.net.gate import Gate
from tw.net.keepalive import keep_alive
from tw.net.shared import InheritedEndpoint
from tw.serve_options import ServeOptions

UDP_PORT_TRIES = 16
"""With `--udp` and port 0 the port must be free for both; a few tries find one wherever one is left."""


class Ports:
    """What `options` ask for, bound together and closed together. `gate` stands before every `accept`."""

    def __init__(self, reactor: Any, service: str, options: ServeOptions, gate: Gate) -> None:
        self.bound: list[Any] = []
        self.inherited: Sequence[int] = ()
        """Descriptors of sockets that listen already, in place of all that `options` ask for."""
        self._reactor = reactor
        self._service = service
        self._options = options
        self._gate = gate
        self._pin: str | None = None
        self._paths: list[str] = []

    @property
    def are_passed(self) -> bool:
        """Whether a service manager holds one of them, so that who comes later waits there."""
        return any(is_passed(text) for text in self._options.listen)

    async def bind(self, factory: Any, pin: str | None, udp: Any = None) -> list[Listening]:
        """Bind every endpoint, or none: where one fails, those already bound are given up. Raises TwError.

        `pin` is that of the certificate that `factory` shows, None where it shows none. `udp` is a DatagramProtocol for
        the same host and port, or None.
        """
        self._pin = pin
        endpoints = self._endpoints()
        try:
            if udp is not None:
                return await self._bind_both(factory, udp)
            return [await self._bind_one(factory, endpoint, text) for endpoint, text in endpoints]
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        self._gate.dismantle()
        ports, self.bound = self.bound, []
        for port in ports:
            stopped: Any = port.stopListening()
            with suppress(OSError):  # a unix socket's file may be gone, or no longer ours to remove
                if isinstance(stopped, Deferred):
                    await stopped
        while self._paths:
            unlock(self._paths.pop())

    def _endpoints(self) -> list[tuple[Any, str]]:
        options = self._options
        if self.inherited:
            return [(InheritedEndpoint(self._reactor, each), f"descriptor {each}") for each in self.inherited]
        if not options.listen:
            place = place_text(options.host, options.port)
            return [(host_endpoint(self._reactor, options.host, options.port), place)]
        for text in options.listen:
            if self._pin is not None and is_tls(text):
                hint = f"leave out {text.partition(':')[0]}: or the --tls options"
                raise UsageError("TLS asked for twice", f"--listen {safe(text)}", hint)
            if self._options.proxy_protocol and is_tls(text):
                hint = "use tcp: with --tls-cert and --tls-key"
                raise UsageError("the PROXY header comes before TLS", f"--listen {safe(text)}", hint)
        return [(server_endpoint(self._reactor, text), safe(text)) for text in options.listen]

    async def _bind_one(self, factory: Any, endpoint: Any, where: str) -> Listening:
        try:
            port = await endpoint.listen(factory)
        except Exception as problem:
            _unlock_after(problem)
            raise bind_error(problem, where) from problem
        keep_alive(port, self._options.tcp_keepalive_s)
        self.bound.append(port)
        self._gate.guard(port)
        listening = self._listening(port.getHost(), where)
        if listening.path is not None:
            self._paths.append(listening.path)
        return listening

    async def _bind_both(self, factory: Any, udp: Any) -> list[Listening]:
        tries = UDP_PORT_TRIES if self._options.port == 0 else 1
        while True:
            tries -= 1
            stream = await self._bind_one(factory, *self._endpoints()[0])
            try:
                # The address that TCP is bound to, since Twisted takes no name here. 65,535 is the largest datagram;
                # Twisted's default of 8,192 would cut longer ones.
                datagram = self._reactor.listenUDP(stream.port, udp, stream.host, 65_535)
            except error.CannotListenError as problem:
                if tries:
                    await self.close()
                    continue
                raise bind_error(problem, f"{place_text(self._options.host, stream.port or 0)}/udp") from problem
            self.bound.append(datagram)
            return [stream, self._listening(datagram.getHost(), "")]

    def _listening(self, host: Any, text: str) -> Listening:
        return listening_at(self._service, host, self._pin, tls=self._pin is not None or is_tls(text))


def listening_at(service: str, host: Any, pin: str | None, *, tls: bool) -> Listening:
    """What is told of a port that is bound at `host`, one of Twisted's addresses."""
    common: dict[str, Any] = {"service": service, "tls": tls, "pin": pin, "pid": os.getpid()}
    name = getattr(host, "name", None)
    if name is not None:
        path = os.fsdecode(name)
        return Listening(transport="unix", path=path, endpoint=f"unix:{_quoted(path)}", **common)
    transport = str(getattr(host, "type", "TCP")).lower()
    kind = "udp" if transport == "udp" else "tls" if tls else "tcp"
    endpoint = f"{kind}:{_quoted(host.host)}:{host.port}"
    return Listening(transport=transport, host=host.host, port=host.port, endpoint=endpoint, **common)


def place_text(host: str, port: int) -> str:
    """A host and port that were asked for, written as a bound one is, and safe for a terminal."""
    return safe(format_peer(host, port))


def _quoted(text: str) -> str:
    """Escape what is special in an endpoint string (Twisted's `quoteStringArgument`, and `=` for its keywords)."""
    return text.replace("\\", "\\\\").replace(":", "\\:").replace("=", "\\=")


def _unlock_after(problem: Exception) -> None:
    """Give up the lock of a unix socket that was locked and then not bound; without a lock the error is a text."""
    if not isinstance(problem, error.CannotListenError):
        return
    if isinstance(problem.port, bytes) and isinstance(problem.socketError, OSError):
        unlock(problem.port)
