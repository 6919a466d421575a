"""What the three probes are asked for: one frozen dataclass per command, checked where it is built."""

from dataclasses import dataclass
from typing import Literal

from tw.load_options import LoadOptions
from tw.options import TlsClientOptions, require


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """What the three probes share. `target` is the text of TARGET, None for the server's default.

    `proxy_source` is the address and port that the header of `send_proxy` names instead of the connection's own.
    """

    target: str | None = None
    count: int = 5
    interval_s: float = 1.0
    timeout_s: float = 5.0
    wait_for_s: float | None = None
    tls: bool = False
    verify: TlsClientOptions = TlsClientOptions()
    family: Literal[4, 6] | None = None
    bind: str | None = None
    self_test: bool = False
    json: bool = False
    load: LoadOptions | None = None
    send_proxy: Literal["v1", "v2"] | None = None
    proxy_source: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        require(
            not (self.self_test and self.target is not None),
            "--self beside a TARGET",
            "leave one of them out: --self starts its own server",
        )
        typed = self.verify
        require(
            not (self.self_test and typed != TlsClientOptions()),
            "--self beside certificate options",
            "leave them out: --self --tls pins its own certificate",
        )
        require(
            self.proxy_source is None or self.send_proxy is not None,
            "--proxy-source without --send-proxy",
            "add --send-proxy v1 or v2",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeEchoOptions(ProbeOptions):
    """`tw probe echo`."""

    size_bytes: int = 64
    udp: bool = False
    interactive: bool = False
    idle_s: float = 1.0

    def __post_init__(self) -> None:
        ProbeOptions.__post_init__(self)
        loaded = self.load is not None
        require(not (loaded and self.udp), "--udp beside a load", "load goes over a stream; leave one of them out")
        require(not (loaded and self.interactive), "-i beside a load", "leave out --connections, --rate and --duration")
        require(not (self.udp and self.tls), "--udp beside --tls", "echo over UDP has no TLS; leave one of them out")
        require(
            not (self.udp and self.send_proxy is not None),
            "--send-proxy beside --udp",
            "datagrams carry no PROXY header here; leave one of them out",
        )
        require(not (self.udp and self.interactive), "-i beside --udp", "talk mode needs a stream; leave one out")
        require(
            not (self.udp and self.size_bytes > MAX_DATAGRAM_BYTES),
            f"--size {self.size_bytes} does not fit into a datagram",
            f"use at most {MAX_DATAGRAM_BYTES}",
        )
        require(not (self.interactive and self.json), "-i beside --json", "talk mode writes what the server sends")


MAX_DATAGRAM_BYTES = 65_507
"""65,535 of an IPv4 packet (RFC 791), less 20 of its header and 8 of UDP's (RFC 768)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeCounterOptions(ProbeOptions):
    """`tw probe counter`. `headers` are (name, value); `resolve` maps (host, port) to an address, as curl's does."""

    path: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    expect_status: int = 200
    resolve: tuple[tuple[str, int, str], ...] = ()
    keepalive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePubSubOptions(ProbeOptions):
    """`tw probe pubsub`. `count` is None where the user did not say: `--subscribe` then goes on for ever."""

    size_bytes: int = 64
    interactive: bool = False
    publish: tuple[str, ...] = ()
    wait: bool = True
    subscribe: bool = False
    subscribe_count: int | None = None
    idle_s: float | None = None

    def __post_init__(self) -> None:
        ProbeOptions.__post_init__(self)
        modes = [name for name, on in self._modes() if on]
        require(len(modes) < 2, " beside ".join(modes), "choose one mode")
        require(not (self.interactive and self.json), "-i beside --json", "talk mode writes what the server sends")
        require(self.wait or bool(self.publish), "--no-wait without --publish", "add --publish LINE")
        require(self.publish.count("-") < 2, "--publish - given twice", "stdin can be read once")
        for line in self.publish:
            require("\n" not in line and "\r" not in line, "a line end inside --publish", "repeat --publish per line")

    def _modes(self) -> tuple[tuple[str, bool], ...]:
        return (
            ("-i", self.interactive),
            ("--publish", bool(self.publish)),
            ("--subscribe", self.subscribe),
        )
