"""TLS for connections that are busy: Twisted's own protocol, with a short way for application data.

`TLSMemoryBIOProtocol` asks OpenSSL through pyOpenSSL, which takes a fresh buffer, a context manager and often an
exception for each call, and it hands every write over in the next reactor turn. Of the 20 us that an echoed message
cost, encryption was 1. The short way calls the same four functions of OpenSSL with one buffer that all connections
share, knows how many records came in, and sends what the application answers at once: 8 us.

Handshakes, alerts, shutdowns and every error take Twisted's way. So does everything where a private name is missing
that the short way leans on: `usable` tells.
"""

from functools import cache
from typing import Any

from OpenSSL import SSL
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from tw.core.records import HEADER_BYTES, RecordCounter
from tw.net.stream import Stream

RECORD_BYTES = 16_384
"""The most application data that a record holds (RFC 8446, 5.1): OpenSSL reads and writes one at a time."""

BIO_BYTES = 65_536
"""How much is put into OpenSSL's buffers, or left in them, at a time: they never shrink, and a connection has two."""

ROOM_BYTES = 262_144

NEEDED = ("SSL_read", "SSL_write", "SSL_get_error", "SSL_ERROR_WANT_READ", "BIO_read", "BIO_write")
"""Names of cryptography's OpenSSL binding."""

NEEDED_OF_CONNECTION = ("_ssl", "_into_ssl", "_from_ssl", "_raise_ssl_error")
"""Private names of pyOpenSSL's `Connection`."""

NEEDED_OF_TWISTED = (
    "_bufferedWrite",
    "_checkHandshakeStatus",
    "_flushReceiveBIO",
    "_handshakeDone",
    "_lostTLSConnection",
    "_shutdownTLS",
    "_tlsShutdownFinished",
    "_write",
)
"""Private names of Twisted's `TLSMemoryBIOProtocol`."""

_lib: Any = getattr(SSL, "_lib", None)
_ffi: Any = getattr(SSL, "_ffi", None)
_read: Any
_write: Any
_get_error: Any
_bio_read: Any
_bio_write: Any
_read, _write, _get_error, _want_read, _bio_read, _bio_write = (getattr(_lib, name, None) for name in NEEDED)
_buffer: Any = getattr(_ffi, "buffer", None)

# What is decrypted or encrypted passes through here, and is copied out before anything else is called.
_room: Any = _ffi.new("char[]", ROOM_BYTES) if _ffi is not None else None


@cache
def usable() -> bool:
    """Whether this pyOpenSSL and this Twisted still have the private names that `LeanTls` needs."""
    if _lib is None or _ffi is None or not all(hasattr(_lib, name) for name in NEEDED):
        return False
    if not all(hasattr(TLSMemoryBIOProtocol, name) for name in NEEDED_OF_TWISTED):
        return False
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
    return all(hasattr(connection, name) for name in NEEDED_OF_CONNECTION)


def tls_factory(context: Any, is_client: bool, factory: Any, clock: Any) -> TLSMemoryBIOFactory:
    """Wrap `factory` so that its connections speak TLS, the short way where it is to be had.

    `context` is what `TLSMemoryBIOFactory` takes: a CertificateOptions, or a client's connection creator.
    """
    kind = LeanTlsFactory if usable() else TlsFactory
    return kind(context, is_client, factory, clock)


class _ShortWay:
    """Application data of one connection, in and out, from the end of the handshake on.

    An object of its own, since `ProtocolWrapper` has a `__getattr__`: that makes each attribute of `self` cost ten
    times as much.
    """

    __slots__ = ("_from_ssl", "_into_ssl", "_out", "_program", "_records", "_ssl", "_wrapper", "open")

    def __init__(self, wrapper: "LeanTls", connection: Any, records: RecordCounter) -> None:
        self._wrapper = wrapper
        self._ssl, self._into_ssl, self._from_ssl = connection._ssl, connection._into_ssl, connection._from_ssl
        self._records = records
        self._program: Any = wrapper.wrappedProtocol
        self._out = Stream(wrapper.transport)
        self.open = True

    def received(self, data: bytes) -> None:
        """Decrypt what came in, and give it to the application."""
        size = len(data)
        records = self._records
        if size > BIO_BYTES:
            for start in range(0, size, BIO_BYTES):
                self._wrapper.dataReceived(data[start : start + BIO_BYTES])
        elif records.at_boundary and size > HEADER_BYTES and size == HEADER_BYTES + (data[3] << 8 | data[4]):
            # One record, whole and alone, as in a dialogue. With the calls below it would cost 8 % more.
            _bio_write(self._into_ssl, data, size)
            got = _read(self._ssl, _room, RECORD_BYTES)
            if got > 0:
                self._program.dataReceived(_buffer(_room, got)[:])
            else:
                self._decrypted(0, got)
        else:
            _bio_write(self._into_ssl, data, size)
            self._decrypt(records.feed(data))

    def _decrypt(self, records: int) -> None:
        """Read `records` times. A read takes a record at least, so that all are read then.

        To read until OpenSSL has nothing more would cost as much again for a single record.
        """
        taken, got = 0, 1
        for _ in range(records):
            got = _read(self._ssl, _room + taken, RECORD_BYTES)
            taken += max(0, got)
            if got <= 0 or taken > ROOM_BYTES - RECORD_BYTES:
                self._decrypted(taken, got)
                if not self.open:
                    self._wrapper._flushReceiveBIO()  # what was not read yet is read Twisted's way
                    return
                taken = 0
        self._decrypted(taken, 1)

    def _decrypted(self, taken: int, got: int) -> None:
        """Give the application what was decrypted, and look into a last read that got nothing."""
        # A renegotiation may have shown a certificate that is refused: what came behind it is nobody's.
        wanted = taken if self.open else 0
        ended = None
        if got <= 0 and _get_error(self._ssl, got) != _want_read:
            # Asked before the application calls OpenSSL again, which would forget it.
            ended = self._wrapper.why(got)
            if not ended.check(SSL.ZeroReturnError):
                # Told before the application writes: that fails as well now, and would be told in its place.
                self._wrapper.end(ended)
                ended = None
        if wanted:
            self._program.dataReceived(_buffer(_room, wanted)[:])
        if ended is not None:
            self._wrapper.end(ended)
        elif got <= 0 and self.open:
            self._flush()  # it was no application data: there may be an answer

    def write(self, data: bytes) -> None:
        """Encrypt and send, at once where nothing is buffered."""
        size = len(data)
        if size <= RECORD_BYTES:
            put = _write(self._ssl, data, size) if size else 0
        else:
            put = _write(self._ssl, data, RECORD_BYTES)
        if put != size:
            self._write_on(data, put)
        self._flush()

    def _write_on(self, data: bytes, put: int) -> None:
        """Write what is left when `put` of `data` made the first record: it was long, or the peer wants short ones.

        With max_fragment_length (RFC 6066, 4) a record may end at 512 bytes, and OpenSSL takes no more than that.
        """
        start, size = 0, len(data)
        whole = _ffi.from_buffer(data)
        while put > 0:
            start += put
            if start == size:
                return
            if start % BIO_BYTES == 0:
                self._flush()
            put = _write(self._ssl, whole + start, min(RECORD_BYTES, size - start))
        self._wrapper.not_written(put, data[start:])

    def _flush(self) -> None:
        """Send what OpenSSL has made: records, alerts, a key update."""
        got = ROOM_BYTES
        while got == ROOM_BYTES:
            got = _bio_read(self._from_ssl, _room, ROOM_BYTES)
            if got > 0:
                self._out.write(_buffer(_room, got)[:])


