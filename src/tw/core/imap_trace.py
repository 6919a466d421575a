"""The conversation of an IMAP session for a person to read: safe for a terminal, and without what is secret."""

from collections.abc import Callable

from tw.core.imap_errors import BLANK, Wording
from tw.core.imap_tokens import Continuation, Data, Response
from tw.core.text import safe_bytes

LINE_LIMIT_CHARS = 2_000
"""Of a line that is shown."""


class Trace:
    """Shows what is said (`C:`) and heard (`S:`), a line at a time."""

    def __init__(self, show: Callable[[str], None], wording: Wording) -> None:
        self._show = show
        self._wording = wording

    def said(self, data: bytes) -> None:
        for line in data.removesuffix(b"\r\n").split(b"\r\n"):
            self._line("C", line)

    def heard(self, response: Response, *, in_login: bool) -> None:
        """In the login a challenge may hold what lets a password be guessed at leisure: none is shown."""
        if isinstance(response, Continuation) and in_login and response.text.strip():
            self._line("S", b"+ " + BLANK)
            return
        pieces = response.pieces if isinstance(response, Data) else (b"",)
        self._line("S", response.line + _announced(pieces[1:2]))
        for at in range(1, len(pieces), 2):
            for line in pieces[at].splitlines():
                self._line("S", line)
            if rest := pieces[at + 1] + _announced(pieces[at + 2 : at + 3]):
                self._line("S", rest)

    def _line(self, who: str, line: bytes) -> None:
        self._show(f"{who}: {safe_bytes(self._wording.blanked(line), LINE_LIMIT_CHARS)}")


def _announced(literal: tuple[bytes, ...]) -> bytes:
    """What the server says before a literal, and the reader takes off."""
    return b"{%d}" % len(literal[0]) if literal else b""
