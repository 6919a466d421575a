"""The login of an IMAP session: the choice of a mechanism, and its dialogue (RFC 3501, sections 6.2.2 and 6.2.3)."""

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING

from tw.core.imap_commands import command
from tw.core.imap_errors import BLANK
from tw.core.imap_sasl import Command, Credentials, Mechanism, SaslError, choose
from tw.core.imap_tokens import Status
from tw.core.imap_types import ImapRequest
from tw.errors import AuthError, ProtocolError

if TYPE_CHECKING:
    from tw.core.imap import ImapSession

ROUNDS_LIMIT = 8
"""No mechanism here asks more than three times."""


class Login:
    """Logs a session in, then calls `then`. Whatever goes wrong is raised, as a TwError, where the server said it."""

    def __init__(self, session: "ImapSession", request: ImapRequest, then: Callable[[], None]) -> None:
        self._session = session
        self._request = request
        self._then = then
        self._mechanism: Mechanism | None = None
        self._first: bytes | None = None
        self._rounds = 0

    def begin(self, capabilities: frozenset[str]) -> None:
        request = self._request
        if request.password is None and request.token is None:
            hint = "see --password-file and --password-command"
            raise self._session.error(AuthError, "the server wants a login, and there is no password", hint)
        credentials = Credentials(user=request.user, password=request.password, token=request.token)
        chosen = choose(request.auth, capabilities, credentials)
        if chosen is None:
            raise self._session.wording.no_way_to_log_in(request, capabilities)
        if isinstance(chosen, Command):
            password = request.password.reveal() if request.password is not None else ""
            chunks = command(b"LOGIN", (request.user.encode(), password.encode()), capabilities)
            self._session.send(chunks, self._done, b"LOGIN " + BLANK)
        else:
            self._authenticate(chosen, "SASL-IR" in capabilities)

    def _authenticate(self, mechanism: Mechanism, initial_response: bool) -> None:
        self._mechanism = mechanism
        name = mechanism.name.encode("ascii")
        line = b"AUTHENTICATE " + name
        self._first = mechanism.first()
        if initial_response and self._first is not None:
            # `=` stands for a response without a byte (RFC 4959, section 3).
            line += b" " + (base64.b64encode(self._first) or b"=")
            self._first = None
        self._session.send([line + b"\r\n"], self._done, b"AUTHENTICATE " + name + b" " + BLANK)
        self._session.expect(self._answer)

    def _answer(self, asked: bytes) -> bytes:
        """One line, however long: base64 is not to be wrapped here (RFC 3501, section 6.2.2)."""
        assert self._mechanism is not None
        session = self._session
        self._rounds += 1
        if self._rounds > ROUNDS_LIMIT:
            raise session.error(ProtocolError, "the server asks on and on for more of the login")
        if self._first is not None:
            response, self._first = self._first, None
        else:
            try:
                response = self._mechanism.answer(binascii.a2b_base64(asked.strip(), strict_mode=True))
            except binascii.Error as error:
                words = session.wording.words(asked)
                raise session.error(ProtocolError, f"the server's challenge is not base64: {words}") from error
            except SaslError as error:
                said = f": {session.wording.words(error.data)}" if error.data else ""
                raise session.error(AuthError, f"{self._mechanism.name}: {error}{said}", "see --auth") from error
        session.wording.hide(self._mechanism.secrets)
        session.expect(self._answer)
        return base64.b64encode(response) + b"\r\n"

    def _done(self, status: Status) -> None:
        mechanism = self._mechanism
        if status.name != "OK":
            raise self._session.wording.login_refused(status, mechanism.refusal if mechanism is not None else "")
        if mechanism is not None and not mechanism.proven():
            what = f"{mechanism.name}: the server did not prove that it knows the password"
            raise self._session.error(AuthError, what, "somebody may be in between; see --auth")
        self._then()
