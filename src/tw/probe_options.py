"""What the three probes are asked for: one frozen dataclass per command, checked where it is built."""

from dataclasses import dataclass
from typing import Literal

from tw.judge_options import JudgeOptions
from tw.load_options import LoadOptions
from tw.matrix_options import MatrixOptions
from tw.options import TlsClientOptions, require
from tw.survey_options import SurveyOptions


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
    json_stream: bool = False
    load: LoadOptions | None = None
    judge: JudgeOptions = JudgeOptions()
    survey: SurveyOptions | None = None
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
        self._refuse_beside_survey("a load", self.load is not None)

    def _refuse_beside_survey(self, what: str, on: bool, action: str = "ask about the path alone") -> None:
        if self.survey is not None:
            require(not on, f"{self.survey.flag} beside {what}", action)


def _require_no_json(options: ProbeOptions, interactive: bool) -> None:
    for flag, asked in (("--json", options.json), ("--json-stream", options.json_stream)):
        require(not (interactive and asked), f"-i beside {flag}", "talk mode writes what the server sends")


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
        _require_no_json(self, self.interactive)
        self._refuse_beside_survey("--udp", self.udp, "it asks about a connection, and datagrams have none")
        self._refuse_beside_survey("-i", self.interactive)


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

    def __post_init__(self) -> None:
        ProbeOptions.__post_init__(self)
        if self.survey is not None:
            # Others are not answered with what was seen, or not at all.
            asks = self.survey.kind == "idle" or self.method == "GET"
            require(asks, f"--diff beside --method {self.method}", "leave it out: a GET is what is described")
            self._refuse_beside_survey("--no-keepalive", self.survey.kind == "idle" and not self.keepalive)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePubSubOptions(ProbeOptions):
    """`tw probe pubsub`. `subscribe_count` is None where the user did not say: `--subscribe` then goes on for ever.

    A load (`load`) is a delivery matrix (`matrix`): both are given, or neither. `more_targets` are those after the
    first: servers that should be one, so that a line that is published at any of them reaches the subscribers of all.
    """

    more_targets: tuple[str, ...] = ()
    size_bytes: int = 64
    interactive: bool = False
    publish: tuple[str, ...] = ()
    wait: bool = True
    subscribe: bool = False
    subscribe_count: int | None = None
    idle_s: float | None = None
    matrix: MatrixOptions | None = None

    def __post_init__(self) -> None:
        ProbeOptions.__post_init__(self)
        modes = [name for name, on in self._modes() if on]
        require(len(modes) < 2, " beside ".join(modes), "choose one mode")
        _require_no_json(self, self.interactive)
        require(
            not (self.subscribe and self.json_stream),
            "--subscribe beside --json-stream",
            "use --json: there it is one object a line already",
        )
        require(self.wait or bool(self.publish), "--no-wait without --publish", "add --publish LINE")
        require(self.publish.count("-") < 2, "--publish - given twice", "stdin can be read once")
        for line in self.publish:
            require("\n" not in line and "\r" not in line, "a line end inside --publish", "repeat --publish per line")
        if self.more_targets:
            self._check_targets(1 + len(self.more_targets))

    def _check_targets(self, count: int) -> None:
        """Every target must get somebody, or it would be well without having been asked."""
        for flag, on in self._modes()[:-1]:
            form = f"name one: tw probe pubsub HOST:PORT {flag}"
            hint = f"{form} 'LINE', with quotes where it has spaces in it" if flag == "--publish" else form
            require(not on, f"{flag} beside {count} targets", hint)
        if self.matrix is None:
            form = "add --publishers P --subscribers S, or name two, for lines from the first to the second"
            require(count == 2, f"{count} targets without a load", form)
            return
        clients = self.matrix.publishers + self.matrix.subscribers
        require(
            count <= clients,
            f"{count} targets, and {clients} publishers and subscribers",
            "add --publishers or --subscribers: each target gets one at least",
        )

    def _modes(self) -> tuple[tuple[str, bool], ...]:
        return (
            ("-i", self.interactive),
            ("--publish", bool(self.publish)),
            ("--subscribe", self.subscribe),
            ("a load", self.load is not None),
        )
