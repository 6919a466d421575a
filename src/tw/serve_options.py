"""What the three servers are asked for: one frozen dataclass per command, checked where it is built."""

from dataclasses import dataclass
from typing import Literal

from tw.fault_options import FaultOptions
from tw.options import require
from tw.via_options import ViaOptions

LEAST_IDLE_S = 0.1
"""Every connection is looked at several times in an idle timeout, which a shorter one would make a load of its own."""

MAX_TCP_KEEPALIVE_S = 32_767
"""Of TCP_KEEPIDLE (tcp(7)): Linux takes no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What the three servers share. `listen` holds Twisted server endpoint strings and replaces `host` and `port`.

    `accept_rate` is connections per second, `tcp_keepalive_s` 0 for none. `allow`, `deny` and `proxy_trust` hold
    networks in CIDR form (`core.networks`); no `proxy_trust` means loopback. `describe` (echo, counter): each client is
    told what was seen of it. `workers`: processes that serve together (`tw.workers`); 1 is this one, and no other.
    """

    host: str = "127.0.0.1"
    port: int = 0
    listen: tuple[str, ...] = ()
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    tls_self_signed: bool = False
    proxy_protocol: bool = False
    proxy_trust: tuple[str, ...] = ()
    handshake_timeout_s: float = 10.0
    drain_timeout_s: float = 5.0
    duration_s: float | None = None
    max_connections: int = 10_000
    on_full: Literal["refuse", "wait"] = "refuse"
    max_per_host: int | None = None
    accept_rate: int | None = None
    idle_timeout_s: float | None = None
    tcp_keepalive_s: float = 60.0
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    ready_file: str | None = None
    json: bool = False
    access_log: bool = False
    describe: bool = False
    workers: int = 1

    def __post_init__(self) -> None:
        require(
            self.workers == 1 or self.max_per_host is None,
            "--max-per-host beside --workers",
            "the workers do not know of each other's connections; leave one of them out",
        )
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
        require(
            self.proxy_protocol or not self.proxy_trust,
            "--proxy-trust without --proxy-protocol",
            "add --proxy-protocol",
        )
        require(
            self.tcp_keepalive_s <= MAX_TCP_KEEPALIVE_S,
            f"--tcp-keepalive above {MAX_TCP_KEEPALIVE_S} s",
            "give it less, or 0 for none",
        )
        require(
            self.idle_timeout_s is None or self.idle_timeout_s >= LEAST_IDLE_S,
            "--idle-timeout below 100ms",
            "give 100ms or more, or leave it out",
        )

    @property
    def tls(self) -> bool:
        """Whether the listeners are to be wrapped in TLS."""
        return self.tls_cert is not None or self.tls_self_signed


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeEchoOptions(ServeOptions):
    """`tw serve echo`. `udp`: the same port over UDP as well. `faults`: None for a server that makes none."""

    port: int = 1234
    udp: bool = False
    faults: FaultOptions | None = None

    def __post_init__(self) -> None:
        ServeOptions.__post_init__(self)
        require(
            not (self.udp and self.listen),
            "--udp beside --listen",
            "UDP goes with --host and --port only",
        )
        require(
            not (self.udp and self.workers > 1),
            "--udp beside --workers",
            "workers share TCP ports only; leave one of them out",
        )
        _refuse_faults_beside(self, self.faults)
        require(not (self.udp and self.tls), "--udp beside TLS", "echo over UDP has no TLS; leave one of them out")
        require(
            not (self.udp and self.proxy_protocol),
            "--udp beside --proxy-protocol",
            "datagrams carry no PROXY header here; leave one of them out",
        )
        require(
            self.faults is None or not self.faults.statuses,
            "--status without HTTP",
            "tw serve counter has it",
        )
        require(
            not (self.udp and self.describe),
            "--udp beside --describe",
            "a datagram's sender is told nothing but its own bytes; leave one of them out",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeCounterOptions(ServeOptions):
    """`tw serve counter`. `start`: the first number, None where the user did not say. `faults`: None for none.

    `lease`: with `via`, how many numbers are fetched at once, None for as many as are asked for.
    """

    port: int = 8080
    start: int | None = None
    state: str | None = None
    header_timeout_s: float = 10.0
    body_timeout_s: float = 60.0
    keepalive_timeout_s: float = 75.0
    send_timeout_s: float = 60.0
    max_header_bytes: int = 32 * 1024
    max_body_bytes: int = 1024 * 1024
    faults: FaultOptions | None = None
    via: ViaOptions | None = None
    lease: int | None = None

    def __post_init__(self) -> None:
        ServeOptions.__post_init__(self)
        _refuse_faults_beside(self, self.faults)
        require(
            self.via is None or self.state is None,
            "--state beside --via",
            "the count is kept in one place: leave one of them out",
        )
        require(
            self.via is None or (not self.describe and self.faults is None),
            f"{'--describe' if self.describe else 'a fault'} beside --via",
            "answers that wait for their numbers have neither: leave one of them out",
        )
        require(self.lease is None or self.via is not None, "--lease without --via", "add --via redis://HOST")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServePubSubOptions(ServeOptions):
    """`tw serve pubsub`. `max_line_bytes` counts a line without its end; `block_timeout_s`: None is 30 s. `via_maxlen`:
    how many batches the stream keeps, None is 100,000."""

    port: int = 1025
    prefix: bool = True
    echo: bool = True
    crlf: bool = False
    max_line_bytes: int = 65_536
    history_lines: int = 0
    backlog_bytes: int = 8 * 1024 * 1024
    slow: Literal["disconnect", "drop", "block"] = "disconnect"
    block_timeout_s: float | None = None
    via: ViaOptions | None = None
    via_maxlen: int | None = None

    def __post_init__(self) -> None:
        ServeOptions.__post_init__(self)
        require(
            self.workers == 1 or self.via is not None,
            "--workers without --via",
            "a line that reaches one process reaches the clients of the others over Redis: add --via redis://HOST",
        )
        require(
            self.block_timeout_s is None or self.slow == "block",
            "--block-timeout without --slow block",
            "add --slow block: nobody else waits for a slow subscriber",
        )
        require(self.via_maxlen is None or self.via is not None, "--via-maxlen without --via", "add --via redis://HOST")


def _refuse_faults_beside(options: ServeOptions, faults: FaultOptions | None) -> None:
    require(
        not options.describe or faults is None,
        "--describe beside faults",
        "what was seen has to arrive as it is; leave one of them out",
    )
    require(
        options.workers == 1 or faults is None,
        "--workers beside faults",
        "a seed makes the same faults again in one process alone; leave one of them out",
    )