class WholeTls(TLSMemoryBIOProtocol):
    """`TLSMemoryBIOProtocol` without two faults of Twisted's that a peer or a program can meet."""

    def _write(self, data: bytes) -> None:
        """Never past what waits for the handshake: a program may write before its end and at it."""
        if self._appSendBuffer:
            self._bufferedWrite(data)
        else:
            super()._write(data)

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        """A close_notify in the middle of a handshake is an end too early: Twisted looks for an argument it has not."""
        if reason is not None and reason.check(SSL.ZeroReturnError):
            reason = Failure(SSL.Error([]))
        super()._tlsShutdownFinished(reason)


class LeanTls(WholeTls):
    """`WholeTls`, with a direct way for application data between the handshake and the end."""

    _short: _ShortWay | None = None

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._records = RecordCounter()

    def dataReceived(self, data: bytes) -> None:
        self._records.feed(data)
        super().dataReceived(data)

    def _checkHandshakeStatus(self) -> None:
        super()._checkHandshakeStatus()
        if self._handshakeDone and not self.disconnecting and not self._lostTLSConnection:
            self._short = short = _ShortWay(self, self._tlsConnection, self._records)
            # In this object's own names, where they are found first: no call of ours stands in between.
            self.dataReceived = short.received  # type: ignore[method-assign]  # on purpose, see above
            self.write = short.write  # type: ignore[method-assign]  # likewise

    def _leave_short_way(self) -> None:
        """From here on Twisted's own methods decide what may still be read and written."""
        if self._short is not None:
            self._short.open = False
            self._short = None
            del self.dataReceived, self.write

    def loseConnection(self) -> None:
        self._leave_short_way()
        super().loseConnection()

    def abortConnection(self) -> None:
        self._leave_short_way()
        super().abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._leave_short_way()
        super().connectionLost(reason)

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        self._leave_short_way()
        super()._tlsShutdownFinished(reason)

    def why(self, result: int) -> Failure:
        """The failure behind a result of OpenSSL's, as pyOpenSSL tells it."""
        connection: Any = self._tlsConnection
        try:
            connection._raise_ssl_error(connection._ssl, result)
        except SSL.Error:
            return Failure()
        return Failure(SSL.Error([]))

    def end(self, failure: Failure) -> None:
        """No more application data comes: the peer has closed (RFC 8446, 6.1), or something is wrong."""
        if failure.check(SSL.ZeroReturnError):
            self._shutdownTLS()
            self._tlsShutdownFinished(None)
        else:
            self._tlsShutdownFinished(failure)

    def not_written(self, result: int, rest: bytes) -> None:
        """OpenSSL did not take `rest`: it must read first, or something is wrong."""
        failure = self.why(result)
        if failure.check(SSL.WantReadError):
            self._leave_short_way()
            self._bufferedWrite(rest)
        else:
            self._tlsShutdownFinished(failure)


class StockTls(WholeTls, BufferingTLSTransport):
    """Twisted's own way, which joins the writes of a turn."""


class TlsFactory(TLSMemoryBIOFactory):
    """`TLSMemoryBIOFactory` that lets the factory inside refuse: Twisted's would wrap the None that it gives."""

    protocol: type[WholeTls] = StockTls

    def buildProtocol(self, addr: Any) -> Any:
        program = self.wrappedFactory.buildProtocol(addr)
        return None if program is None else self.protocol(self, program)


class LeanTlsFactory(TlsFactory):
    """`TlsFactory` whose connections are `LeanTls`."""

    protocol = LeanTls
