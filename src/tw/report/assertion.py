"""An assertion with the figure that it was held against."""

from dataclasses import dataclass

from tw.core.assertions import Assertion
from tw.schema import Json

SUFFIXES = {"ms": " ms", "s": " s", "per_s": " per second", "%": " %", "": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """`measured` is None where the run has no such figure: the assertion is missed then, whatever it says."""

    assertion: Assertion
    measured: float | None

    @property
    def ok(self) -> bool:
        return self.assertion.holds(self.measured)

    @property
    def figure_text(self) -> str:
        """The figure, as a person reads it."""
        if self.measured is None:
            return "not measured"
        # To the third decimal, as times are given elsewhere; what is small keeps three digits.
        text = f"{self.measured:.3f}" if self.measured >= 1 else f"{self.measured:.3g}"
        whole = text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
        return f"{whole}{SUFFIXES[self.assertion.unit]}"

    def to_json(self) -> Json:
        """`measured` and `limit` are both in `unit`."""
        return {
            "expr": self.assertion.expr,
            "ok": self.ok,
            "measured": self.measured,
            "limit": self.assertion.limit,
            "unit": self.assertion.unit or None,
        }
