"""What a delivery matrix is asked for: how many publishers and subscribers, and how slow some of them are."""

from dataclasses import dataclass

from tw.options import require

MAX_PAIRS = 200_000
"""A pair takes 150 bytes while all goes well."""

MAX_UNDER_WAY_BYTES = 256 * 1024 * 1024
"""Of all windows: a server that stalls leaves it in this process's memory."""

MAX_HALF_LINES_BYTES = 1024 * 1024 * 1024
"""Each subscriber may have all but the end of a line in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixOptions:
    """`publishers` send lines, and `subscribers` should get all of them.

    In a closed loop each publisher has `window` lines under way at most. The last `slow_subscribers` of the subscribers
    read `read_rate_bytes_per_s` each; 0 where all read what comes.
    """

    publishers: int = 1
    subscribers: int = 1
    window: int = 1
    read_rate_bytes_per_s: int | None = None
    slow_subscribers: int = 0
    size_bytes: int = 64

    def __post_init__(self) -> None:
        pairs = self.publishers * self.subscribers
        require(
            pairs <= MAX_PAIRS,
            f"--publishers {self.publishers} x --subscribers {self.subscribers} are {pairs} pairs",
            f"use at most {MAX_PAIRS}",
        )
        slow = self.slow_subscribers
        require(
            slow <= self.subscribers,
            f"--slow-subscribers {slow} of --subscribers {self.subscribers}",
            "add --subscribers, or leave it out for one slow one",
        )
        require(
            (slow > 0) == (self.read_rate_bytes_per_s is not None),
            "--slow-subscribers without --read-rate",
            "add --read-rate 64k, say",
        )
        require(
            self.publishers * self.window * self.size_bytes <= MAX_UNDER_WAY_BYTES,
            f"--publishers {self.publishers} x --window {self.window} x --size {self.size_bytes} is over 256 MiB",
            "use a smaller --window or --size",
        )
        require(
            self.subscribers * self.size_bytes <= MAX_HALF_LINES_BYTES,
            f"--size {self.size_bytes} x --subscribers {self.subscribers} is over 1 GiB at once",
            "use a smaller --size, or fewer --subscribers",
        )
