"""`tw probe counter --diff`: with its own server, and with paths that change what passes."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from counter_script import PORT, answer
from ends import Peer
from memory import DIALLER_PORT, Network
from running import ClientRig, Notes
from tw.core.description import content_digest
from tw.core.difference import BodyPath, FieldsDifference, PathDifference, TlsPath
from tw.core.sight import RequestSight, Sight
from tw.errors import AnswerTimeout, ExitCode, Interrupted, ProtocolError
from tw.options import TlsClientOptions
from tw.probe_options import ProbeCounterOptions
from tw.probes.counter_diff import CounterDiff
from tw.protocols.describe import described
from tw.serve_options import ServeCounterOptions
from tw.services.counter import CounterService
from tw.survey_options import SurveyOptions

DIFF = SurveyOptions(kind="diff")
PLACE = "127.0.0.1:8080"


class Rig(ClientRig):
    def __init__(self, net: Network, notes: Notes, **options: Any) -> None:
        chosen = ProbeCounterOptions(survey=DIFF, **options)
        super().__init__(net, notes, CounterDiff(net, chosen, notes, net.measured))

    @property
    def found(self) -> PathDifference:
        difference = self.report.difference
        assert difference is not None
        return difference


class Site:
    """A server's head of an answer, as `described` asks for it."""

    def described_head(self, number: int, kind: int) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Number: %d\r\n" % number


def as_seen(data: bytes) -> RequestSight:
    line, *fields = data.decode().split("\r\n\r\n")[0].split("\r\n")
    method, target, version = line.split(" ")
    pairs = tuple((name, value) for name, value in (field.split(": ") for field in fields))
    return RequestSight(method=method, target=target, version=version[5:], headers=pairs, body_bytes=0, ordinal=1)


def path(
    there: Callable[[bytes], bytes] = lambda data: data, back: Callable[[bytes], bytes] = lambda data: data
) -> Callable[[Peer, bytes], None]:
    """A server that describes, behind something that changes requests and answers."""
    sight = Sight(peer=f"127.0.0.1:{DIALLER_PORT}", local=PLACE)

    def hears(peer: Peer, data: bytes) -> None:
        peer.say(back(described(Site(), 1, 0, sight, as_seen(there(data)))))  # type: ignore[arg-type]  # all it asks for

    return hears


def run(net: Network, notes: Notes, hears: Callable[[Peer, bytes], object], **options: Any) -> Rig:
    net.scripted(PORT, hears)
    return Rig(net, notes, **options)


# With its own server --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("keepalive", [False, True])
def test_a_straight_path_changes_nothing(net: Network, notes: Notes, tls: bool, keepalive: bool) -> None:
    service = CounterService(
        net, ServeCounterOptions(describe=True, tls_self_signed=tls), lambda event: None, net.measured
    )
    (listening,) = net.run(service.start()).result
    headers = (("Cookie", "a=b"), ("X-Two", "1"), ("x-two", "2"))
    rig = Rig(net, notes, tls=tls, verify=TlsClientOptions(pin=listening.pin), headers=headers, keepalive=keepalive)
    assert rig.running.result is None
    assert (rig.code, rig.report.ok, rig.report.sent, rig.report.received) == (ExitCode.OK, True, 1, 1)
    found = rig.found
    assert found.request is not None
    assert (found.request.line, found.request.headers) == ((), FieldsDifference())
    assert (found.response.body, found.response.headers) == (BodyPath.SAME, FieldsDifference())
    assert (found.response.status, found.response.kept) == ((200, 200), keepalive)
    assert found.connection.tls is (TlsPath.PASSED if tls else TlsPath.NONE)
    assert found.connection.source_kept
    assert found.connection.destination_kept
    net.settle()
    assert service.listener.connections == {}
    assert net.run(service.stop()).over


# With a path that changes it ------------------------------------------------------------------------------------------


def test_what_became_of_the_request_is_told(net: Network, notes: Notes) -> None:
    def there(data: bytes) -> bytes:
        data = data.replace(b"GET / HTTP/1.1", b"GET /x HTTP/1.0").replace(b"Accept: */*\r\n", b"")
        return data.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n").replace(
            b"User-Agent", b"user-agent"
        )

    rig = run(net, notes, path(there))
    assert rig.running.result is None
    request = rig.found.request
    assert request is not None
    assert request.line == (("target", "/", "/x"), ("version", "1.1", "1.0"))
    assert request.headers == FieldsDifference(
        added=(("X-Forwarded-For", "127.0.0.1"),),
        removed=(("Accept", "*/*"),),
        respelled=(("User-Agent", "user-agent"),),
    )
    assert (request.asked, request.asked_of_server) == (True, False)
    assert rig.found.connection.told_by == ("X-Forwarded-For",)
    assert (rig.code, rig.report.ok) == (ExitCode.OK, True)


