"""Several processes as one server: its limits in shares, when one that ended is started again, numbers given back."""

from collections.abc import Iterable

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 10.0
"""Between starts in the place of workers that keep ending: from the second on, each waits longer than the last."""

SOUND_S = 10.0
"""A worker that served for so long ended for a reason of its own: the next one starts at once."""

MOST_FAILURES = 5
"""Starts in a row of which none came to serve. What keeps five from it will keep the sixth."""


def share(total: int, workers: int) -> int:
    """What each of `workers` gets of a limit: an equal share, rounded up, so that all of them have the whole at least.

    Raises ValueError for less than one worker.
    """
    if workers < 1:
        raise ValueError(f"workers must be 1 or more, not {workers}")
    return -(-total // workers)


class Restarts:
    """When the place of one worker is filled again."""

    def __init__(self) -> None:
        self._wait_s = 0.0
        self._failures = 0

    def after(self, served_s: float | None) -> float | None:
        """A worker ended that had served for so many seconds (None: it never did). Gives those to wait, or None to
        give up: too many did not come to serve."""
        self._failures = self._failures + 1 if served_s is None else 0
        if self._failures >= MOST_FAILURES:
            return None
        if served_s is not None and served_s >= SOUND_S:
            self._wait_s = 0.0
        wait_s = self._wait_s
        self._wait_s = min(LONGEST_WAIT_S, max(FIRST_WAIT_S, 2 * wait_s))
        return wait_s


def lowest_free(following: int, given_back: Iterable[range]) -> int:
    """The number to go on from, where `following` would be next and these, all below it, were never used.

    Only those directly below can be used again: what is above a number that was used has to stay a gap.
    """
    for block in sorted(given_back, key=lambda block: block.stop, reverse=True):
        if block and block.stop == following:
            following = block.start
    return following
