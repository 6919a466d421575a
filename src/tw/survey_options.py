"""What a probe is asked about the path to its server, where it is not asked about the server."""

from dataclasses import dataclass
from typing import Literal

from tw.options import require


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyOptions:
    """`diff`: what changes between here and the server. `idle`: how long a silent connection is kept.

    Of the latter, `max_idle_s` is the longest silence that is tried, and `precision_s` how close its two bounds come.
    """

    kind: Literal["diff", "idle"]
    max_idle_s: float = 300.0
    precision_s: float = 1.0

    def __post_init__(self) -> None:
        require(
            self.precision_s <= self.max_idle_s,
            f"--idle-precision {self.precision_s:g}s is more than --max-idle {self.max_idle_s:g}s",
            "give it less",
        )

    @property
    def flag(self) -> str:
        """What chose it on the command line."""
        return "--diff" if self.kind == "diff" else "--find-idle-timeout"
