"""What is no answer to the counter's client, and who leaves it: a typed error, and the connection ends."""

import pytest
from httptools import HttpParserCallbackError
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone, ConnectionLost

from http_client_memory import CHUNKED, OK, REQUEST, UNTIL_CLOSE, Outcome, Transport, answered, connected, end, give
from tw.errors import ExitCode, ProtocolError, TlsError
from tw.protocols.http_client import CounterClient
from tw.protocols.http_exchange import BODY_LIMIT_BYTES, HEADER_LIMIT_BYTES, CutShort


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "does not speak HTTP: its answer begins with 'SSH-2.0-OpenSSH_9"),
        (b"GET / HTTP/1.1\r\n", "does not speak HTTP: its answer begins with 'GET / HTTP/1.1"),
        (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", "does not speak HTTP: its answer begins with 'RTSP/1.0 200 OK"),
        (b"\r\nICE/1.0 200 OK\r\n\r\n", "does not speak HTTP: its answer begins with '"),
        (b"\x1b[2J", r"does not speak HTTP: its answer begins with '\x1b[2J'"),
        (b"HTTP/1.1 99 x\r\n\r\n", "the answer is broken HTTP: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "the answer is broken HTTP: "),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "the answer is broken HTTP: "),
        (b"\r\nHTTP/1.1 200 OK\r\nno colon\r\n\r\n", "the answer is broken HTTP: "),
        (b"HTTP/1.1 100 Continue\r\n\r\nx", "broken HTTP"),
        (CHUNKED.replace(b"3\r\nI a", b"3\r\nI amx"), "broken HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * HEADER_LIMIT_BYTES, "header is larger"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * (HEADER_LIMIT_BYTES // 25 + 1), "header is larger"),
        (CHUNKED.split(b"0\r\n")[0] + b"0\r\nX: " + b"a" * 2 * HEADER_LIMIT_BYTES, "header is larger"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + bytes(BODY_LIMIT_BYTES + 1), "body is larger"),
    ],
)
@pytest.mark.parametrize("size", [None, 1000])
def test_what_is_no_answer_is_a_protocol_error(data: bytes, what: str, size: int | None) -> None:
    client, transport, outcome = connected()
    give(client, data, size)
    error = outcome.error(ProtocolError)
    assert what in error.what
    assert "\x1b" not in error.what
    assert (error.exit_code, error.where) == (ExitCode.PROTOCOL, "a:80")
    assert transport.aborted
    assert not client.usable
    end(client, ConnectionLost())
    assert len(outcome.errors) == 1


def test_the_largest_body_is_taken() -> None:
    answer = answered(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY_LIMIT_BYTES + bytes(BODY_LIMIT_BYTES))
    assert len(answer.body) == BODY_LIMIT_BYTES


@pytest.mark.parametrize(
    ("data", "reason", "what"),
    [
        (b"", ConnectionDone(), "the peer closed the connection without an answer"),
        (b"", ConnectionLost(), "the peer broke the connection without an answer"),
        (OK[:30], ConnectionDone(), "closed the connection in the middle of its answer, after 30 bytes"),
        (OK[:-1], ConnectionDone(), f"in the middle of its answer, after {len(OK) - 1} bytes"),
        (CHUNKED[:-1], ConnectionDone(), "in the middle of its answer"),
        (UNTIL_CLOSE, ConnectionLost(), "broke the connection in the middle of its answer"),
        (UNTIL_CLOSE[:20], ConnectionDone(), "in the middle of its answer, after 20 bytes"),
    ],
)
def test_a_peer_that_leaves_in_the_middle_is_a_protocol_error(data: bytes, reason: Exception, what: str) -> None:
    client, _, outcome = connected()
    give(client, data)
    end(client, reason)
    assert what in outcome.error(CutShort if data else ProtocolError).what


def test_a_client_certificate_that_is_refused_after_the_handshake_is_a_tls_error() -> None:
    client, _, outcome = connected()
    end(client, SSL.Error([("SSL routines", "", "tlsv13 alert certificate required")]))
    assert "certificate required" in outcome.error(TlsError).what


def test_cancelling_closes_the_connection() -> None:
    client, transport = CounterClient(), Transport()
    client.makeConnection(transport)
    deferred = client.request(REQUEST)
    outcome = Outcome(deferred)
    deferred.cancel()
    outcome.error(CancelledError)
    assert transport.aborted
    give(client, OK)  # already under way
    end(client, ConnectionLost())
    assert (len(outcome.errors), client.usable) == (1, False)


def test_closing_is_in_good_order() -> None:
    client, transport, _ = connected()
    give(client, OK)
    client.close()
    assert transport.disconnecting
    assert not transport.aborted
    assert not client.usable


def test_a_bug_in_a_callback_is_not_taken_for_the_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tw.protocols.http_exchange._first", None)
    client, _, outcome = connected()
    with pytest.raises(HttpParserCallbackError):
        give(client, OK)
    end(client, HttpParserCallbackError())
    outcome.error(ProtocolError)


@given(st.binary(max_size=100), st.integers(1, 20), st.integers(0, len(OK)))
@settings(max_examples=300)
def test_any_input_ends_in_an_answer_or_a_protocol_error(data: bytes, size: int, at: int) -> None:
    client, _, outcome = connected()
    give(client, OK[:at] + data, size)
    end(client)
    assert len(outcome.answers) + len(outcome.errors) == 1
    assert all(isinstance(error, ProtocolError) for error in outcome.errors)
