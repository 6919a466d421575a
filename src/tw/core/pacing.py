"""When messages are due in an open loop: at fixed times, whatever becomes of those before."""

from dataclasses import dataclass
from math import ceil, inf


def due_within(rate_per_s: float, duration_s: float) -> float:
    """How many messages are due before `duration_s` is over: those with `n / rate_per_s < duration_s`; may be infinite.

    The product of the two alone is not it: 100 a second for 1.1 s are 110.00000000000001.
    """
    if duration_s == inf:
        return inf
    number = ceil(rate_per_s * duration_s)
    while number and (number - 1) / rate_per_s >= duration_s:
        number -= 1
    while number / rate_per_s < duration_s:
        number += 1
    return number


@dataclass(frozen=True, slots=True)
class Schedule:
    """Message `n`, counted from 0, is due `n / rate_per_s` seconds after `began_s`.

    Computed and not kept: what is overdue is a number, and however long a server stalls, nothing grows meanwhile.
    """

    began_s: float
    rate_per_s: float

    def due_s(self, number: int) -> float:
        """When this message is due."""
        return self.began_s + number / self.rate_per_s

    def due_by(self, now_s: float) -> int:
        """How many messages are due at `now_s`; exactly those whose `due_s` is no later."""
        if now_s < self.began_s:
            return 0
        number = int((now_s - self.began_s) * self.rate_per_s)
        # Division and multiplication round apart: a message may be due a step earlier or later than computed back.
        while number and self.due_s(number - 1) > now_s:
            number -= 1
        while self.due_s(number) <= now_s:
            number += 1
        return number
