"""What `tw imap check` was asked for, checked where it is built."""

import re
import warnings
from dataclasses import dataclass

from tw.errors import UsageError
from tw.mail_options import ImapOptions, mail_domain_of
from tw.options import require


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What has to be true of a mailbox and of its server; None for what nobody asked for.

    `subject` is a regular expression. `cert_days` is (warning below, critical below).
    """

    subject: str | None = None
    max_age_s: float | None = None
    max_unread: int | None = None
    cert_days: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.subject is not None:
            compiled(self.subject)
        if self.cert_days is not None:
            warning, critical = self.cert_days
            require(warning >= critical, f"--cert-days {warning},{critical}", "the first number is the greater one")


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern of `--expect-subject`. Raises UsageError where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a later Python will read in another way
            return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        what = f"not a regular expression: {str(error) or type(error).__name__}"
        raise UsageError(what, "--expect-subject", "see https://docs.python.org/3/library/re.html") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """`tw imap check` of one account; `is_one_of_many`: of a file's."""

    imap: ImapOptions
    expected: Expectations = Expectations()
    nagios: bool = False
    is_one_of_many: bool = False

    def __post_init__(self) -> None:
        without_tls = self.expected.cert_days is not None and self.imap.security == "plain"
        require(not without_tls, "--cert-days without TLS", "leave it out, or use --security tls")
        require(not (self.nagios and self.imap.json), "--nagios beside --json", "leave one of them out")

    @property
    def name(self) -> str:
        """The account, as results name it: `alice@mail.example.org`, and the mailbox where it is not the INBOX."""
        imap = self.imap
        place = "tunnel" if imap.tunnel is not None else imap.endpoint or _host_and_port(imap.host, imap.port)
        if mail_domain_of(imap) is not None:
            place = imap.user  # whose domain has the server
        elif imap.user:
            place = f"{imap.user}{' at ' if '@' in imap.user else '@'}{place}"
        return place if imap.mailbox.upper() == "INBOX" else f"{place} {imap.mailbox}"


def _host_and_port(host: str, port: int | None) -> str:
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAllOptions:
    """`tw imap check --accounts`: every account of a file, at most `jobs` at a time."""

    accounts: tuple[CheckOptions, ...]
    jobs: int = 20
    json: bool = False
    nagios: bool = False

    def __post_init__(self) -> None:
        require(not (self.nagios and self.json), "--nagios beside --json", "leave one of them out")
        traced = any(account.imap.trace for account in self.accounts)
        require(not traced, "--trace beside --accounts", "the conversations would be mixed up; trace one account")
        once = [account.imap.password_fd for account in self.accounts if account.imap.password_fd is not None]
        once += [0 for account in self.accounts if account.imap.password_file == "-"]  # noqa: S105 - `-` is stdin, and no password
        require(
            len(once) == len(set(once)),
            "several accounts would read their passwords from one descriptor",
            "use password-file, password-command or netrc in each [[account]]",
        )
