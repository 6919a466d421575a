"""What a run cost this process: the CPU time that it had, and the time for which it waited for a core."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, TypeAlias

NS_PER_S = 1e9


class Spent(NamedTuple):
    """Seconds. `waited_s`: ready to run, while other programs had the cores; None where the system does not tell."""

    cpu_s: float = 0.0
    waited_s: float | None = None

    def since(self, earlier: "Spent") -> "Spent":
        """What was spent after `earlier`."""
        known = self.waited_s is not None and earlier.waited_s is not None
        waited_s = (self.waited_s or 0.0) - (earlier.waited_s or 0.0) if known else None
        return Spent(self.cpu_s - earlier.cpu_s, waited_s)


Spending: TypeAlias = Callable[[], Spent]


def spent_so_far() -> Spent:
    """The CPU time of this process, and how long this thread has waited (Linux: proc(5), `schedstat`)."""
    waited_s = None
    with suppress(OSError, ValueError, IndexError), open("/proc/thread-self/schedstat", encoding="ascii") as file:
        waited_s = int(file.read().split()[1]) / NS_PER_S
    return Spent(time.process_time(), waited_s)
