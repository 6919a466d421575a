"""The counter probe's share of a load on one connection: one request at a time."""

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from tw.core.numbers import NumberLine
from tw.errors import ProtocolError, TwError
from tw.probes.connecting import Connector
from tw.probes.counter import IDEMPOTENT
from tw.probes.counter_harm import corruption, is_corrupted, truncation
from tw.probes.lane import REOPEN_S, Load, StreamLane
from tw.protocols.answer_shapes import AnswerShapes
from tw.protocols.client import ClientConnection
from tw.protocols.http_exchange import Answer, CutShort, Exchange, early_end
from tw.protocols.http_request import HttpRequest
from tw.report import FirstFault


class Tally:
    """What all connections' answers say together."""

    def __init__(self, request: HttpRequest, expect_status: int) -> None:
        self.request = request
        self.expect_status = expect_status
        self.shapes = AnswerShapes()
        self.begin()

    def begin(self) -> None:
        """A new part of the run begins: its numbers are counted apart."""
        self.numbers = NumberLine()
        # Answers that ended in the middle, or whose body is not the one of their number.
        self.corrupted = 0
        # Of those the answers that ended in the middle, and what was wrong with the first one.
        self.truncated = 0
        self.first_fault: FirstFault | None = None

    def spoil(self, fault: FirstFault, *, truncated: bool = False) -> None:
        """Count an answer that was harmed."""
        self.corrupted += 1
        self.truncated += truncated
        self.first_fault = self.first_fault or fault


