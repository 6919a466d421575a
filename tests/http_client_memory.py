"""The counter's client in memory: answers for it, a transport, and what its requests came to."""

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from tw.protocols.http_client import CounterClient
from tw.protocols.http_exchange import Answer
from tw.protocols.http_request import HttpRequest

REQUEST = HttpRequest(host="a")
TEXT = b"I am request #7\n"
OK = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Request-Number: 7\r\nX-Instance: abc\r\n"
    b"Content-Length: 16\r\n\r\n" + TEXT
)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nI a\r\nd\r\nm request #7\n\r\n0\r\nX-T: 1\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.0 200 OK\r\nX: y\r\n\r\n" + TEXT
CONTINUED = b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK

T = TypeVar("T")


class Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()


class Outcome:
    """What a Deferred came to."""

    def __init__(self, deferred: Deferred[Answer]) -> None:
        self.answers: list[Answer] = []
        self.errors: list[BaseException] = []
        deferred.addCallbacks(self.answers.append, lambda failure: self.errors.append(failure.value))

    @property
    def answer(self) -> Answer:
        assert not self.errors
        (answer,) = self.answers
        return answer

    def error(self, kind: type[T]) -> T:
        (error,) = self.errors
        assert type(error) is kind, error
        assert not self.answers
        return error


def connected(request: HttpRequest = REQUEST) -> tuple[CounterClient, Transport, Outcome]:
    client, transport = CounterClient(where="a:80"), Transport()
    client.makeConnection(transport)
    return client, transport, Outcome(client.request(request))


def give(client: CounterClient, data: bytes, size: int | None = None) -> None:
    size = size or len(data) or 1
    for offset in range(0, len(data), size):
        client.dataReceived(data[offset : offset + size])


def end(client: CounterClient, reason: BaseException | None = None) -> None:
    client.connectionLost(Failure(reason or ConnectionDone()))


def answered(data: bytes, request: HttpRequest = REQUEST, size: int | None = None) -> Answer:
    client, _, outcome = connected(request)
    give(client, data, size)
    return outcome.answer
