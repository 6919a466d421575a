"""How an IMAP session's failures are called: the class, the phase, the server's own words, and what to try."""

from base64 import b64encode
from collections.abc import Iterable

from tw.core.imap_sasl import Credentials, secret_forms
from tw.core.imap_tokens import MalformedError, Status
from tw.core.imap_types import ImapRequest, Phase
from tw.core.text import safe, safe_bytes
from tw.errors import AuthError, NothingThere, ProtocolError, TwError

WORDS_LIMIT_CHARS = 300
"""Of the server's words in one message: an error is one line."""
BLANK = b"***"

# RFC 5530, section 3. What a code means for the exit: a script that acts on "nothing there" (8) must not be told so by
# a server that merely has a bad day.
_LOGIN_HINTS = {
    "UNAVAILABLE": "the server cannot check passwords now, try again later",
    "INUSE": "try again later",
    "LIMIT": "try again later",
    "EXPIRED": "renew the password",
    "PRIVACYREQUIRED": "use --security tls or starttls",
    "CONTACTADMIN": "ask the server's administrator",
}
_SERVER_TROUBLE = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CLIENTBUG", "CORRUPTION", "OVERQUOTA"})
_NOT_ALLOWED = frozenset({"NOPERM", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN"})
_OTHER_PROTOCOLS = (
    (b"220", "SMTP or FTP"),
    (b"HTTP/", "HTTP"),
    (b"+OK", "POP3"),
    (b"SSH-", "SSH"),
    (b"\x15\x03", "TLS"),
)


class Wording:
    """Makes the errors of one session. It knows the password, to blank it out where a server repeats it."""

    def __init__(self, request: ImapRequest) -> None:
        self._where = request.where
        credentials = Credentials(user=request.user, password=request.password, token=request.token)
        self._secrets: list[bytes] = []
        self._add(secret_forms(credentials))

    def hide(self, secrets: Iterable[bytes]) -> None:
        """Blank these out as well, from now on: what a mechanism has said, raw or in base64."""
        self._add({form for secret in secrets for form in (secret, b64encode(secret)) if form})

    def _add(self, forms: set[bytes]) -> None:
        # Longest first: the quoted form may hold the plain one.
        self._secrets = sorted(forms.union(self._secrets), key=len, reverse=True)

    def error(self, kind: type[TwError], phase: Phase, what: str, hint: str = "") -> TwError:
        return kind(what, f"{self._where}, {phase}", hint)

    def words(self, data: bytes) -> str:
        """The server's words, safe for a terminal and without the password."""
        return safe_bytes(self.blanked(data).strip(), WORDS_LIMIT_CHARS) or "no reason given"

    def blanked(self, data: bytes) -> bytes:
        """The same without the password, in whatever form."""
        for secret in self._secrets:
            data = data.replace(secret, BLANK)
        return data

    def not_imap(self, said: bytes) -> TwError:
        """The greeting is none."""
        name = next((name for start, name in _OTHER_PROTOCOLS if said.startswith(start)), None)
        hint = f"that looks like {name}: check the port" if name else "check the port"
        return self.error(ProtocolError, Phase.GREETING, f"the server does not speak IMAP: {self.words(said)}", hint)

    def malformed(self, phase: Phase, malformed: MalformedError) -> TwError:
        said = f": {self.words(malformed.data)}" if malformed.data else ""
        return self.error(ProtocolError, phase, f"the server sent {malformed.reason}{said}")

    def login_refused(self, status: Status, reason: str = "") -> TwError:
        """`reason` is what the mechanism heard of it, safe already."""
        hint = _LOGIN_HINTS.get(status.code, "check --user and the password")
        said = f"{self.words(status.text)} ({reason})" if reason else self.words(status.text)
        return self.error(AuthError, Phase.LOGIN, f"login refused: {said}", hint)

    def no_way_to_log_in(self, request: ImapRequest, capabilities: frozenset[str]) -> TwError:
        offered = " ".join(sorted(name for name in capabilities if name.startswith("AUTH="))) or "no mechanism"
        says = "says LOGINDISABLED, and " if "LOGINDISABLED" in capabilities else ""
        if request.auth != "auto":
            what = f"the server has no {request.auth}: it {says}offers {self.words(offered.encode())}"
            return self.error(AuthError, Phase.LOGIN, what, "see --auth")
        kind = "password" if request.token is None else "token"
        what = f"the server takes no {kind}: it {says}offers {self.words(offered.encode())}"
        hint = "use --security tls or starttls" if request.security == "plain" else "see --auth"
        return self.error(AuthError, Phase.LOGIN, what, hint)

    def not_opened(self, status: Status, mailbox: str, phase: Phase = Phase.OPEN) -> TwError:
        """A NO is a missing mailbox (also one whose name can never exist, CANNOT), unless its code says otherwise."""
        what = f"cannot open the mailbox {safe(mailbox, WORDS_LIMIT_CHARS)}: {self.words(status.text)}"
        if status.name != "NO" or status.code in _SERVER_TROUBLE:
            return self.error(ProtocolError, phase, what)
        if status.code in _NOT_ALLOWED:
            return self.error(AuthError, phase, what, "check what --user may read")
        return self.error(NothingThere, phase, what, "check --mailbox")

    def empty(self, phase: Phase, mailbox: str) -> TwError:
        return self.error(NothingThere, phase, f"the mailbox {safe(mailbox, WORDS_LIMIT_CHARS)} is empty")
