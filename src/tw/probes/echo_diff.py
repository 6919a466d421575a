"""`tw probe echo --diff`: one payload, and what the server saw of the connection that it came on."""

import time
from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure

from tw.core.description import Description, read_line
from tw.core.difference import BodyPath, PathDifference, ResponseDifference, compare_connections
from tw.core.payload import PayloadFormat, first_difference
from tw.core.sight import NotASight, Sight
from tw.errors import ProtocolError, TwError
from tw.net.sight import sight_of
from tw.probe_options import ProbeEchoOptions
from tw.probes.echo import echo_target
from tw.probes.parting import part
from tw.probes.ping import fresh_token
from tw.probes.survey import Survey
from tw.probes.timing import Bell
from tw.progress import Display

LINE_LIMIT_BYTES = 64 * 1024
"""Of what a server says of a connection: a certificate's names and a PROXY header's vectors, written as JSON."""


class EchoDiff(Survey):
    """Sends one payload, and reads what a server that describes says before it comes back."""

    probe = "echo"

    def __init__(
        self, reactor: Any, options: ProbeEchoOptions, display: Display, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__(reactor, options, display, echo_target(options), (), clock)
        self._payload = PayloadFormat(fresh_token(), options.size_bytes).payload(1)
        self._came = bytearray()
        self._bell = Bell(reactor)
        self._lost: TwError | None = None

    async def run(self) -> None:
        """Raises ProtocolError where the server does not describe what it saw."""
        connection = await self.connector.open(received=self._received, gone=self._gone)
        try:
            sight = sight_of(connection.stream.transport, is_server=False)
            began = self.clock()
            until = self.reactor.seconds() + self.timeout_s
            # At once, so that a server that only echoes is known by what it says first.
            connection.stream.write(self._payload)
            self.sent, self.sent_bytes = 1, len(self._payload)
            description, line_bytes = await self._description(until)
            echoed = await self._echoed(line_bytes, until)
            self.times.record(self.clock() - began)
            self.difference = self._compare(sight, description, echoed)
            await part(self.reactor, connection)
        finally:
            connection.abort()

    def _received(self, data: bytes) -> None:
        # What comes beyond the limit is not needed to know that it is too much.
        self.received = 1
        self.received_bytes += len(data)
        self._came += data[: LINE_LIMIT_BYTES + len(self._payload) + 1 - len(self._came)]
        self._bell.ring()

    def _gone(self, reason: Failure) -> None:
        self._lost = self.connector.lost(reason, answered=bool(self._came))
        self._bell.ring()

    async def _more(self, until: float) -> bool:
        """Wait for more to come; whether it may have."""
        left = until - self.reactor.seconds()
        return self._lost is None and left > 0 and await self._bell.heard(left)

    async def _description(self, until: float) -> tuple[Description, int]:
        """What the server says first, and how many bytes that took."""
        while b"\n" not in self._came:
            begins_well = self._came.startswith(b"{") and len(self._came) <= LINE_LIMIT_BYTES
            if self._came and not begins_well:
                raise self._not_told()
            if not await self._more(until):
                raise self._lost or (self._not_told() if self._came else self.no_answer())
        line_bytes = self._came.index(b"\n") + 1
        try:
            return read_line(bytes(self._came[:line_bytes])), line_bytes
        except NotASight:
            raise self._not_told() from None

    async def _echoed(self, start: int, until: float) -> bytes:
        """What came back of the payload: all of it, or what there was until the time was up or the peer left."""
        while len(self._came) < start + len(self._payload):
            if not await self._more(until):
                break
        echoed = bytes(self._came[start:])
        if not echoed:
            raise self._lost or self.no_answer()
        return echoed

    def _not_told(self) -> TwError:
        what = "the server does not describe what it saw"
        return ProtocolError(what, self.where, "start it with `tw serve echo --describe`")

    def _compare(self, sight: Sight, description: Description, echoed: bytes) -> PathDifference:
        same = echoed == self._payload
        return PathDifference(
            connection=compare_connections(sight, description.sight),
            request=None,
            response=ResponseDifference(
                body=BodyPath.SAME if same else BodyPath.CHANGED,
                sizes=(len(self._payload), len(echoed)),
                first=None if same else first_difference(self._payload, echoed),
            ),
        )