def test_what_became_of_the_answer_is_told(net: Network, notes: Notes) -> None:
    def back(data: bytes) -> bytes:
        data = data.replace(b"200 OK", b"203 Other", 1).replace(b"Content-Type: application/json", b"Via: x", 1)
        return data.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)

    rig = run(net, notes, path(back=back))
    assert rig.running.result is None
    response = rig.found.response
    assert (response.status, response.kept, response.body) == ((200, 203), False, BodyPath.SAME)
    assert response.headers == FieldsDifference(
        added=(("Connection", "close"), ("Via", "x")),
        removed=(("Content-Type", "application/json"),),
    )


def compressed(data: bytes) -> bytes:
    head, _, body = data.partition(b"\r\n\r\n")
    packed = gzip.compress(body)
    head = head.replace(
        b"Content-Length: %d" % len(body), b"Content-Encoding: gzip\r\nContent-Length: %d" % len(packed)
    )
    return head + b"\r\n\r\n" + packed


def spaced(data: bytes) -> bytes:
    """The same JSON in other bytes, as many of them."""
    return data.replace(b'"v": 1', b'"v" :1')


def undigested(data: bytes) -> bytes:
    return data.replace(b"Content-Digest", b"Content-Nothing")


@pytest.mark.parametrize(
    ("back", "body"),
    [
        (compressed, BodyPath.RECODED),
        (spaced, BodyPath.CHANGED),
        (undigested, BodyPath.UNKNOWN),
        (lambda data: compressed(spaced(data)), BodyPath.CHANGED),
    ],
)
def test_what_became_of_the_body_is_told(
    net: Network, notes: Notes, back: Callable[[bytes], bytes], body: BodyPath
) -> None:
    rig = run(net, notes, path(back=back))
    assert rig.running.result is None
    response = rig.found.response
    assert response.body is body
    sent, arrived = response.sizes
    assert (sent == arrived) is (body is not BodyPath.RECODED and back in (spaced, undigested))
    assert rig.report.ok


def test_a_length_that_no_server_sends_is_not_believed(net: Network, notes: Notes) -> None:
    def back(data: bytes) -> bytes:
        document = json.loads(data.partition(b"\r\n\r\n")[2])
        document["sent"]["headers"] = [["Content-Length", "9" * 40]]
        body = json.dumps(document).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Digest: " % len(body)
        return head + content_digest(body).encode() + b"\r\n\r\n" + body

    rig = run(net, notes, path(back=back))
    assert rig.running.result is None
    assert rig.found.response.sizes[0] == rig.found.response.sizes[1]


# What is no description -----------------------------------------------------------------------------------------------


DESCRIBE = "start the server with `tw serve counter --describe`"
BEHIND = "is the server behind it up? the proxy's log says why it could not be asked"
OTHER = "is that the server's own answer, or that of a proxy before it?"


@pytest.mark.parametrize(
    ("status", "what", "hint"),
    [
        ("200 OK", "the answer, a 200, does not describe what the server saw", DESCRIBE),
        ("502 Bad Gateway", "a proxy on the path answered 502, in place of the server", BEHIND),
        ("504 Gateway Timeout", "a proxy on the path answered 504, in place of the server", BEHIND),
        ("503 Service Unavailable", "the answer is a 503, and does not describe what the server saw", OTHER),
        ("403 Forbidden", "the answer is a 403, and does not describe what the server saw", OTHER),
    ],
)
def test_an_answer_that_does_not_describe_is_told_for_what_it_is(
    net: Network, notes: Notes, status: str, what: str, hint: str
) -> None:
    rig = run(net, notes, lambda peer, data: peer.say(answer(1, status=status)))
    error = rig.running.error
    assert isinstance(error, ProtocolError)
    assert (error.what, error.hint) == (what, hint)
    assert (rig.report.ok, rig.report.sent, rig.report.received, rig.report.lost) == (False, 1, 1, 0)
    assert rig.report.difference is None


def test_a_coding_that_is_not_known_is_named(net: Network, notes: Notes) -> None:
    rig = run(net, notes, lambda peer, data: peer.say(answer(1, "Content-Encoding: b\x9br")))
    assert isinstance(rig.running.error, ProtocolError)
    assert "coded as bÂ\\x9br" in str(rig.running.error)


def test_a_silent_server_is_a_timeout(net: Network, notes: Notes) -> None:
    rig = run(net, notes, lambda peer, data: None, timeout_s=2.0)
    net.pass_s(1.9)
    assert not rig.running.over
    net.pass_s(0.2)
    assert isinstance(rig.running.error, AnswerTimeout)
    assert (rig.report.sent, rig.report.received, rig.report.lost) == (1, 0, 1)


def test_a_run_that_is_cut_short_leaves_nothing(net: Network, notes: Notes) -> None:
    rig = run(net, notes, lambda peer, data: None)
    report = rig.cancel()
    assert (report.ok, report.difference) == (False, None)
    # What was under way when it was stopped is neither received nor lost.
    assert (report.sent, report.received, report.lost) == (1, 0, 0)
    assert isinstance(report.error, Interrupted)
    net.settle()
    assert net.peers[0].lost is not None
