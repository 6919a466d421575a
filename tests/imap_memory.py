"""Connections in memory that can do real TLS, and Twisted's own IMAP server with one mailbox behind one of them."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ITLSTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.mail import imap4
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from imap_script import request
from tw.core.imap_errands import FirstMessage
from tw.core.imap_types import Messages
from tw.protocols.imap import ImapClient


class Client(ImapClient):
    """A client that wants a mailbox's first message, unless another errand is given."""

    def __init__(self, creator: Any = None, errand: Any = None, *, show: Any = None, **asked: Any) -> None:
        asked_for = request(**asked)
        self.errand = errand or FirstMessage(asked_for.mailbox)
        super().__init__(asked_for, self.errand, creator, show)

    @property
    def answer(self) -> Messages:
        """What was found; it is done."""
        assert result_of(self.done) is None
        assert self.errand.answer is not None
        return self.errand.answer  # type: ignore[no-any-return]


@implementer(ITLSTransport)
class Wire(StringTransport):
    """One end of a connection in memory. It starts TLS as Twisted's TCP transports do, and keeps what it sent."""

    def __init__(self, protocol: Any, clock: Clock, *, is_client: bool) -> None:
        super().__init__()
        self.protocol = protocol
        self.crossed = b""
        self.TLS = False
        self._clock = clock
        self._is_client = is_client
        self.closed_by: Exception | None = None

    def write(self, data: bytes) -> None:
        if self.TLS:
            self.protocol.write(data)
        else:
            super().write(data)

    def writeSequence(self, data: list[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        if self.TLS:
            self.protocol.loseConnection()
        else:
            self.close(ConnectionDone())

    def abortConnection(self) -> None:
        self.close(ConnectionAborted())

    def close(self, how: Exception) -> None:
        self.closed_by = self.closed_by or how

    def startTLS(self, creator: Any) -> bool:
        factory = TLSMemoryBIOFactory(creator, self._is_client, None, self._clock)
        self.protocol = factory.protocol(factory, self.protocol, False)
        self.TLS = True
        self.protocol.makeConnection(BelowTls(self))
        return True


class BelowTls:
    """A wire as the TLS above it sees it: bytes go out as they are."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def write(self, data: bytes) -> None:
        StringTransport.write(self._wire, data)

    def writeSequence(self, data: list[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        self._wire.close(ConnectionDone())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wire, name)


class Connection:
    """A client's and a server's protocol, connected. `pump` moves bytes until nothing moves any more."""

    def __init__(self, client: Any, server: Any, clock: Clock) -> None:
        self._clock = clock
        self.client = Wire(client, clock, is_client=True)
        self.server = Wire(server, clock, is_client=False)
        server.makeConnection(self.server)
        client.makeConnection(self.client)

    def pump(self) -> None:
        moved = True
        while moved:
            self._clock.advance(0)
            moved = self._move(self.client, self.server) or self._move(self.server, self.client)

    def _move(self, source: Wire, sink: Wire) -> bool:
        data = source.value()
        source.clear()
        source.crossed += data
        if data and sink.closed_by is None:
            sink.protocol.dataReceived(data)
        if data or source.closed_by is None or not source.connected:
            return bool(data)
        source.connected = sink.connected = False
        clean = isinstance(source.closed_by, ConnectionDone)
        source.protocol.connectionLost(Failure(source.closed_by))
        sink.protocol.connectionLost(Failure(ConnectionDone() if clean else ConnectionLost()))
        return True


@implementer(imap4.IMessage)
class Message:
    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers
        self.flags: list[str] = []

    def getUID(self) -> int:
        return 7

    def getFlags(self) -> list[str]:
        return self.flags

    def getInternalDate(self) -> str:
        return "01-Jan-2024 01:00:00 +0100"

    def getHeaders(self, negate: bool, *names: bytes | str) -> dict[str, str]:
        wanted = {name.decode() if isinstance(name, bytes) else name for name in names}
        return {name: text for name, text in self._headers.items() if (name.upper() in wanted) != negate}

    def getBodyFile(self) -> BytesIO:
        return BytesIO(b"body")

    def getSize(self) -> int:
        return 4

    def isMultipart(self) -> bool:
        return False


@implementer(imap4.IMailbox)
class Mailbox:
    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)
        self._listeners: list[Any] = []

    def getUIDValidity(self) -> int:
        return 1

    def getUIDNext(self) -> int:
        return 100

    def getMessageCount(self) -> int:
        return len(self._messages)

    def getRecentCount(self) -> int:
        return 0

    def getFlags(self) -> list[str]:
        return ["\\Seen"]

    def getHierarchicalDelimiter(self) -> str:
        return "/"

    def isWriteable(self) -> bool:
        return False

    def addListener(self, listener: Any) -> None:
        self._listeners.append(listener)

    def removeListener(self, listener: Any) -> None:
        self._listeners.remove(listener)

    def requestStatus(self, names: list[str]) -> dict[str, int]:
        counts = {"MESSAGES": len(self._messages), "UNSEEN": 1, "UIDNEXT": 100, "UIDVALIDITY": 1}
        return {name: counts[name] for name in names}

    def fetch(self, messages: Any, uid: bool) -> Iterator[tuple[int, Message]]:
        messages.last = len(self._messages)
        return iter([(number, self._messages[number - 1]) for number in messages if number <= len(self._messages)])

    def deliver(self, message: Message) -> None:
        """A new message: whoever looks at the mailbox is told."""
        self._messages.append(message)
        for listener in self._listeners:
            listener.newMessages(len(self._messages), 1)


def twisted_server(
    clock: Clock, mailboxes: dict[str, Mailbox], users: dict[str, bytes], tls: Any = None, *, with_plain: bool = True
) -> imap4.IMAP4Server:
    """Twisted's server; with `tls` it offers STARTTLS, and with `with_plain` AUTHENTICATE PLAIN."""

    @implementer(IRealm)
    class Realm:
        def requestAvatar(
            self, avatar: bytes, mind: object, *interfaces: object
        ) -> tuple[object, Any, Callable[[], None]]:
            account = imap4.MemoryAccount(avatar)
            for name, mailbox in mailboxes.items():
                account.addMailbox(name, mailbox)
            return imap4.IAccount, account, lambda: None

    server = imap4.IMAP4Server({b"PLAIN": imap4.PLAINCredentials} if with_plain else {}, tls, run_at_once)
    server.portal = Portal(Realm(), [InMemoryUsernamePasswordDatabaseDontUse(**users)])
    server.callLater = clock.callLater
    return server


def run_at_once(steps: Iterator[object]) -> Deferred[None]:
    """A scheduler without a reactor."""
    for _ in steps:
        pass
    return succeed(None)


def result_of(deferred: Deferred[None]) -> None:
    results: list[None] = []
    deferred.addCallback(results.append)
    assert len(results) == 1
    return results[0]


def failure_of(deferred: Deferred[None]) -> BaseException:
    failures: list[Failure] = []
    deferred.addErrback(failures.append)
    assert len(failures) == 1
    assert failures[0].value is not None
    return failures[0].value
