"""The clients' protocols before peers who say anything: one outcome, typed, and no more kept than the limits say."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from fuzz.inputs import SIZES, Repeated, bulk, fuzz, mutated, noise, pieces
from http_client_memory import CHUNKED, CONTINUED, OK, UNTIL_CLOSE
from http_client_memory import connected as http_connected
from imap_memory import Client
from imap_script import PASSWORD, WHOLE
from tw.core.imap_tokens import LINE_LIMIT_BYTES, RESPONSE_LIMIT_BYTES
from tw.core.text import safe
from tw.errors import ExitCode, TwError
from tw.protocols.http_exchange import BODY_LIMIT_BYTES, SLICE_BYTES

REASONS = st.sampled_from([ConnectionDone, ConnectionLost, ConnectionAborted])

TURNS = [turn for turn, _ in WHOLE if isinstance(turn, bytes)]
OTHER_TURNS = [
    b"* PREAUTH in\r\n", b"* BYE no\r\n", b"+ \r\n", b"+ bm90aGluZw==\r\n", b"A1 NO [ALERT] \x1b[2J\r\n",
    b"A2 BAD\r\n", b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (SUBJECT)] {5}\r\nabcde)\r\n", b"* LIST () \"/\" x\r\n",
    b"* 9999999999999 EXISTS\r\n", b"* 1 EXPUNGE\r\n", b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n",
    b"* OK [UNSEEN 2] x\r\n", b"* " + b"(" * 100 + b"\r\n",
]  # fmt: skip


def whole(data: bytes | Repeated) -> bytes:
    return data if isinstance(data, bytes) else data.whole


@fuzz
@given(
    st.lists(mutated([OK, CHUNKED, UNTIL_CLOSE, CONTINUED]) | noise() | bulk(mutated([OK])), min_size=1, max_size=3),
    SIZES,
    REASONS,
)
def test_the_http_client_has_one_outcome(said: list[Any], sizes: list[int], reason: type[Exception]) -> None:
    client, _, outcome = http_connected()
    for piece in pieces(b"".join(map(whole, said)), sizes):
        client.dataReceived(piece)
        exchange = client._exchange
        if exchange is not None:
            assert len(exchange._body) <= BODY_LIMIT_BYTES + SLICE_BYTES
            assert sum(len(name) + len(value) for name, value in exchange._headers) <= 2 * 65_536
    client.connectionLost(Failure(reason()))
    assert len(outcome.answers) + len(outcome.errors) == 1
    assert not client.usable
    for error in outcome.errors:
        assert isinstance(error, TwError)
        assert error.exit_code == ExitCode.PROTOCOL
        assert safe(str(error)) == str(error)
    for answer in outcome.answers:
        assert answer.body_number is None or b"%d" % answer.body_number in answer.body


class Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()


@fuzz
@given(
    st.integers(0, len(TURNS)),
    st.lists(mutated(TURNS + OTHER_TURNS) | noise() | bulk(mutated(OTHER_TURNS)), min_size=1, max_size=5),
    SIZES,
    REASONS,
)
def test_an_imap_session_has_one_outcome(good: int, said: list[Any], sizes: list[int], reason: type[Exception]) -> None:
    client, transport = Client(security="plain"), Transport()
    outcomes: list[Any] = []
    client.done.addBoth(outcomes.append)
    client.makeConnection(transport)
    for turn in TURNS[:good]:
        client.dataReceived(turn)
    for piece in pieces(b"".join(map(whole, said)), sizes):
        client.dataReceived(piece)
        assert len(client._session._reader.unread) <= RESPONSE_LIMIT_BYTES + LINE_LIMIT_BYTES + len(piece)
        assert len(client.alerts) <= 8
    client.connectionLost(Failure(reason()))
    (outcome,) = outcomes
    if outcome is None:
        assert client.errand.answer is not None
        return
    assert isinstance(outcome.value, TwError), outcome
    assert outcome.value.exit_code != ExitCode.BUG
    assert PASSWORD not in str(outcome.value)
    assert safe(str(outcome.value)) == str(outcome.value)
    assert transport.aborted or transport.disconnecting or not client._is_over or client.is_lost
