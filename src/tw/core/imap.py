"""An IMAP client for one errand: log in, open a mailbox read-only, fetch the first message's header (RFC 3501, 9051).

Sans-IO: bytes in by `receive`, bytes out by `outgoing`, no clock and no socket. The rules that are security stand here:
no password is offered before TLS is up where TLS was asked for, nothing that was said before STARTTLS is believed after
it (RFC 3501, section 6.2.1), and a session is never downgraded.
"""

from collections import deque
from collections.abc import Callable

from tw.core.imap_commands import command, encode_mailbox, login_command
from tw.core.imap_errors import WORDS_LIMIT_CHARS, Wording
from tw.core.imap_message import FirstMessage
from tw.core.imap_tokens import Continuation, Data, MalformedError, Response, ResponseReader, Status
from tw.core.imap_types import ImapAnswer, ImapRequest, Phase
from tw.core.text import safe_bytes
from tw.errors import AnswerTimeout, ConnectError, ProtocolError, TlsError, TwError

FETCH = b"FETCH 1 (UID INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT FROM DATE)])\r\n"
"""PEEK marks nothing as read, and header fields come as raw octets, which ENVELOPE's strings do not on every server."""
ALERTS_LIMIT = 8
"""A person is not shown more of them, whatever a server sends."""


