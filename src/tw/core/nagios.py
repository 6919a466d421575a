"""A check's result as monitoring systems read it: Nagios, Icinga, and what else runs its plugins.

The Monitoring Plugins' guidelines (https://www.monitoring-plugins.org/doc/guidelines.html): exit codes in section 2.4,
thresholds in 2.5, performance data in 2.6. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate

from tw.core.text import safe
from tw.errors import TwError

TEXT_LIMIT_CHARS = 500
"""Of a line, without its performance data; NRPE has taken 1 KiB in all."""

LONG_LIMIT_BYTES = 7_000
"""Of the further lines, in all: Nagios takes 8 KiB of output, and cuts off the rest in the middle of a line."""


class State(IntEnum):
    """The exit codes."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


SEVERITY = (State.OK, State.UNKNOWN, State.WARNING, State.CRITICAL)
"""From fine to worst, as the plugins' own `max_state_alt` has it: bad goes before unknown."""

_UNKNOWN = frozenset({"usage", "local", "interrupted", "bug"})
"""Kinds of errors that say nothing about the service."""


def state_of(error: TwError) -> State:
    """Whether the service is at fault (critical), or the check could not be done."""
    return State.UNKNOWN if error.kind in _UNKNOWN else State.CRITICAL


def worst(states: Iterable[State]) -> State:
    return max(states, key=SEVERITY.index, default=State.OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One value of the performance data. Thresholds are ranges: `10` is exceeded above 10, `30:` below 30."""

    label: str
    value: float
    unit: str = ""
    warning: str = ""
    critical: str = ""
    least: str = "0"

    def __str__(self) -> str:
        parts = (f"{self.label}={number(self.value)}{self.unit}", self.warning, self.critical, self.least)
        return ";".join(parts).rstrip(";")


def number(value: float) -> str:
    """A number without an exponent, which no reader of performance data expects, to the thousandth."""
    return str(value) if isinstance(value, int) else f"{value:.3f}".rstrip("0").rstrip(".")


def status(state: State, text: str, metrics: Sequence[Metric] = (), more: Iterable[str] = ()) -> str:
    """The output: one line with the state and the performance data, then `more` lines of text, as many as there is room
    for. All of it is safe."""
    data = f" | {' '.join(map(str, metrics))}" if metrics else ""
    return "\n".join((f"IMAP {state.name} - {plain(text)}{data}", *_fitting(list(map(plain, more)))))


def _fitting(lines: list[str]) -> list[str]:
    sizes = accumulate(len(line.encode()) + 1 for line in lines)
    room = sum(size <= LONG_LIMIT_BYTES for size in sizes)
    return lines if room == len(lines) else [*lines[:room], f"and {len(lines) - room} more"]


def plain(text: str) -> str:
    """Foreign text as one safe line, without the bar that would begin performance data."""
    return safe(text.replace("|", "/"), TEXT_LIMIT_CHARS)