class CounterLane(StreamLane):
    """Sends the request, and reads its answer: by its shape where that is known, else with the parser.

    A request that is safe to repeat is sent once more where a kept connection closed just as it was used again.
    """

    def __init__(self, load: Load, connector: Connector, tally: Tally) -> None:
        super().__init__(load, connector, 1)
        self._tally = tally
        self._number = 0
        # Of the numbers, when the request under way was sent; None while it is only to be sent again.
        self._mark: int | None = None
        # When the answer under way began to come in, and what has read it so far, if not its shape.
        self._first_byte_s: float | None = None
        self._exchange: Exchange | None = None
        # The connection that was left last, while it closes.
        self._left: ClientConnection | None = None
        # Whether this connection has been used, and whether the request under way has been sent before.
        self._used = False
        self._again = False

    async def connect(self) -> None:
        await super().connect()
        self._used = False
        if self.under_way and self.connection is not None:
            self._again = True
            self._mark = self._tally.numbers.mark()
            self._write(self._tally.request.wire)

    def _next(self) -> tuple[int, bytes]:
        self._number += 1
        self._again = False
        self._first_byte_s = self._exchange = None
        self._mark = self._tally.numbers.mark()
        return self._number, self._tally.request.wire

    # What comes back --------------------------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        now = self._load.clock()
        self._load.books.received_bytes += len(data)
        if not self.under_way:
            self._leave_connection()  # nothing was asked
            self._reopen_idle()
            return
        if self._first_byte_s is None:
            self._first_byte_s = now
            quick = self._tally.shapes.read(data)
            if quick is not None:
                number, body_number, like = quick
                if number == body_number or not is_corrupted(like, number, body_number):
                    self._judge(like, number, now)
                    return
            self._exchange = Exchange(self._tally.request, self._connector.where)
        assert self._exchange is not None
        self._parse(self._exchange, data, now)

    def _parse(self, exchange: Exchange, data: bytes, now_s: float) -> None:
        try:
            exchange.feed(data)
        except ProtocolError as error:
            self._leave_connection(orderly=False)
            self._broke(error)
            return
        if exchange.complete:
            answer = exchange.answer()
            corrupted = is_corrupted(answer, answer.number, answer.body_number)
            if corrupted:
                self._tally.spoil(corruption(answer))
            elif exchange.received_bytes == len(data):
                self._tally.shapes.learn(data, answer)
            self._judge(answer, answer.number, now_s)

    def _judge(self, answer: Answer, number: int | None, now_s: float) -> None:
        """A whole answer is in: count it, and have the next request sent."""
        tally = self._tally
        if number is None:
            self._lose_number()  # something answered, and the counter may have been asked
        else:
            is_stored = answer.instance is None and answer.header("age") is not None
            tally.numbers.feed(number, answer.instance, self._mark, is_stored=is_stored)
        if answer.status != tally.expect_status:
            self._load.books.errors[f"status {answer.status}"] += 1
        self._used = True
        self._exchange = None
        ((due_s, sent_s),) = self.under_way.values()
        self.under_way.clear()
        assert self._first_byte_s is not None
        self._connector.phases.answered(self._first_byte_s - sent_s, now_s - self._first_byte_s)
        if not answer.keep_alive:
            self._leave_connection()
        self._load.settled(self, due_s, sent_s, now_s)
        if not self.open:
            self.reopen()

    # Endings ----------------------------------------------------------------------------------------------------------

    def give_up(self, number: int) -> None:
        """No answer in time. It would be taken for the next one's, should it come: the connection is no more use."""
        del self.under_way[number]
        self._lose_number()
        self._leave_connection(orderly=False)
        self._at_fault = True
        self._load.spoiled(self, 1, "timeout", heard=False)
        self.reopen()

    def _is_needed(self) -> bool:
        return super()._is_needed() or (not self.leaving and bool(self.under_way))

    def _lose(self, error: TwError) -> None:
        if self.under_way:
            self._lose_number()
        if not isinstance(error, CutShort):
            super()._lose(error)
            return
        self._tally.spoil(truncation(error), truncated=True)
        self.under_way.clear()
        self._load.spoiled(self, 1)

    def _lose_number(self) -> None:
        """No number came for the request that was sent; one that is only to be sent again is not lost twice."""
        if self._mark is not None:
            self._tally.numbers.lose(self._mark)
            self._mark = None

    def _gone(self, connection: ClientConnection, reason: Failure) -> None:
        if connection is not self.connection:
            return
        self.connection = None
        if self.leaving:
            return
        exchange, self._exchange = self._exchange, None
        if exchange is not None and reason.check(ConnectionDone) and exchange.end():
            answer = exchange.answer()
            if is_corrupted(answer, answer.number, answer.body_number):
                self._tally.spoil(corruption(answer))
            self._judge(answer, answer.number, self._load.clock())
        elif not self.under_way:
            self._reopen_idle()  # a kept connection may be closed while nothing is asked
        elif self._may_repeat():
            self._load.books.retried += 1
            self._lose_number()  # closed before it was seen, or counted and then closed
            self.reopen()
        else:
            self._broke(self._end(reason, exchange))

    def _reopen_idle(self) -> None:
        """A server that ends connections before they are used would have them opened without a pause."""
        self.reopen(0.0 if self._used else REOPEN_S)

    def _may_repeat(self) -> bool:
        """Whether the server may have closed before it saw the request, which is nobody's fault."""
        fresh = self._used and not self._again and self._first_byte_s is None
        return fresh and self._tally.request.method in IDEMPOTENT

    def _end(self, reason: Failure, exchange: Exchange | None) -> TwError:
        error = early_end(reason, self._connector.where, exchange)
        assert isinstance(error, TwError)
        return self._connector.advised(error, answered=self._used or exchange is not None)

    def _leave_connection(self, *, orderly: bool = True) -> None:
        """Have no more to do with this connection; what it still has to say concerns nobody."""
        connection, self.connection = self.connection, None
        self._exchange = None
        if connection is not None and not connection.is_lost:
            connection.received = _ignore
            connection.stream.close() if orderly else connection.abort()
            self._cut_left()
            self._left = connection

    def _cut_left(self) -> None:
        """A TLS connection ends in good order only once the peer has agreed: those that never do would pile up."""
        if self._left is not None:
            self._left.abort()
            self._left = None

    def leave(self, *, orderly: bool) -> None:
        super().leave(orderly=orderly)
        self._cut_left()


def _ignore(_data: bytes) -> None:
    """Of a connection that was left."""
