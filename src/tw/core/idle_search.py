"""Which silences to try, so that few rounds find how long a path keeps a silent connection.

Every silence costs its own length of real time, so that several are tried at once, on a connection each. An end that is
seen while a connection is silent settles it at once; only where nothing tells, the bounds are brought closer, round by
round.
"""

import math
from typing import Literal, TypeAlias

How: TypeAlias = Literal["closed", "reset", "dropped"]

AT_ONCE = 8
"""Silences in a round: each round narrows the bounds to a ninth, and as many connections disturb nobody."""

SPREAD = 2.0
"""From one silence of the first round to the next: a short timeout is found without waiting for the longest."""


class IdleSearch:
    """Between `kept_s`, the longest silence that a connection lived through, and `lost_s`, the shortest that one did
    not (None as long as all did). `how` says what became of it.

    A silence that outlasts a shorter one that was lost is taken for an accident, and does not count.
    """

    def __init__(self, max_s: float, precision_s: float) -> None:
        self._max_s = max_s
        self._precision_s = precision_s
        self.kept_s = 0.0
        self.lost_s: float | None = None
        self.how: How | None = None
        self.exact = False
        """Whether an end was seen, while nothing moved: both bounds are its time then."""
        self._tried: tuple[float, float | None] | None = None

    @property
    def over(self) -> bool:
        """Whether the bounds are close enough; or all silences were lived through; or an end was seen."""
        if self.lost_s is None:
            return self.kept_s >= self._max_s
        # Bounds that came of adding up fractions may miss by less than a microsecond.
        return self.exact or self.lost_s - self.kept_s <= self._precision_s + 1e-6

    def silences(self) -> list[float]:
        """What to try next, the shortest first; nothing once no more is to be found."""
        bounds = self.kept_s, self.lost_s
        if self.over or bounds == self._tried:
            return []  # the latter: a whole round told nothing, and the next one would not either
        self._tried = bounds
        if self.lost_s is None:
            return self._first_round()
        width = self.lost_s - self.kept_s
        # As many parts as make each no longer than the precision, if so many fit into a round.
        parts = min(AT_ONCE + 1, max(2, math.ceil(width / self._precision_s - 1e-6)))
        return [self.kept_s + width * part / parts for part in range(1, parts)]

    def _first_round(self) -> list[float]:
        longest = [self._max_s / SPREAD**step for step in range(AT_ONCE)]
        return sorted(silence for silence in longest if silence >= self._precision_s or silence == self._max_s)

    def kept(self, silence_s: float) -> None:
        """A connection was used again after so long, and answered."""
        if self.lost_s is None or silence_s < self.lost_s:
            self.kept_s = max(self.kept_s, silence_s)

    def lost(self, silence_s: float, how: How) -> None:
        """One was used again after so long, and did not answer."""
        if silence_s > self.kept_s and (self.lost_s is None or silence_s < self.lost_s):
            self.lost_s, self.how = silence_s, how

    def ended(self, silence_s: float, how: How) -> None:
        """One ended by itself after so long: until then it was kept, and that is all there is to find.

        Another may have been used again just then, and lost a moment sooner.
        """
        if silence_s >= self.kept_s and (self.lost_s is None or silence_s <= self.lost_s + self._precision_s):
            self.kept_s = self.lost_s = silence_s
            self.how = how
            self.exact = True
