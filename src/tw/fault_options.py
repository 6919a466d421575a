"""What a server is asked to do wrong on purpose: which faults, and how often."""

from dataclasses import dataclass

from tw.options import require

HIGHEST_PERCENT = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultOptions:
    """Faults on demand. Percentages are of all messages: an echo's lines, a counter's requests.

    A message gets one of reset, truncate, corrupt and the `statuses` (code, percent) at most, so that they add up to
    100 at most; whether it is delayed as well is decided apart. A delay is `delay_s` and up to `jitter_s` more.
    `seed`: None for one that no other run has.
    """

    delay_s: float | None = None
    delay_percent: float = HIGHEST_PERCENT
    jitter_s: float = 0.0
    close_after_bytes: int | None = None
    reset_percent: float = 0.0
    corrupt_percent: float = 0.0
    truncate_percent: float = 0.0
    statuses: tuple[tuple[int, float], ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        harm = (self.reset_percent, self.truncate_percent, self.corrupt_percent, *(share for _, share in self.statuses))
        require(
            any(harm) or self.delay_s is not None or self.close_after_bytes is not None or self.jitter_s > 0,
            "--seed without a fault",
            "add one: --delay, --close-after, --reset, --corrupt or --truncate",
        )
        require(not self.jitter_s or self.delay_s is not None, "--jitter without --delay", "add --delay D[:PERCENT]")
        total = sum(harm)
        require(
            total <= HIGHEST_PERCENT + 1e-9,
            f"faults of {total:g} percent",
            "a message has one of reset, corrupt, truncate and status at most: lower them to 100 in all",
        )
        codes = [code for code, _ in self.statuses]
        require(len(set(codes)) == len(codes), "--status with the same code twice", "give each code once")