class ImapSession:
    """One session from the greeting to the answer.

    Give it what arrives (`receive`), send what `outgoing` returns after each call, start TLS when `wants_tls` and say
    so by `tls_started`. `answer` is set once the errand is done; the LOGOUT that is then in `outgoing` is a courtesy,
    and what comes back is ignored. With security `tls` the session waits for `tls_started` first: a byte before it is
    an error, so that a connection that was wired up without TLS never sees a password.
    """

    def __init__(self, request: ImapRequest) -> None:
        self.phase: Phase = Phase.TLS if request.security == "tls" else Phase.GREETING
        self.answer: ImapAnswer | None = None
        self._request = request
        self._wording = Wording(request)
        self._reader = ResponseReader()
        self._message = FirstMessage()
        self._failure: TwError | None = None
        self._greeted = False
        self._capabilities: frozenset[str] | None = None  # None: not known
        self._alerts: list[str] = []
        self._outgoing = bytearray()
        self._held: deque[bytes] = deque()  # the rest of a command, a chunk for each time that the server asks
        self._waiting: deque[tuple[bytes, Callable[[Status], None]]] = deque()  # tags under way, oldest first
        self._tags = 0

    @property
    def where(self) -> str:
        """The server and the phase, as errors name them."""
        return f"{self._request.where}, {self.phase}"

    @property
    def wants_tls(self) -> bool:
        """Whether the server has agreed to STARTTLS and now waits for the handshake."""
        return self.phase is Phase.TLS and self._greeted

    def outgoing(self) -> bytes:
        """What is to be sent now; each byte is given once."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def receive(self, data: bytes) -> None:
        """Take what came, however it was split. Raises the TwError that ends the session: nothing is sent after it."""
        failure = self._failure or self._attempt(data)
        if failure is not None:
            self._failure = failure
            self._outgoing.clear()
            self._held.clear()
            raise failure

    def tls_started(self) -> None:
        """The handshake is done, and the certificate is the right one. Where no TLS is awaited, it means nothing."""
        if self.phase is not Phase.TLS:
            return
        if not self._greeted:
            self.phase = Phase.GREETING
            return
        self._capabilities = None
        self._alerts.clear()
        self._log_in()

    def lost(self, how: str = "the server closed the connection") -> TwError:
        """The error for a connection that is gone while there is no answer yet."""
        kind = TlsError if self.phase is Phase.TLS else ProtocolError
        return self._failure or self._half_a_greeting() or self._error(kind, how)

    def overdue(self, timeout_s: float) -> TwError:
        """The error for a deadline of `timeout_s` seconds that has passed."""
        waits_for_a_tls_port = self.phase is Phase.GREETING and self._request.security != "tls"
        hint = "does this port want TLS at once? --security tls" if waits_for_a_tls_port else "see --timeout"
        what = f"no answer within {timeout_s:g} s"
        return self._failure or self._half_a_greeting() or self._error(AnswerTimeout, what, hint)

    # What arrives

    def _error(self, kind: type[TwError], what: str, hint: str = "") -> TwError:
        return self._wording.error(kind, self.phase, what, hint)

    def _half_a_greeting(self) -> TwError | None:
        """The error for a greeting that never ended and is not IMAP's, which says more than that it did not end."""
        said = self._reader.unread
        if self.phase is not Phase.GREETING or b"* ".startswith(said[:2]):
            return None
        return self._wording.not_imap(said)

    def _attempt(self, data: bytes) -> TwError | None:
        try:
            self._take_bytes(data)
        except MalformedError as malformed:
            if self.phase is Phase.GREETING and malformed.data:
                return self._wording.not_imap(malformed.data)
            return self._wording.malformed(self.phase, malformed)
        except TwError as error:
            return error
        return None

    def _take_bytes(self, data: bytes) -> None:
        if self.phase is Phase.TLS:
            self._refuse_plain_text(data)
        elif self.phase is not Phase.LOGOUT:
            self._reader.feed(data)
            self._read()

    def _read(self) -> None:
        while self.answer is None and not self.wants_tls:
            response = self._reader.next_response()
            if response is None:
                return
            self._take(response)
        if self.wants_tls:
            self._refuse_plain_text(self._reader.unread)

    def _refuse_plain_text(self, data: bytes) -> None:
        # Response injection: whoever sits in between wants these bytes to be taken for the server's, inside TLS.
        if data:
            what = f"the server sent plain text where TLS has to begin: {self._wording.words(data)}"
            raise self._error(TlsError, what, "somebody in between may have sent it")

    def _take(self, response: Response) -> None:
        if not self._greeted:
            self._greet(response)
            return
        match response:
            case Continuation():
                self._continue(response)
            case Data():
                self._take_data(response)
            case Status(tag=None):
                self._note_code(response)
                if response.name == "BYE":
                    raise self._error(ProtocolError, f"the server hung up: {self._wording.words(response.text)}")
            case _:
                self._complete(response)

    def _continue(self, response: Continuation) -> None:
        if not self._held:
            what = f"the server waits for more than there is: {self._wording.words(response.text)}"
            raise self._error(ProtocolError, what)
        self._outgoing += self._held.popleft()

    def _complete(self, status: Status) -> None:
        if not self._waiting or self._waiting[0][0] != status.tag:
            what = f"the server answered a command that was not sent: {self._wording.words(status.text)}"
            raise self._error(ProtocolError, what)
        _, then = self._waiting.popleft()
        self._held.clear()
        self._note_code(status)
        then(status)

    def _note_code(self, status: Status) -> None:
        if status.code == "CAPABILITY":
            self._note_capabilities(status.code_arguments)
        elif status.code == "ALERT" and len(self._alerts) < ALERTS_LIMIT:
            self._alerts.append(self._wording.words(status.text.partition(b"]")[2]))

    def _note_capabilities(self, listed: bytes) -> None:
        self._capabilities = frozenset(listed.decode("ascii", "replace").upper().split())

    def _take_data(self, data: Data) -> None:
        if data.name == "CAPABILITY":
            self._note_capabilities(data.pieces[0])
        elif self.phase in (Phase.OPEN, Phase.FETCH):
            self._message.take(data)

    # The errand, step by step

    def _send(self, chunks: list[bytes], then: Callable[[Status], None]) -> None:
        self._tags += 1
        tag = b"A%d" % self._tags
        self._outgoing += tag + b" " + chunks[0]
        self._held.extend(chunks[1:])
        self._waiting.append((tag, then))

    def _greet(self, response: Response) -> None:
        if (
            not isinstance(response, Status)
            or response.tag is not None
            or response.name not in ("OK", "PREAUTH", "BYE")
        ):
            raise self._wording.not_imap(response.line)
        if response.name == "BYE":
            what = f"the server turned us away: {self._wording.words(response.text)}"
            raise self._error(ConnectError, what, "try again later")
        self._greeted = True
        self._note_code(response)
        wants_starttls = self._request.security == "starttls"
        if response.name == "PREAUTH":
            if wants_starttls:
                # Once logged in, no STARTTLS is allowed: a way to keep TLS from starting (RFC 9051, section 7.1.4).
                raise self._error(TlsError, "the server lets us in before STARTTLS", "use --security tls")
            self._open()
        elif wants_starttls:
            self.phase = Phase.STARTTLS
            self._with_capabilities(self._ask_for_tls)
        else:
            self._log_in()

    def _with_capabilities(self, then: Callable[[frozenset[str]], None]) -> None:
        if self._capabilities is not None:
            then(self._capabilities)
        else:
            self._send([b"CAPABILITY\r\n"], lambda status: self._listed(status, then))

    def _listed(self, status: Status, then: Callable[[frozenset[str]], None]) -> None:
        if status.name != "OK" or self._capabilities is None:
            what = f"the server does not say what it can do: {self._wording.words(status.text)}"
            raise self._error(ProtocolError, what)
        then(self._capabilities)

    def _ask_for_tls(self, capabilities: frozenset[str]) -> None:
        if "STARTTLS" not in capabilities:
            raise self._error(TlsError, "the server offers no STARTTLS", "use --security tls")
        self._send([b"STARTTLS\r\n"], self._agreed_to_tls)

    def _agreed_to_tls(self, status: Status) -> None:
        if status.name != "OK":
            what = f"the server refused STARTTLS: {self._wording.words(status.text)}"
            raise self._error(TlsError, what, "use --security tls")
        self.phase = Phase.TLS

    def _log_in(self) -> None:
        self.phase = Phase.LOGIN
        self._with_capabilities(self._offer_password)

    def _offer_password(self, capabilities: frozenset[str]) -> None:
        request = self._request
        chunks = login_command(request.user.encode(), request.password.reveal().encode(), capabilities)
        if chunks is None:
            raise self._wording.no_way_to_log_in(capabilities, in_the_clear=request.security == "plain")
        self._send(chunks, self._logged_in)

    def _logged_in(self, status: Status) -> None:
        if status.name != "OK":
            raise self._wording.login_refused(status)
        self._open()

    def _open(self) -> None:
        self.phase = Phase.OPEN
        # In one flight. Where there is no such mailbox, the FETCH is refused as well, and nobody reads that.
        self._send(command(b"EXAMINE", [encode_mailbox(self._request.mailbox)]), self._opened)
        self._send([FETCH], self._fetched)

    def _opened(self, status: Status) -> None:
        if status.name != "OK":
            raise self._wording.not_opened(status)
        if self._message.exists == 0:
            raise self._wording.empty(self.phase)
        self.phase = Phase.FETCH

    def _fetched(self, status: Status) -> None:
        message = self._message
        if message.exists == 0:
            raise self._wording.empty(self.phase)
        if status.name != "OK":
            raise self._error(ProtocolError, f"the server refused the fetch: {self._wording.words(status.text)}")
        if message.header is None:
            raise self._error(ProtocolError, "the server answered the fetch without the message")
        date = message.internal_date
        self.answer = ImapAnswer(
            mailbox=self._request.mailbox,
            exists=message.exists,
            uid=message.uid,
            internal_date=safe_bytes(date, WORDS_LIMIT_CHARS) if date is not None else None,
            header=message.header,
            alerts=tuple(self._alerts),
        )
        self.phase = Phase.LOGOUT
        self._send([b"LOGOUT\r\n"], self._fetched)
