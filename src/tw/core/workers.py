"""Several processes as one server: its limits in shares, when one that ended is started again, numbers given back,
counts added up, and what all of them lose."""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

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


def added_up(places: Iterable[Sequence[Mapping[str, int]]], seen_by_all: Collection[str] = ()) -> dict[str, int]:
    """Counts of several places, each with those of the workers that followed one another there.

    What is `seen_by_all` is one thing that every place counts for itself: of it the place that has seen most counts.
    """
    total: dict[str, int] = {}
    for workers in places:
        place: dict[str, int] = {}
        for counts in workers:
            for name, count in counts.items():
                place[name] = place.get(name, 0) + count
        for name, count in place.items():
            before = total.get(name, 0)
            total[name] = max(before, count) if name in seen_by_all else before + count
    return total


class Outage:
    """Whether something that all places use is out of reach: for the whole from the first place that loses it until
    the last one has it again. The worker that ends tells nothing of it: the next one in its place does."""

    def __init__(self) -> None:
        self._places: set[Hashable] = set()

    def changes(self, place: Hashable, *, is_away: bool) -> bool:
        """It is so for this place. Gives whether that makes a difference to the whole."""
        before = bool(self._places)
        if is_away:
            self._places.add(place)
        else:
            self._places.discard(place)
        return before != bool(self._places)
