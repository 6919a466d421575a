"""The netrc file as curl reads it: which login and password go with which host. Pure: text in, entries out.

The standard library's `netrc` cannot stand in for it. It keeps one login for each host, so that the last one hides the
others; it eats the backslashes of unquoted tokens (python/cpython#99080), and knows no line end in a quoted one; it
looks at the file's mode only where no file was named (#77240); and its errors quote the token that they stumble over,
which may be a password.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tw.errors import LocalError

MAX_NETRC_BYTES = 131_072
"""curl's own limit (`MAX_NETRC_FILE` in its lib/netrc.c)."""

_TOKEN = re.compile(r'[ \t\r\n]*+(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<endless>")|(?P<plain>[^ \t\r\n]+))', re.DOTALL)
_EMPTY_LINE = re.compile(r"\n\r*\n")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One `machine`, or the `default` (`machine` is None). A login or password that is not there is None."""

    machine: str | None
    login: str | None = None
    password: str | None = field(default=None, repr=False)


def default_path(environ: Mapping[str, str]) -> str:
    """`$NETRC`, else `.netrc` in the home directory; set to nothing counts as unset, as with curl."""
    # Not Path.expanduser: that raises where nobody knows the user, as in containers.
    return environ.get("NETRC") or f"{environ.get('HOME') or os.path.expanduser('~')}/.netrc"


def refuse_open(status: os.stat_result, where: str) -> None:
    """Raises LocalError for a file of one's own that others can get at, as ssh does for its keys; curl only advises.

    Whoever may read somebody else's file, such as a mounted secret, cannot change its mode. A pipe is no file at rest.
    """
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise LocalError(f"the netrc file is open to others: mode {mode:04o}", where, "chmod 600 it")


def parse_netrc(text: str, where: str = "netrc") -> list[Entry]:
    """The entries in their order, by curl's rules (lib/netrc.c of curl 8).

    Tokens are parted by blanks and line ends. Keywords stand unquoted, in any case. A value is any token, a keyword's
    name as well; one that begins with a quote ends at the next, and there `\\n`, `\\r` and `\\t` are control characters
    and any other character after a backslash is itself. A backslash in an unquoted token is a backslash. A line that
    begins with `#` is a comment, wherever it stands. `macdef` ends an entry, and goes to the next empty line. What
    fits nowhere is passed over.

    One rule is not curl's: a `#` in a keyword's place starts a comment too, so that no word in it is taken for one.

    Raises LocalError with the line's number for a quote that nothing ends, and nothing else.
    """
    tokens = _Tokens(text, where)
    entries: list[Entry] = []
    is_open = False
    while (word := tokens.keyword()) is not None:
        if word == "machine":
            is_open = (name := tokens.value()) is not None
            if is_open:
                entries.append(Entry(name))
        elif word == "default":
            is_open = True
            entries.append(Entry(None))
        elif word == "macdef":
            is_open = False
            tokens.skip_macro()
        elif word in ("login", "password", "account"):
            value = tokens.value()
            if value is None or not is_open:
                continue
            if word == "login":
                entries[-1] = replace(entries[-1], login=value)
            elif word == "password":
                entries[-1] = replace(entries[-1], password=value)
    return entries


def find(entries: list[Entry], host: str, user: str = "") -> Entry | None:
    """The first entry with a password for `host`, and for `user` where one is given.

    Hosts are compared without regard to case, logins with it. `default` fits every host, from its place in the order
    on. An entry without a login fits every user. Other than for curl, one without a password fits nobody.
    """
    for entry in entries:
        fits_host = entry.machine is None or entry.machine.lower() == host.lower()
        fits_user = not user or entry.login is None or entry.login == user
        if fits_host and fits_user and entry.password is not None:
            return entry
    return None


class _Tokens:
    """Walks through the text. No token of it gets into an error."""

    def __init__(self, text: str, where: str) -> None:
        # Comments go first, as when curl loads the file: they are none of a macro's lines, nor of a quoted token's.
        lines = [(number, line.lstrip(" \t")) for number, line in enumerate(text.split("\n"), 1)]
        lines = [(number, line) for number, line in lines if not line.startswith("#")]
        self._numbers = [number for number, _ in lines]
        self._text = "\n".join(line for _, line in lines)
        self._at = 0
        self._where = where

    def keyword(self) -> str | None:
        """The next token in lower case, None at the end. A quoted one is no keyword, and comes as ""."""
        while (token := self._next()) is not None:
            word = token["plain"] or ""
            if not word.startswith("#"):
                return word.lower()
            self._go_on_at(self._text.find("\n", self._at))
        return None

    def value(self) -> str | None:
        """The next token, whatever it looks like, without its quotes; None at the end."""
        token = self._next()
        if token is None or token["quoted"] is None:
            return token and token["plain"]
        return re.sub(r"\\(.)", lambda pair: _ESCAPES.get(pair[1], pair[1]), token["quoted"], flags=re.DOTALL)

    def skip_macro(self) -> None:
        end = _EMPTY_LINE.search(self._text, self._at)
        self._go_on_at(end.start() if end else -1)

    def _next(self) -> re.Match[str] | None:
        token = _TOKEN.match(self._text, self._at)
        if token is None:
            return None
        if token["endless"]:
            number = self._numbers[self._text.count("\n", 0, token.start("endless"))]
            raise LocalError(f"a quote in line {number} that nothing ends", self._where, "a backslash keeps a quote")
        self._at = token.end()
        return token

    def _go_on_at(self, place: int) -> None:
        self._at = place if place >= 0 else len(self._text)
