"""What each failure is called, and what the shell sees of it.

Everything that `tw` expects to go wrong is a `TwError`: raised where it is noticed, turned into one line and one exit
code at the edge (`__main__`), and nowhere in between.
"""

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every `tw` command. They are a contract: a script branches on them."""

    OK = 0
    BAD_VERDICT = 1
    USAGE = 2
    CONNECT = 3
    TIMEOUT = 4
    TLS = 5
    AUTH = 6
    PROTOCOL = 7
    NOTHING = 8
    LOCAL = 9
    BUG = 70
    SIGHUP = 129
    SIGINT = 130
    SIGTERM = 143


EXIT_CODE_HELP: dict[ExitCode, str] = {
    ExitCode.OK: "fine",
    ExitCode.BAD_VERDICT: "ran, and the verdict is bad: loss, a mismatch, a missed assertion, an unexpected status",
    ExitCode.USAGE: "usage",
    ExitCode.CONNECT: "cannot connect or bind",
    ExitCode.TIMEOUT: "timeout: connected, and not one answer came",
    ExitCode.TLS: "TLS: the certificate or the handshake",
    ExitCode.AUTH: "authentication refused, or impossible",
    ExitCode.PROTOCOL: "the peer broke the protocol, or left in the middle",
    ExitCode.NOTHING: "nothing there: the mailbox is missing or empty",
    ExitCode.LOCAL: "something local: a file, a key, a state, a password command, a full disk",
    ExitCode.BUG: "a bug in tw",
    ExitCode.SIGHUP: "ended by SIGHUP (a client)",
    ExitCode.SIGINT: "ended by SIGINT (a client)",
    ExitCode.SIGTERM: "ended by SIGTERM (a client)",
}


class TwError(Exception):
    """A failure with a name, an exit code and a way on.

    `what` says what happened, `where` at which file, endpoint or option, `hint` what to try. Text of a peer's must have
    been through `core.text.safe` before it comes here.
    """

    exit_code: ExitCode = ExitCode.BUG
    kind: str = "bug"
    reason: str | None = None
    """What a script may branch on within one exit code, where there is something."""

    reported: bool = False
    """Whether the JSON object that tells of it is already out."""

    def __init__(self, what: str, where: str = "", hint: str = "") -> None:
        super().__init__(what, where, hint)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        advice = f"; {self.hint}" if self.hint else ""
        return f"{self.what}{place}{advice}"


class UsageError(TwError):
    """The command line, the environment or the configuration asks for something impossible."""

    exit_code = ExitCode.USAGE
    kind = "usage"


class ConnectError(TwError):
    """No connection, or no listener: refused, unreachable, no such name, in use, timed out while connecting."""

    exit_code = ExitCode.CONNECT
    kind = "connect"


class AnswerTimeout(TwError):
    """Connected, and not one answer came in time."""

    exit_code = ExitCode.TIMEOUT
    kind = "timeout"


class TlsError(TwError):
    """The handshake failed, or the certificate is not the expected one.

    `reason` is one word for a script to branch on, where there is more than one way on: `expired`, `not-yet-valid`,
    `self-signed`, `unknown-authority`, `other-name`, `other-pin`, `client-certificate`.
    """

    exit_code = ExitCode.TLS
    kind = "tls"

    def __init__(self, what: str, where: str = "", hint: str = "", reason: str | None = None) -> None:
        super().__init__(what, where, hint)
        self.reason = reason


class AuthError(TwError):
    """The credentials were refused, or could not be offered safely."""

    exit_code = ExitCode.AUTH
    kind = "auth"


class ProtocolError(TwError):
    """The peer broke the protocol, or left in the middle of it."""

    exit_code = ExitCode.PROTOCOL
    kind = "protocol"


class NothingThere(TwError):
    """The conversation went well, and what was asked for does not exist."""

    exit_code = ExitCode.NOTHING
    kind = "nothing"


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a run. To keep a terminal's server alive past its hang-up, start it under nohup; where it is no terminal
that hangs up, SIGHUP is how a service manager asks a server to read its files again."""

MAY_BE_IGNORED = (signal.SIGINT, signal.SIGHUP)
"""Whoever started us with these ignored meant it: nohup; a shell without job control, for what has `&` behind it."""


class Interrupted(TwError):
    """A signal ended a client before it was done. It is not told on stderr: whoever sent it knows."""

    kind = "interrupted"

    def __init__(self, signal_name: str) -> None:
        super().__init__(f"ended by {signal_name}")
        self.exit_code = ExitCode[signal_name]


class LocalError(TwError):
    """Something on this machine: a file, a key, a state, a password command, a full disk."""

    exit_code = ExitCode.LOCAL
    kind = "local"
