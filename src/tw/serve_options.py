"""What the three servers are asked for: one frozen dataclass per command, checked where it is built."""

from dataclasses import dataclass
from typing import Literal

from tw.options import require


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What the three servers share. `listen` holds Twisted server endpoint strings and replaces `host` and `port`."""

    host: str = "127.0.0.1"
    port: int = 0
    listen: tuple[str, ...] = ()
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    tls_self_signed: bool = False
    drain_timeout_s: float = 5.0
    duration_s: float | None = None
    ready_file: str | None = None
    json: bool = False
    access_log: bool = False

    def __post_init__(self) -> None:
        pem = self.tls_cert is not None or self.tls_key is not None
        require(
            (self.tls_cert is None) == (self.tls_key is None),
            "a certificate needs its key, and a key its certificate",
            "give both --tls-cert and --tls-key (they may name the same file)",
        )
        require(
            not (pem and self.tls_self_signed),
            "--tls-self-signed beside --tls-cert",
            "give one of them",
        )
        require(
            self.tls_client_ca is None or self.tls,
            "--tls-client-ca without TLS",
            "add --tls-cert and --tls-key, or --tls-self-signed",
        )

    @property
    def tls(self) -> bool:
        """Whether the listeners are to be wrapped in TLS."""
        return self.tls_cert is not None or self.tls_self_signed


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeEchoOptions(ServeOptions):
    """`tw serve echo`. `udp`: the same port over UDP as well."""

    port: int = 1234
    udp: bool = False

    def __post_init__(self) -> None:
        ServeOptions.__post_init__(self)
        require(
            not (self.udp and self.listen),
            "--udp beside --listen",
            "UDP goes with --host and --port only",
        )
        require(not (self.udp and self.tls), "--udp beside TLS", "echo over UDP has no TLS; leave one of them out")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeCounterOptions(ServeOptions):
    """`tw serve counter`. `start`: the first number, None where the user did not say."""

    port: int = 8080
    start: int | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServePubSubOptions(ServeOptions):
    """`tw serve pubsub`. `max_line_bytes` counts a line without its end; `block_timeout_s`: None is 30 s."""

    port: int = 1025
    prefix: bool = True
    echo: bool = True
    crlf: bool = False
    max_line_bytes: int = 65_536
    history_lines: int = 0
    backlog_bytes: int = 8 * 1024 * 1024
    slow: Literal["disconnect", "drop", "block"] = "disconnect"
    block_timeout_s: float | None = None

    def __post_init__(self) -> None:
        ServeOptions.__post_init__(self)
        require(
            self.block_timeout_s is None or self.slow == "block",
            "--block-timeout without --slow block",
            "add --slow block: nobody else waits for a slow subscriber",
        )
