"""`tw probe pubsub --publish`: send lines, and leave once each came back, or was accepted (`--no-wait`)."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet import error
from twisted.python.failure import Failure

from tw.core.histogram import Histogram
from tw.core.lines import LineSplitter
from tw.errors import AnswerTimeout, ExitCode, LocalError, ProtocolError, TlsError, TwError
from tw.probe_options import ProbePubSubOptions
from tw.probes.parting import part
from tw.probes.ping import verdict_code
from tw.probes.pubsub import MAX_LINE_BYTES, pubsub_connector, too_long
from tw.probes.terminal import StdinReader
from tw.probes.timing import Bell
from tw.progress import Display
from tw.protocols.client import ClientConnection
from tw.report import Delivery, Distribution, ProbeReport

WINDOW_BYTES = 8 * 1024 * 1024
"""Bytes sent that have not come back. stdin is read no further past it, so that a long file is not held in memory."""

LINE_COST_BYTES = 1000
"""What an awaited line takes beside its text, most of it for a deque: short ones need room as well."""

MOST_PREFIXES = 4
"""Of a line: servers that relay to each other add one each."""


def texts(line: bytes) -> Iterator[bytes]:
    """What `line` may have been when it was published: all of it, or what stands behind its `<source> ` prefixes.

    The text is the user's, so no token marks it: somebody else's line with the same text is taken for it.
    """
    yield line
    for _ in range(MOST_PREFIXES):
        end = line.find(b"> ") if line.startswith(b"<") else -1
        if end < 0:
            return
        line = line[end + 2 :]
        yield line


class Publish:
    """Publishes in order and looks for each line in what comes back. Lines of `-` come from stdin, up to its end.

    Nothing is waited for longer than `--timeout` once nothing moves any more; only for stdin, as long as it takes.
    """

    def __init__(
        self,
        reactor: Any,
        options: ProbePubSubOptions,
        display: Display,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._display = display
        self._clock = clock
        self._began_s = clock()
        self._ended_s: float | None = None
        self._bell = Bell(reactor)
        self._times = Histogram()
        self._errors: Counter[str] = Counter()
        self._back = LineSplitter(MAX_LINE_BYTES)
        self._under_way: dict[bytes, deque[tuple[int, float]]] = {}
        self._under_way_bytes = 0
        self._moved_at_s = 0.0
        self._sent = self._accepted = self._returned = self._foreign = 0
        self._latest = self._reordered = 0
        self._received_bytes = self._sent_bytes = 0
        self._lost: Failure | None = None
        self._failed: TwError | None = None
        self._input: LineSplitter | None = None
        self._input_over = False
        self._stdin = StdinReader(reactor, self._typed, self._input_ended)
        self._connection: ClientConnection | None = None
        self._connector = pubsub_connector(reactor, options, clock)

    async def run(self) -> None:
        connector = self._connector
        connection = await connector.open(received=self._received, gone=self._gone)
        self._connection = connection
        self._began_s = self._clock()
        try:
            for line in self._options.publish:
                if line != "-":
                    self._publish(line.encode("utf-8", "surrogateescape"))
                elif not await self._publish_stdin():
                    break
            await (self._until_returned() if self._options.wait else self._until_accepted(connection))
            self._ended_s = self._clock()
            await part(self._reactor, connection)
        finally:
            self._stdin.stopProducing()
            connection.stream.close()
        if self._options.wait and self._sent and not self._returned:
            waited = f"waited {self._options.timeout_s:g} s; under the server's --no-echo use --no-wait"
            raise AnswerTimeout("connected, and no line came back", connector.where, waited)

    def _publish(self, line: bytes) -> None:
        assert self._connection is not None
        self._sent += 1
        self._sent_bytes += len(line) + 1
        self._moved_at_s = self._reactor.seconds()
        if self._options.wait:
            # A CR at its end becomes part of the line's end on the way.
            text = line.removesuffix(b"\r")
            self._under_way.setdefault(text, deque()).append((self._sent, self._clock()))
            self._under_way_bytes += len(text) + LINE_COST_BYTES
        self._connection.stream.write(line + b"\n")

    # stdin ----------------------------------------------------------------------------------------------------------

    async def _publish_stdin(self) -> bool:
        """Publish what comes, until stdin ends; False where no line has come back for too long to go on."""
        assert self._connection is not None
        self._input = LineSplitter(MAX_LINE_BYTES)
        self._connection.stream.produce_with(self._stdin)
        self._stdin.start()
        while not self._input_over:
            self._check()
            if not self._stdin.paused:
                await self._bell.heard()
            elif (left := self._left_s()) > 0:
                await self._bell.heard(left)
            elif self._options.wait:
                return False
            else:
                raise self._not_taken()
        self._check()
        self._connection.stream.stop_producing()
        return True

    def _typed(self, data: bytes) -> None:
        assert self._input is not None
        for line in self._input.feed(data):
            self._publish(line)
        self._check_input()
        self._stdin.hold(self._under_way_bytes > WINDOW_BYTES)
        self._bell.ring()

    def _check_input(self) -> None:
        assert self._input is not None
        if self._input.overlong:
            self._failed = LocalError(f"a line of over {MAX_LINE_BYTES} bytes", "stdin", "publish shorter lines")

    def _input_ended(self) -> None:
        assert self._input is not None
        last = self._input.finish()
        if last is not None:
            self._publish(last)
        self._check_input()
        self._input_over = True
        self._bell.ring()

    # What comes back --------------------------------------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        for line in self._back.feed(data):
            if not any(map(self._take_back, texts(line))) and self._options.wait:
                self._foreign += 1
        if self._back.overlong:
            self._failed = too_long(self._connector.where)
        if self._under_way_bytes <= WINDOW_BYTES // 2:
            self._stdin.hold(False)
        self._bell.ring()

    def _take_back(self, text: bytes) -> bool:
        """Settle the first line with this text that is under way; whether there is one."""
        awaited = self._under_way.get(text)
        if awaited is None:
            return False
        number, sent_at = awaited.popleft()
        if not awaited:
            del self._under_way[text]
        self._under_way_bytes -= len(text) + LINE_COST_BYTES
        self._returned += 1
        self._times.record(self._clock() - sent_at)
        self._moved_at_s = self._reactor.seconds()
        self._reordered += number < self._latest
        self._latest = max(number, self._latest)
        return True

    def _gone(self, reason: Failure) -> None:
        self._lost = reason
        self._bell.ring()

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed
        if self._lost is not None:
            raise self._connector.lost(self._lost, answered=self._received_bytes > 0)

    def _left_s(self) -> float:
        """How much longer to wait, since a line was last sent or came back."""
        return self._moved_at_s + self._options.timeout_s - float(self._reactor.seconds())

    async def _until_returned(self) -> None:
        """Wait until every line is back, or none has come for `--timeout`, whatever others say meanwhile."""
        while self._under_way:
            self._check()
            left = self._left_s()
            if left <= 0:
                self._errors["timeout"] = self._sent - self._returned
                return
            await self._bell.heard(left)

    async def _until_accepted(self, connection: ClientConnection) -> None:
        """The server closes once it has read all: after our half-close, or after TLS's own end."""
        if not connection.stream.half_close():
            connection.stream.close()
        deadline_s = self._reactor.seconds() + self._options.timeout_s
        while self._lost is None and (left := deadline_s - self._reactor.seconds()) > 0:
            await self._bell.heard(left)
        if self._lost is None:
            raise self._not_taken()
        if not self._lost.check(error.ConnectionDone):
            raise self._connector.lost(self._lost, answered=self._received_bytes > 0)
        self._accepted = self._sent

    def _not_taken(self) -> TwError:
        return AnswerTimeout("the server did not take the lines", self._connector.where, "is it stuck, or paused?")

    def _lost_lines(self, failed: TwError | None) -> int:
        """What was given up, or under way when the peer failed; what was when we were stopped is neither."""
        if isinstance(failed, ProtocolError | TlsError | AnswerTimeout):
            return self._sent - self._arrived
        return self._errors["timeout"]

    @property
    def _arrived(self) -> int:
        return self._returned if self._options.wait else self._accepted

    def conclude(self, failed: TwError | None) -> ExitCode:
        arrived = self._arrived
        report = ProbeReport(
            probe="pubsub",
            target=self._connector.where,
            ok=failed is None and arrived == self._sent and not self._reordered,
            sent=self._sent,
            received=arrived,
            lost=self._lost_lines(failed),
            reordered=self._reordered,
            errors=dict(self._errors),
            rtt_ms=Distribution.of(self._times),
            connect_ms=Distribution.of(self._connector.connect_times),
            phases=self._connector.phases.report(),
            duration_s=(self._ended_s or self._clock()) - self._began_s,
            sent_bytes=self._sent_bytes,
            received_bytes=self._received_bytes,
            delivery=Delivery(
                published=self._sent,
                delivered=self._returned,
                expected=self._sent if self._options.wait else 0,
                foreign=self._foreign,
            ),
            error=failed,
        )
        self._display.report(report)
        return verdict_code(report)
