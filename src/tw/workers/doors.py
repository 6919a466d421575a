"""The places of a server with workers: its listening sockets, one each for every worker, and what they are shown."""

import socket
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address

from tw.core.text import safe
from tw.errors import UsageError
from tw.events import Listening, ServerEvent
from tw.net.endpoint import bind_error
from tw.net.shared import close_all, possible, shared_place, shared_sockets
from tw.net.tls_handed import Handed, hand_over
from tw.serve_options import ServeOptions
from tw.services.certificates import Certificates, certificates
from tw.services.ports import listening_at, place_text


class SharedCertificates:
    """The certificates that every worker shows. The parent alone reads them: whoever takes the place of a worker that
    ended shows what the others do, whatever the files are by then."""

    def __init__(self, own: Certificates, show: Callable[[Handed], None]) -> None:
        self._own = own
        self._show = show

    @property
    def pin(self) -> str:
        return self._own.pin

    def reload(self) -> bool:
        """As `Certificates.reload`."""
        changed = self._own.reload()
        if changed:
            self._show(self.handed())
        return changed

    def handed(self) -> Handed:
        return hand_over(self._own.current)


class Doors:
    """Binds what `options` ask for: `sockets` holds the listening ones of each worker. `show` is told of certificates
    that were read again. Raises LocalError where they cannot be used."""

    def __init__(self, reactor: Any, service: str, options: ServeOptions, show: Callable[[Handed], None]) -> None:
        self.announced: Sequence[ServerEvent] = ()
        self._reactor = reactor
        self._service = service
        self._options = options
        own = certificates(options, ())
        self.tls = SharedCertificates(own, show) if own is not None else None
        self.sockets: list[list[socket.socket]] = [[] for _ in range(options.workers)]

    def handed(self) -> Handed | None:
        """What a worker needs for TLS."""
        return self.tls.handed() if self.tls is not None else None

    def bind(self) -> list[Listening]:
        """Bind everything, or nothing. Raises TwError."""
        if not possible():
            raise UsageError("this system does not deal connections out among processes", "--workers", "leave it out")
        options = self._options
        places = [(*shared_place(self._reactor, text), safe(text)) for text in options.listen]
        try:
            if not places:
                return [self._bind_one(options.host, options.port, place_text(options.host, options.port))]
            return [self._bind_one(host, port, text, backlog) for host, port, backlog, text in places]
        except BaseException:
            self.close()
            raise

    def _bind_one(self, host: str, port: int, where: str, *backlog: int) -> Listening:
        try:
            made = shared_sockets(host, port, self._options.workers, *backlog)
        except (OSError, OverflowError) as problem:
            raise bind_error(problem, where) from problem
        for sockets, each in zip(self.sockets, made, strict=True):
            sockets.append(each)
        name = made[0].getsockname()
        kind = IPv6Address if made[0].family == socket.AF_INET6 else IPv4Address
        pin = self.tls.pin if self.tls is not None else None
        return listening_at(self._service, kind("TCP", name[0], name[1]), pin, tls=pin is not None)

    def close(self) -> None:
        """Safe to call again. A socket is gone once the worker that has it is, or has closed it."""
        for sockets in self.sockets:
            close_all(sockets)
