"""What a load run is asked for: how many connections, how fast, how long."""

from dataclasses import dataclass

from tw.options import require

DEFAULT_DURATION_S = 10.0
"""Of a load run that was given neither an end in time nor a count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """A load run. Without `rate_per_s` it is a closed loop: each connection sends as soon as its answer is in.

    With `rate_per_s`, the total over all connections, it is an open loop: messages are due at fixed times. It ends
    after `duration_s` or `count` messages, whichever comes first; `warmup_s` goes ahead, and is measured apart.
    Connections are opened at `connect_rate_per_s`, all at once without it. `with_server`: the server runs in the same
    process, and takes its share of the CPU time.
    """

    connections: int = 1
    rate_per_s: float | None = None
    count: int | None = None
    duration_s: float | None = None
    warmup_s: float = 0.0
    connect_rate_per_s: float | None = None
    with_server: bool = False

    def __post_init__(self) -> None:
        bounded = self.count is not None or self.duration_s is not None
        require(bounded, "a load run without an end", "give it --duration or --count")
        require(
            self.count is None or self.count >= self.connections,
            f"--count {self.count} is less than --connections {self.connections}",
            "give each connection one message at least",
        )
