"""Distributions drawn over each other: the same columns of one logarithmic axis for all, in blocks or in ASCII."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import TypeAlias

Shape: TypeAlias = Sequence[tuple[float, int]]
"""`(upper, count)` of each bucket that holds something, in rising order; what they are in does not matter."""

WIDTH = 32 / 33
"""Where a bucket begins, by its end, if no other bucket ends later: the first of 32 in an octave, and the widest."""

BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII = " .:#"
"""From nothing to a whole character. The second is nearly nothing, so that no value goes without a mark."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A logarithmic axis from `low` to `high`."""

    low: float
    high: float

    @classmethod
    def of(cls, shapes: Sequence[Shape]) -> "Axis | None":
        """One that all of them fit on; None where there is nothing to draw."""
        held = [shape for shape in shapes if shape]
        if not held:
            return None
        low = min(shape[0][0] for shape in held) * WIDTH
        high = max(shape[-1][0] for shape in held)
        # Values that are all alike are drawn as a peak and not as a wall.
        return cls(low / 1.1, high * 1.1)

    def place(self, value: float) -> float:
        """Where a value lies: 0 at the low end, 1 at the high one."""
        return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))

    def ticks(self) -> list[float]:
        """Round values on it, 1, 2 and 5 of each power of ten; powers of ten alone where it is long."""
        decades = log10(self.high) - log10(self.low)
        steps = (1, 2, 5) if decades <= 3 else (1,)
        powers = range(int(log10(self.low)) - 1, int(log10(self.high)) + 2)
        values = [float(f"{step}e{power}") for power in powers for step in steps]
        return [value for value in values if self.low <= value <= self.high]


def density(shape: Shape, axis: Axis, columns: int) -> list[float]:
    """The share of all values in each of so many columns of equal width on the axis."""
    found = [0.0] * columns
    total = sum(count for _, count in shape)
    before = 0.0
    for upper, count in shape:
        end = axis.place(upper) * columns
        # Somebody else's buckets may be too narrow for the logarithm to tell their ends apart.
        begin = min(axis.place(max(before, upper * WIDTH)) * columns, end - 1e-9)
        before = upper
        for column in range(max(0, int(begin)), min(columns - 1, int(end)) + 1):
            part = min(end, column + 1) - max(begin, column)
            if part > 0:
                found[column] += count / total * part / (end - begin)
    return found


def bars(heights: Sequence[float], rows: int, glyphs: str) -> list[str]:
    """Columns of these heights (0 to 1) as lines, the highest first. What is not nothing shows."""
    levels = len(glyphs) - 1
    eighths = [max(1 if height > 0 else 0, round(height * rows * levels)) for height in heights]
    return [
        "".join(glyphs[min(max(eighth - row * levels, 0), levels)] for eighth in eighths)
        for row in reversed(range(rows))
    ]


def scale(axis: Axis, columns: int, unit: str) -> str:
    """The axis in one line: round values, each beginning below its place, as many as there is room for."""
    line = ""
    ticks = axis.ticks() or [axis.low * 1.1]
    for value in ticks:
        at = min(int(axis.place(value) * columns), columns - 1)
        text = f"{value:g}"
        if at >= len(line) + 2 or not line:
            line = line.ljust(at) + text
    return f"{line} {unit}"
