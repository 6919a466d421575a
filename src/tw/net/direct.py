"""A connection without a reactor: blocking, to a host and port, under one deadline.

Whoever does one thing on one connection needs no event loop, and loading Twisted's would be most of such a run's time:
a whole `tw imap first-subject` takes half as long this way. It keeps the rules of `net.dial` and `net.tls`: RFC 8305's
order of addresses, TLS 1.2 and up, and a chain and a name that are verified before a byte is sent.
"""

import errno
import os
import queue
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tw.core.client_rules import STAGGER_S, interleaved
from tw.core.text import safe
from tw.errors import ConnectError, LocalError, TlsError
from tw.net.pem_file import read_pem
from tw.net.tls_words import (
    NAME_AUTHORITY,
    SELF_SIGNED,
    UNKNOWN_AUTHORITY,
    another_name,
    handshake_failed,
    left_in_handshake,
    rejected,
)

CHUNK_BYTES = 65_536
ANOTHER_NAME = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH (OpenSSL's x509_vfy.h)."""
REFUSALS = {
    errno.ECONNREFUSED: ("connection refused", "is the server running there?"),
    errno.ENETUNREACH: ("no route to the host", "check the address and the network"),
    errno.ETIMEDOUT: ("connecting timed out", "is a firewall in between?"),
}


class CertificateRejected(TlsError):
    """A certificate of the server's is not trusted, which `ssl` does not say all of: which one of the chain, and its
    dates. Whoever wants to know connects once more, with `net.tls`."""


class Overdue(Exception):
    """The deadline has passed."""


class Deadline:
    """A moment by which everything has to be done; `clock` gives seconds and never jumps."""

    def __init__(self, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until_s = clock() + timeout_s

    def left_s(self) -> float:
        """More than zero. Raises Overdue."""
        left = self._until_s - self._clock()
        if left <= 0:
            raise Overdue
        return left


class Direct:
    """A connected stream. `where` names its other end in errors."""

    def __init__(self, connected: socket.socket, deadline: Deadline, where: str) -> None:
        self._socket = connected
        self._deadline = deadline
        self._where = where

    @classmethod
    def to(cls, host: str, port: int, deadline: Deadline, where: str) -> "Direct":
        """Connect to the first address of `host` that takes it. Raises ConnectError and Overdue."""
        return cls(_dial(_resolve(host, port, deadline), deadline, where), deadline, where)

    @property
    def peer(self) -> Any:
        """The other end's address, as `socket` has it."""
        return self._socket.getpeername()

    @property
    def protection(self) -> str:
        """What protects the connection, such as `TLSv1.3, TLS_AES_256_GCM_SHA384`; empty without TLS."""
        cipher = self._socket.cipher() if isinstance(self._socket, ssl.SSLSocket) else None
        return f"{cipher[1]}, {cipher[0]}" if cipher else ""

    @property
    def certificate_end_s(self) -> float | None:
        """When the peer's certificate expires, in seconds since the epoch; None without TLS."""
        shown: Any = self._socket.getpeercert() if isinstance(self._socket, ssl.SSLSocket) else None
        return float(ssl.cert_time_to_seconds(shown["notAfter"])) if shown else None

    def start_tls(self, context: ssl.SSLContext, name: str, where: str) -> None:
        """Shake hands, and verify that the peer is `name`. Raises TlsError, which names `where`, and
        Overdue."""
        try:
            self._socket.settimeout(self._deadline.left_s())
            # Not closed politely by its own end: that would wait for the peer's.
            self._socket = context.wrap_socket(
                self._socket, server_hostname=name, do_handshake_on_connect=False, suppress_ragged_eofs=False
            )
            self._socket.do_handshake()
        except TimeoutError:
            raise Overdue from None
        except OSError as error:  # every ssl.SSLError is one
            raise _tls_failure(error, where) from error

    def send(self, data: bytes) -> None:
        """Send all of `data`. That the peer is gone is left to `receive`, which first gives what it said before. Raises
        Overdue."""
        try:
            self._socket.settimeout(self._deadline.left_s())
            self._socket.sendall(data)
        except TimeoutError:
            raise Overdue from None
        except OSError:
            pass

    def receive(self) -> bytes:
        """What comes next; nothing at the end. Raises ConnectionError where it breaks off, TlsError and Overdue."""
        try:
            self._socket.settimeout(self._deadline.left_s())
            return self._socket.recv(CHUNK_BYTES)
        except TimeoutError:
            raise Overdue from None
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLEOFError as error:
            raise ConnectionResetError("TLS was not ended") from error
        except ssl.SSLError as error:
            # Under TLS 1.3 a server refuses a client only after the handshake.
            raise _tls_failure(error, self._where) from error
        except ConnectionError:
            raise
        except OSError as error:
            raise ConnectionAbortedError(str(error)) from error

    def part(self, seconds: float) -> None:
        """End the connection once the peer has, or after `seconds`: closed at once, with answers unread, it would be
        reset, and the last words might not arrive."""
        deadline = Deadline(seconds)
        with suppress(OSError, Overdue, ValueError):
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.setblocking(False)
                with suppress(ssl.SSLWantReadError):
                    self._socket.unwrap()  # says that we are done; the peer's answer is not waited for
            self._socket.shutdown(socket.SHUT_WR)
            bare = socket.socket(fileno=self._socket.detach())
            self._socket = bare
            while True:
                bare.settimeout(deadline.left_s())
                if not bare.recv(CHUNK_BYTES):
                    return

    def close(self) -> None:
        self._socket.close()


def _tls_failure(error: OSError, where: str) -> TlsError:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in ANOTHER_NAME:
            return another_name(where)
        why = safe(error.verify_message)
        if error.verify_code == SELF_SIGNED or error.verify_code in UNKNOWN_AUTHORITY:
            return rejected(error.verify_code, why, where)
        return CertificateRejected(f"the certificate is not trusted: {why}", where, NAME_AUTHORITY)
    if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return left_in_handshake(where)
    return handshake_failed(safe((error.reason or str(error)).lower().replace("_", " ")), where)


def verifying_context(ca_file: str | None) -> ssl.SSLContext:
    """A context that takes a certificate of the authorities in `ca_file`, or of the system's, for the right name alone.

    Raises LocalError for a file that cannot be read or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name unless it is told otherwise
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False  # RFC 6125, 6.4.4; as service_identity has it
    if ca_file is None:
        context.set_default_verify_paths()
        return context
    text = read_pem(ca_file, "certificate").decode("ascii", "replace").replace("\ufffd", "?")
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise LocalError("no PEM certificate in the file", ca_file, "check the file") from error
    return context


Address = tuple[Any, ...]
"""One of `getaddrinfo`'s: family, type, protocol, name, address."""


def _resolve(host: str, port: int, deadline: Deadline) -> list[Address]:
    """The addresses of `host`, best first. Raises ConnectError and Overdue."""
    with suppress(OSError, UnicodeError):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    found: queue.SimpleQueue[list[Address]] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):  # the latter for a label that is empty or too long
            found.put([])

    # In a thread, since it knows no deadline and no signal; as a daemon, since nobody waits for it at the end.
    threading.Thread(target=look_up, daemon=True).start()
    try:
        addresses = found.get(timeout=deadline.left_s())
    except queue.Empty:
        raise Overdue from None
    if not addresses:
        raise ConnectError("no such host", safe(host), "check the name")
    return interleaved(addresses, lambda address: address[0])


def _dial(addresses: list[Address], deadline: Deadline, where: str) -> socket.socket:
    """Connect to the first address that takes it: a refusal leads on at once, silence after a moment."""
    race = _Race(addresses)
    try:
        return race.run(deadline)
    except OSError as error:
        what, hint = REFUSALS.get(error.errno or 0, ("", ""))
        detail = os.strerror(error.errno).lower() if error.errno else safe(str(error))
        raise ConnectError(what or f"cannot connect: {detail}", where, hint) from error
    finally:
        race.give_up()


class _Race:
    """Attempts under way, one of which may win (RFC 8305, section 5)."""

    def __init__(self, addresses: list[Address]) -> None:
        self._left = list(addresses)
        self._attempts: dict[int, socket.socket] = {}
        self._poll = select.poll()
        self._failure = OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    def run(self, deadline: Deadline) -> socket.socket:
        """The connected socket. Raises the last attempt's OSError where all have failed, and Overdue."""
        while self._left or self._attempts:
            if self._left:
                self._start(self._left.pop(0))
            patience = min(STAGGER_S, deadline.left_s()) if self._left else deadline.left_s()
            for descriptor, _ in self._poll.poll(patience * 1000) if self._attempts else ():
                self._poll.unregister(descriptor)
                attempt = self._attempts.pop(descriptor)
                number = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not number:
                    return attempt
                self._fail(attempt, number)
        raise self._failure

    def give_up(self) -> None:
        """Close what is still under way."""
        for attempt in self._attempts.values():
            attempt.close()
        self._attempts.clear()

    def _start(self, address: Address) -> None:
        family, kind, protocol, _, place = address
        try:
            attempt = socket.socket(family, kind, protocol)
        except OSError as error:  # a kernel without this family
            self._failure = error
            return
        attempt.setblocking(False)
        attempt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = attempt.connect_ex(place)
        if number not in (0, errno.EINPROGRESS):
            self._fail(attempt, number)
            return
        self._attempts[attempt.fileno()] = attempt
        self._poll.register(attempt, select.POLLOUT)

    def _fail(self, attempt: socket.socket, number: int) -> None:
        attempt.close()
        self._failure = OSError(number, os.strerror(number))
