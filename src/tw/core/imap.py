"""An IMAP client's session: the greeting, TLS, the login, and commands in flight (RFC 3501, 9051).

Sans-IO: bytes in by `receive`, bytes out by `outgoing`, no clock and no socket. The rules that are security stand here:
no password is offered before TLS is up where TLS was asked for, nothing that was said before STARTTLS is believed after
it (RFC 3501, section 6.2.1), and a session is never downgraded.
"""

from collections import deque
from collections.abc import Callable

from tw.core.imap_errors import BLANK, Wording
from tw.core.imap_login import Login
from tw.core.imap_tokens import Continuation, Data, MalformedError, Response, ResponseReader, Status
from tw.core.imap_trace import Trace
from tw.core.imap_types import Errand, ImapRequest, Phase
from tw.errors import AnswerTimeout, ConnectError, ProtocolError, TlsError, TwError

ALERTS_LIMIT = 8  # a person is not shown more of them, whatever a server sends

ID = b'ID ("name" "tw")\r\n'
"""What `send_id` says (RFC 2971, section 3.1). No version: a stranger need not know it."""


class ImapSession:
    """One session from the greeting to the end of its errand.

    Give it what arrives (`receive`), send what `outgoing` returns after each call, start TLS when `wants_tls` and say
    so by `tls_started`. Once `done`, the LOGOUT that is then in `outgoing`, or was sent before, is a courtesy, and what
    comes back is ignored. With security `tls` the session waits for `tls_started` first: a byte before it is an error,
    so that a connection that was wired up without TLS never sees a password.
    """

    def __init__(self, request: ImapRequest, errand: Errand, show: Callable[[str], None] | None = None) -> None:
        self.phase: Phase = Phase.TLS if request.security == "tls" else Phase.GREETING
        self.done = False
        self.wording = Wording(request)
        self.alerts: list[str] = []
        self._request = request
        self._errand = errand
        self._trace = Trace(show, self.wording) if show is not None else None
        self._reader = ResponseReader()
        self._failure: TwError | None = None
        self._greeted = False
        self._entered = False
        self._said_logout = False
        self._capabilities: frozenset[str] | None = None  # None: not known
        self._outgoing = bytearray()
        # What answers the server's next requests for more, one by one.
        self._held: deque[bytes | Callable[[bytes], bytes]] = deque()
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
        self.alerts.clear()
        self._log_in()

    def lost(self, how: str = "the server closed the connection") -> TwError:
        """The error for a connection that is gone while there is no answer yet."""
        kind = TlsError if self.phase is Phase.TLS else ProtocolError
        return self._failure or self._half_a_greeting() or self.error(kind, how)

    def overdue(self, timeout_s: float) -> TwError:
        """The error for a deadline of `timeout_s` seconds that has passed."""
        waits_for_a_tls_port = self.phase is Phase.GREETING and self._request.security != "tls"
        hint = "does this port want TLS at once? --security tls" if waits_for_a_tls_port else "see --timeout"
        what = f"no answer within {timeout_s:g} s"
        return self._failure or self._half_a_greeting() or self.error(AnswerTimeout, what, hint)

    # What an errand uses

    def error(self, kind: type[TwError], what: str, hint: str = "") -> TwError:
        """An error that names the server and the phase."""
        return self.wording.error(kind, self.phase, what, hint)

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server says that it can do, in upper case."""
        return self._capabilities or frozenset()

    def send(self, chunks: list[bytes], then: Callable[[Status], None], shown: bytes | None = None) -> None:
        """Send a command, at once and behind those under way: `then` gets its tagged answer.

        The first chunk goes out now, each other one as the server asks for it, so one with several must travel alone.
        A trace shows `shown` in its place.
        """
        self._tags += 1
        tag = b"A%d" % self._tags
        self._say(tag + b" " + chunks[0], None if shown is None else tag + b" " + shown)
        self._held.extend(chunks[1:])
        self._waiting.append((tag, then))

    def send_line(self, line: bytes) -> None:
        """Send what is no command: the DONE of an IDLE."""
        self._say(line)

    def expect(self, asked: Callable[[bytes], bytes]) -> None:
        """The server will ask for more once again: `asked` gets its words, and gives what is sent."""
        self._held.append(asked)

    def log_out(self) -> None:
        """Say goodbye ahead of time, in one flight with the last commands."""
        if not self._said_logout:
            self._said_logout = True
            self.send([b"LOGOUT\r\n"], lambda status: None)

    def finish(self) -> None:
        """The errand is done."""
        self.done = True
        self.phase = Phase.LOGOUT
        self.log_out()

    def _say(self, data: bytes, shown: bytes | None = None) -> None:
        self._outgoing += data
        if self._trace is not None and data:
            self._trace.said(data if shown is None else shown)

    # What arrives

    def _half_a_greeting(self) -> TwError | None:
        """The error for a greeting that never ended and is not IMAP's, which says more than that it did not end."""
        said = self._reader.unread
        if self.phase is not Phase.GREETING or b"* ".startswith(said[:2]):
            return None
        return self.wording.not_imap(said)

    def _attempt(self, data: bytes) -> TwError | None:
        try:
            self._take_bytes(data)
        except MalformedError as malformed:
            if self.phase is Phase.GREETING and malformed.data:
                return self.wording.not_imap(malformed.data)
            return self.wording.malformed(self.phase, malformed)
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
        while not self.done and not self.wants_tls:
            response = self._reader.next_response()
            if response is None:
                return
            if self._trace is not None:
                self._trace.heard(response, in_login=self.phase is Phase.LOGIN)
            self._take(response)
        if self.wants_tls:
            self._refuse_plain_text(self._reader.unread)

    def _refuse_plain_text(self, data: bytes) -> None:
        # Response injection: whoever sits in between wants these bytes to be taken for the server's, inside TLS.
        if data:
            what = f"the server sent plain text where TLS has to begin: {self.wording.words(data)}"
            raise self.error(TlsError, what, "somebody in between may have sent it")

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
                    raise self.error(ProtocolError, f"the server hung up: {self.wording.words(response.text)}")
            case _:
                self._complete(response)

    def _continue(self, response: Continuation) -> None:
        if not self._held:
            what = f"the server waits for more than there is: {self.wording.words(response.text)}"
            raise self.error(ProtocolError, what)
        held = self._held.popleft()
        self._say(
            held if isinstance(held, bytes) else held(response.text), BLANK if self.phase is Phase.LOGIN else None
        )

    def _complete(self, status: Status) -> None:
        if not self._waiting or self._waiting[0][0] != status.tag:
            what = f"the server answered a command that was not sent: {self.wording.words(status.text)}"
            raise self.error(ProtocolError, what)
        _, then = self._waiting.popleft()
        self._held.clear()
        self._note_code(status)
        then(status)

    def _note_code(self, status: Status) -> None:
        if status.code == "CAPABILITY":
            self._note_capabilities(status.code_arguments)
        elif status.code == "ALERT" and len(self.alerts) < ALERTS_LIMIT:
            self.alerts.append(self.wording.words(status.text.partition(b"]")[2]))

    def _note_capabilities(self, listed: bytes) -> None:
        self._capabilities = frozenset(listed.decode("ascii", "replace").upper().split())

    def _take_data(self, data: Data) -> None:
        if data.name == "CAPABILITY":
            self._note_capabilities(data.pieces[0])
        elif self._entered:
            self._errand.take(data)

    # Up to the login

    def _greet(self, response: Response) -> None:
        if (
            not isinstance(response, Status)
            or response.tag is not None
            or response.name not in ("OK", "PREAUTH", "BYE")
        ):
            raise self.wording.not_imap(response.line)
        if response.name == "BYE":
            what = f"the server turned us away: {self.wording.words(response.text)}"
            raise self.error(ConnectError, what, "try again later")
        self._greeted = True
        self._note_code(response)
        wants_starttls = self._request.security == "starttls"
        if response.name == "PREAUTH":
            if wants_starttls:
                # Once logged in, no STARTTLS is allowed: a way to keep TLS from starting (RFC 9051, section 7.1.4).
                raise self.error(TlsError, "the server lets us in before STARTTLS", "use --security tls")
            self._enter()
        elif wants_starttls:
            self.phase = Phase.STARTTLS
            self._with_capabilities(self._ask_for_tls)
        else:
            self._log_in()

    def _with_capabilities(self, then: Callable[[frozenset[str]], None]) -> None:
        if self._capabilities is not None:
            then(self._capabilities)
        else:
            self.send([b"CAPABILITY\r\n"], lambda status: self._listed(status, then))

    def _listed(self, status: Status, then: Callable[[frozenset[str]], None]) -> None:
        if status.name != "OK" or self._capabilities is None:
            what = f"the server does not say what it can do: {self.wording.words(status.text)}"
            raise self.error(ProtocolError, what)
        then(self._capabilities)

    def _ask_for_tls(self, capabilities: frozenset[str]) -> None:
        if "STARTTLS" not in capabilities:
            raise self.error(TlsError, "the server offers no STARTTLS", "use --security tls")
        self.send([b"STARTTLS\r\n"], self._agreed_to_tls)

    def _agreed_to_tls(self, status: Status) -> None:
        if status.name != "OK":
            what = f"the server refused STARTTLS: {self.wording.words(status.text)}"
            raise self.error(TlsError, what, "use --security tls")
        self.phase = Phase.TLS

    def _log_in(self) -> None:
        self.phase = Phase.LOGIN
        self._with_capabilities(Login(self, self._request, self._enter).begin)

    def _enter(self) -> None:
        self._entered = True
        self.phase = Phase.OPEN
        if self._request.send_id:  # some servers know no ID: nobody minds its answer
            self.send([ID], lambda status: None)
        self._errand.begin(self)
