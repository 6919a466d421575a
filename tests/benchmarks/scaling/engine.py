"""The machinery of the simulation: a clock of events, cores that processes take turns on, and a network card.

A process works in turns, as servers with an event loop do: what has arrived while it was at one turn is the next one's.
Pure: nothing waits, time is a number. What happens at the same moment happens in the order in which it was asked for.
"""

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Any


class Clock:
    """Calls that are due, and the moment of the last one made, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0
        self._due: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._serial = count()

    def at(self, when: float, call: Callable[..., object], *what: object) -> None:
        """Have `call(*what)` made at `when`."""
        heappush(self._due, (when, next(self._serial), call, what))

    def run(self, most_events: int) -> None:
        """Make all calls, and those that they ask for. Raises ValueError where there are more than `most_events`."""
        due = self._due
        while due:
            self.now, _, call, what = heappop(due)
            call(*what)
            self.events += 1
            if self.events > most_events:
                raise ValueError(
                    f"more than {most_events:,} events by {self.now:.3f} s: simulate less, or for less time"
                )


class Process:
    """Something single-threaded. What it does with what has arrived, and how long that takes, says `work`."""

    def __init__(self, clock: Clock, cores: "Cores", wake_s: float, cold_s: float = 0.0) -> None:
        self.clock = clock
        self.busy_s = 0.0
        self.working_turns = 0
        """Those in which there was something to do."""
        self._cores = cores
        self._wake_s = wake_s
        self._cold_s = cold_s
        self._was_asleep = True
        self._inbox: list[Any] = []
        self._is_awake = False

    def work(self, items: Sequence[Any], spent: float) -> float:
        """Do a turn's work now, of which so much is spent before it begins; tell when it ends, in seconds."""
        raise NotImplementedError

    def receive(self, item: object) -> None:
        """Something has arrived. Who sleeps looks at it `wake_s` later, and is slower by `cold_s` then."""
        self._inbox.append(item)
        if not self._is_awake:
            self._is_awake = True
            self.clock.at(self.clock.now + self._wake_s, self._cores.take, self)

    def turn(self) -> float:
        """What the cores call when one is free."""
        items, self._inbox = self._inbox, []
        spent = self.work(items, self._cold_s if self._was_asleep else 0.0)
        self._was_asleep = False
        self.busy_s += spent
        self.working_turns += spent > 0
        return spent

    def turn_over(self) -> None:
        """What the cores call at its end."""
        if self._inbox:
            self._cores.take(self)
        else:
            self._is_awake = False
            self._was_asleep = True

    def forget(self) -> list[Any]:
        """What has arrived and was not looked at: it never will be."""
        items, self._inbox = self._inbox, []
        return items


class Cores:
    """So many of them; who waits for one gets it in his turn, and keeps it to the end of his."""

    def __init__(self, clock: Clock, number: int = 1) -> None:
        self._clock = clock
        self._free = number
        self._waiting: deque[Process] = deque()

    def take(self, process: Process) -> None:
        if not self._free:
            self._waiting.append(process)
            return
        self._free -= 1
        self._clock.at(self._clock.now + process.turn(), self._over, process)

    def _over(self, process: Process) -> None:
        self._free += 1
        # Behind those who have waited, where there is still something to do.
        if self._waiting:
            self.take(self._waiting.popleft())
        process.turn_over()


class Nic:
    """What leaves a machine. It takes what is given to it in order, at so many bytes a second."""

    def __init__(self, bytes_s: float) -> None:
        self._bytes_s = bytes_s
        self._free_at = 0.0
        self.busy_s = 0.0
        self.most_queued_bytes = 0.0

    def wait_s(self, now: float) -> float:
        """How long what is given to it at `now` waits."""
        return max(0.0, self._free_at - now)

    def send(self, start: float, end: float, size: float) -> float:
        """`size` bytes are given to it from `start` to `end`: when the last of them has left."""
        taking_s = size / self._bytes_s
        self._free_at = max(self._free_at, start) + taking_s
        self.busy_s += taking_s
        self.most_queued_bytes = max(self.most_queued_bytes, (self._free_at - end) * self._bytes_s)
        return max(end, self._free_at)
