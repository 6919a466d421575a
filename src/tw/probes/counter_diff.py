"""`tw probe counter --diff`: one request, and what became of it and of its answer."""

import time
from collections.abc import Callable
from typing import Any

from tw.core.description import DIGEST_FIELD, Description, content_digest, decoded, read_body
from tw.core.difference import (
    BodyPath,
    PathDifference,
    ResponseDifference,
    compare_connections,
    compare_fields,
    compare_requests,
)
from tw.core.sight import Fields, NotASight, RequestSight, Sight, text_of
from tw.core.text import safe
from tw.errors import ProtocolError, TwError
from tw.net.sight import sight_of
from tw.probe_options import ProbeCounterOptions
from tw.probes.counter import counter_target, request_for
from tw.probes.parting import part
from tw.probes.survey import Survey
from tw.probes.timing import within
from tw.progress import Display
from tw.protocols.http_client import CounterClient
from tw.protocols.http_exchange import Answer
from tw.protocols.http_request import HttpRequest

CONTENT_LIMIT_BYTES = 1024 * 1024
"""Of a body that the path has compressed: as large as one that it has not may be (`http_client`)."""

GATEWAY_STATUSES = frozenset({502, 504})
"""Only a gateway answers so: it had no good answer, or none in time, from the server behind it (RFC 9110, 15.6)."""

LOWEST_ERROR = 400
"""RFC 9110, 15: from here on the request was not done."""


class CounterDiff(Survey):
    """Sends one request to a server that describes, and holds both ends' words against each other."""

    probe = "counter"

    def __init__(
        self,
        reactor: Any,
        options: ProbeCounterOptions,
        display: Display,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        target = counter_target(options)
        super().__init__(reactor, options, display, target, options.resolve, clock)
        self._request = request_for(options, target)

    async def run(self) -> None:
        """Raises ProtocolError where the server does not describe what it saw."""
        connector = self.connector
        client = await connector.connect(lambda: CounterClient(tls=connector.tls, where=connector.where))
        try:
            sight = sight_of(client.stream.transport, is_server=False)
            began = self.clock()
            self.sent, self.sent_bytes = 1, len(self._request.wire)
            try:
                answer = await within(self.reactor, self.timeout_s, client.request(self._request), self.no_answer)
            except ProtocolError as error:
                connector.advised(error, answered=client.received_bytes > 0)
                raise
            self.times.record(self.clock() - began)
            self.received, self.received_bytes = 1, client.received_bytes
            self.difference = self._compare(sight, answer)
            await part(self.reactor, client)
        finally:
            if not client.is_lost:
                client.close()

    def _compare(self, sight: Sight, answer: Answer) -> PathDifference:
        description, content = self._read(answer)
        assert description.request is not None
        return PathDifference(
            connection=compare_connections(sight, description.sight, description.request.headers),
            request=compare_requests(sent_request(self._request), description.request),
            response=compare_responses(description, answer, content),
        )

    def _read(self, answer: Answer) -> tuple[Description, bytes]:
        """What the server tells, and the body that it does so in, without a coding of the path's."""
        coding = answer.header("Content-Encoding")
        plain = decoded(answer.body, coding, CONTENT_LIMIT_BYTES) if coding else None
        content = answer.body if plain is None else plain
        try:
            return read_body(content), content
        except NotASight:
            raise self._not_told(answer, coding if plain is None else None) from None

    def _not_told(self, answer: Answer, coding: str | None) -> TwError:
        if coding:
            what = f"the answer's body is coded as {safe(coding, 40)}, which is not known here"
            return ProtocolError(what, self.where, "ask for no coding, or for gzip")
        if answer.status in GATEWAY_STATUSES:
            what = f"a proxy on the path answered {answer.status}, in place of the server"
            return ProtocolError(
                what, self.where, "is the server behind it up? the proxy's log says why it could not be asked"
            )
        if answer.status >= LOWEST_ERROR:
            what = f"the answer is a {answer.status}, and does not describe what the server saw"
            return ProtocolError(what, self.where, "is that the server's own answer, or that of a proxy before it?")
        what = f"the answer, a {answer.status}, does not describe what the server saw"
        return ProtocolError(what, self.where, "start the server with `tw serve counter --describe`")


def sent_request(request: HttpRequest) -> RequestSight:
    """The request as it is sent: what a server would see that nothing stands before."""
    line, *fields = request.wire.partition(b"\r\n\r\n")[0].split(b"\r\n")
    method, target, version = line.split(b" ")
    pairs = (field.partition(b":") for field in fields)
    return RequestSight(
        method=text_of(method),
        target=text_of(target),
        version=text_of(version.removeprefix(b"HTTP/")),
        headers=tuple((text_of(name), text_of(value.strip(b" \t"))) for name, _, value in pairs),
        body_bytes=0,
        ordinal=1,
    )


def compare_responses(description: Description, answer: Answer, content: bytes) -> ResponseDifference:
    """`content` is the answer's body without the path's coding."""
    digest = answer.header(DIGEST_FIELD)
    if digest is None:
        body = BodyPath.UNKNOWN
    elif digest != content_digest(content):
        body = BodyPath.CHANGED
    else:
        body = BodyPath.SAME if content == answer.body else BodyPath.RECODED
    arrived: Fields = tuple(
        (name, text_of(value.encode("latin-1")))  # the names are tokens, which are ASCII
        for name, value in answer.headers
        if name.lower() != DIGEST_FIELD.lower()
    )
    return ResponseDifference(
        body=body,
        sizes=(_length(description.sent, len(content)), len(answer.body)),
        status=(description.status, answer.status),
        headers=compare_fields(description.sent, arrived),
        kept=answer.keep_alive,
    )


def _length(fields: Fields, otherwise: int) -> int:
    value = next((value for name, value in fields if name.lower() == "content-length"), "")
    return int(value) if value.isdecimal() and len(value) < 20 else otherwise
