"""What the commands of `tw imap` were asked for, checked where it is built: one frozen dataclass per command."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tw.options import TlsClientOptions, require

Security: TypeAlias = Literal["tls", "starttls", "plain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapOptions:
    """What all of `tw imap` has in common. `host_given`: whether the user named one, since a failure says how to
    otherwise."""

    user: str
    host: str = "localhost"
    host_given: bool = True
    port: int | None = None
    endpoint: str | None = None
    tunnel: str | None = field(default=None, repr=False)
    security: Security = "tls"
    auth: str = "auto"
    mailbox: str = "INBOX"
    password_file: str | None = None
    password_command: str | None = field(default=None, repr=False)
    password_fd: int | None = None
    netrc: bool = False
    netrc_file: str | None = None
    keyring: bool = False
    token_command: str | None = field(default=None, repr=False)
    send_id: bool = False
    trace: bool = False
    timeout_s: float = 30.0
    verify: TlsClientOptions = TlsClientOptions()
    json: bool = False

    def __post_init__(self) -> None:
        # netrc may know the user, and a tunnel may lead to a server that lets in without one (PREAUTH).
        known = self.user or self.netrc or self.netrc_file is not None or self.tunnel is not None
        require(bool(known), "no user", "give --user, or set TW_IMAP_USER")
        for name, text in (("--user", self.user), ("--mailbox", self.mailbox)):
            require(not set(text) & set("\r\n\0"), f"a line end or NUL in {name}", "leave it out")
        if self.auth in TOKEN_AUTHS:
            require(self.token_command is not None, f"--auth {self.auth} without a token", "add --token-command")
        elif self.auth != "auto":
            require(self.token_command is None, f"--token-command beside --auth {self.auth}", "leave one of them out")
        require(self.tunnel is None or self.endpoint is None, "--tunnel beside --endpoint", "leave one of them out")


TOKEN_AUTHS = frozenset({"xoauth2", "oauthbearer"})


def _raw_alone(raw: bool, imap: ImapOptions) -> None:
    require(not (raw and imap.json), "--raw beside --json", "leave one of them out")


def mail_domain_of(options: ImapOptions) -> str | None:
    """The domain in whose DNS the server is to be found; None where a place was named, or the user has no domain."""
    domain = options.user.rpartition("@")[2] if "@" in options.user else ""
    if options.host_given or options.endpoint is not None or options.tunnel is not None or "." not in domain:
        return None
    return domain


def mail_host(options: ImapOptions) -> str:
    """The name by which netrc and the keyring know the server; empty where there is none."""
    if options.endpoint is not None:
        # `tcp:HOST:PORT`, `tls:host=HOST:...`: the rest of what an endpoint may be has no host.
        kind, _, place = options.endpoint.partition(":")
        return "" if kind == "unix" else place.split(":")[0].removeprefix("host=")
    return mail_domain_of(options) or options.host


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSubjectOptions:
    """`tw imap first-subject`."""

    imap: ImapOptions
    raw: bool = False

    def __post_init__(self) -> None:
        _raw_alone(self.raw, self.imap)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectsOptions:
    """`tw imap subjects`: the last ones, the newest alone, or those that a search finds."""

    imap: ImapOptions
    last: int = 10
    newest: bool = False
    search: str | None = None
    raw: bool = False

    def __post_init__(self) -> None:
        require(not (self.newest and self.search is not None), "--newest beside --search", "leave one of them out")
        _raw_alone(self.raw, self.imap)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxesOptions:
    """`tw imap mailboxes`."""

    imap: ImapOptions
    pattern: str = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOptions:
    """`tw imap status`."""

    imap: ImapOptions
    mailboxes: tuple[str, ...] = ("INBOX",)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """`tw imap watch`. `poll_s` is for servers without IDLE."""

    imap: ImapOptions
    count: int | None = None
    poll_s: float = 30.0
    raw: bool = False

    def __post_init__(self) -> None:
        _raw_alone(self.raw, self.imap)
