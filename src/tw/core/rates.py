"""How much came when: the rates of a run that may last for a second or for a week, in a handful of numbers."""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

CELLS = 128
"""More than a sparkline has columns on most terminals."""

RECENT_S = 1.0


class Rates:
    """Amounts over time, kept in at most `CELLS` spans of equal length, which double whenever the run outgrows them."""

    def __init__(self, span_s: float = 0.1) -> None:
        self._span_s = span_s
        self._amounts: list[float] = []
        self._elapsed_s = 0.0
        self._recent: deque[tuple[float, float]] = deque()
        self._recent_s = 0.0

    def add(self, amount: float, seconds: float) -> None:
        """So much came in the `seconds` since the call before, evenly as far as is known. No time at all: nothing."""
        if seconds <= 0:
            return
        self._note_recent(amount, seconds)
        since_s, until_s = self._elapsed_s, self._elapsed_s + seconds
        while until_s > CELLS * self._span_s:
            self._halve()
        span_s = self._span_s
        first, last = int(since_s / span_s), min(int(until_s / span_s), CELLS - 1)
        self._amounts.extend([0.0] * (last + 1 - len(self._amounts)))
        for cell in range(first, last + 1):
            covered_s = min(until_s, (cell + 1) * span_s) - max(since_s, cell * span_s)
            self._amounts[cell] += amount * max(0.0, covered_s) / seconds
        self._elapsed_s = until_s

    def per_s(self) -> list[float]:
        """The rate in each span, oldest first. A span that has hardly begun is left out: it would jump about."""
        rates = [amount / self._span_s for amount in self._amounts]
        begun_s = self._elapsed_s - (len(rates) - 1) * self._span_s
        if rates and begun_s < self._span_s:
            rates[-1] = self._amounts[-1] / begun_s if begun_s > 0 else 0.0
            if len(rates) > 1 and begun_s < self._span_s / 2:
                rates.pop()
        return rates

    @property
    def recent_per_s(self) -> float | None:
        """The rate over the last second or so; None where nothing was added yet."""
        return sum(amount for amount, _ in self._recent) / self._recent_s if self._recent else None

    def _note_recent(self, amount: float, seconds: float) -> None:
        self._recent.append((amount, seconds))
        self._recent_s += seconds
        while self._recent_s - self._recent[0][1] >= RECENT_S:
            self._recent_s -= self._recent.popleft()[1]

    def _halve(self) -> None:
        amounts = self._amounts
        self._amounts = [sum(amounts[index : index + 2]) for index in range(0, len(amounts), 2)]
        self._span_s *= 2


def resampled(values: Sequence[float], width: int) -> list[float]:
    """At most `width` values, each the mean of those that it stands for. Raises ValueError for a width below 1."""
    if width < 1:
        raise ValueError(f"no values fit into a width of {width}")
    if len(values) <= width:
        return list(values)
    edges = [index * len(values) // width for index in range(width + 1)]
    groups = [values[low:high] for low, high in pairwise(edges)]
    return [sum(group) / len(group) for group in groups]
