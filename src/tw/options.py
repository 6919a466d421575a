"""One frozen dataclass per command: what the user asked for, checked where it is built, before Twisted loads.

Durations are seconds (`_s`), sizes bytes (`_bytes`). A combination that makes no sense raises `UsageError`.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tw.errors import UsageError

ColorMode: TypeAlias = Literal["auto", "always", "never"]
ReactorChoice: TypeAlias = Literal["auto", "stock"]


def require(condition: bool, what: str, hint: str = "", where: str = "") -> None:
    """Raises UsageError unless `condition` holds."""
    if not condition:
        raise UsageError(what, where, hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """What every command takes. `verbosity` counts `-v`; 2 and more show tracebacks."""

    verbosity: int = 0
    quiet: bool = False
    color: ColorMode = "auto"
    reactor: ReactorChoice = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsClientOptions:
    """How a client checks who it talks to."""

    ca_file: str | None = None
    pin: str | None = None
    server_name: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    insecure: bool = False
    settled: frozenset[str] = field(default=frozenset(), compare=False)
    """Names of those that nobody typed: a standing setting (environment, file) is for whenever there is TLS."""

    def __post_init__(self) -> None:
        require(
            self.client_key is None or self.client_cert is not None,
            "--client-key without --client-cert",
            "add --client-cert",
        )
        require(
            not (self.insecure and self.ca_file is not None),
            "--insecure beside --ca-file",
            "leave --insecure out: the CA file verifies the server",
        )
