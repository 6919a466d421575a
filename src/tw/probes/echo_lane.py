"""The echo probe's share of a load on one connection: numbered payloads out, each expected back."""

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tw.core.payload import PayloadStream
from tw.probes.connecting import Connector
from tw.probes.echo_judging import EchoJudging
from tw.probes.lane import Load, StreamLane
from tw.protocols.client import ClientConnection


class EchoLane(EchoJudging, StreamLane):
    """Takes the stream apart into payloads, where it does not come in as they went out."""

    def __init__(self, load: Load, connector: Connector, room: int, size_bytes: int) -> None:
        super().__init__(load, connector, room)
        self._set_up(size_bytes)
        self._ended: Deferred[None] | None = None
        self._stream = PayloadStream(self._form)
        # Whether something came, since a message was given up last, that is not a payload as it was expected.
        self._came = False

    def received(self, data: bytes) -> None:
        load = self._load
        load.books.received_bytes += len(data)
        now = load.clock()
        if data == self._expected and not self._stream.holds:
            self._take(now)
            return
        self._came = True
        for payload in self._stream.feed(data):
            if payload == self._expected:
                self._take(now)
            else:
                self._judge(payload, now)

    def reopen(self, after_s: float = 0.0) -> None:
        self._expected = None
        self.read_rest()
        super().reopen(after_s)

    def _begun(self) -> bytes:
        came, self._came = self._came, False
        return self._stream.close() if came else b""

    def half_close(self) -> Deferred[None] | None:
        """Shut the sending side; gives what fires at the end of the stream, None where there is no connection."""
        if self.connection is None or not self.open:
            return None
        self.leaving = True
        self._ended = Deferred()
        self.connection.stream.half_close()
        return self._ended

    def read_rest(self) -> None:
        """The stream has ended: judge what there is of a payload that was not completed."""
        rest = self._stream.close()
        self._stream = PayloadStream(self._form)
        if rest and not self._is_of_earlier_part(rest):
            self._receive(rest)
            if not self.under_way:
                self._take_back_timeout()  # it had been given up, and is what came of it

    def _harmed(self, payload: bytes, named: int | None) -> int | None:
        # Of what is like none of them the oldest, most likely: a stream keeps its order.
        number = super()._harmed(payload, named)
        return next(iter(self.under_way), None) if number is None else number

    def _gone(self, connection: ClientConnection, reason: Failure) -> None:
        if connection is self.connection and not self.leaving:
            self.read_rest()  # while it is known what was under way
        super()._gone(connection, reason)
        if self._ended is not None and not self._ended.called:
            self._ended.callback(None)
