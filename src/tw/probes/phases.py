"""The phases of connections and answers, measured apart: DNS, TCP, TLS; the first byte, the body."""

from dataclasses import dataclass

from tw.core.histogram import Histogram
from tw.report import Distribution, PhaseFigures

BATCH = 1024
"""Durations that are held before a histogram takes them, in one go and several times as fast; 32 KiB of them."""


class Times:
    """Durations in seconds, for one who has many of them to record: into `held` first, and then `settle`."""

    __slots__ = ("_histogram", "at_once", "held")

    def __init__(self) -> None:
        self._histogram = Histogram()
        self.held: list[float] = []
        self.at_once = 0
        """Durations of 0, that need no more than being counted."""

    def record(self, seconds: float) -> None:
        """Raises ValueError, now or with a later call, for what is no duration."""
        self.held.append(seconds)
        if len(self.held) >= BATCH:
            self.settle()

    def settle(self) -> None:
        """Have the histogram take what is held."""
        self._histogram.record_many(self.held)
        self.held.clear()
        if self.at_once:
            self._histogram.record(0.0, self.at_once)
            self.at_once = 0

    def histogram(self) -> Histogram:
        """All of them so far."""
        self.settle()
        return self._histogram

    def figures(self) -> Distribution | None:
        """None where there is none."""
        histogram = self.histogram()
        return Distribution.of(histogram) if histogram.count else None


@dataclass(slots=True)
class Steps:
    """When one connection was how far, on the measuring clock. `resolved_s` is None where no resolver was asked."""

    began_s: float
    resolved_s: float | None = None
    connected_s: float | None = None
    ready_s: float = 0.0


class Phases:
    """A histogram for each phase, over all connections and answers of a run."""

    __slots__ = ("body", "connect", "dns", "first_byte", "tls")

    dns: Times
    connect: Times
    tls: Times
    first_byte: Times
    body: Times

    def __init__(self) -> None:
        self.begin()

    def connected(self, steps: Steps, *, tls: bool) -> None:
        """A connection is ready to be used."""
        began_s = steps.began_s
        if steps.resolved_s is not None:
            self.dns.record(steps.resolved_s - began_s)
            began_s = steps.resolved_s
        connected_s = steps.ready_s if steps.connected_s is None else steps.connected_s
        self.connect.record(connected_s - began_s)
        if tls:
            self.tls.record(steps.ready_s - connected_s)

    def answered(self, first_byte_s: float, body_s: float) -> None:
        """An answer is whole: how long its first byte took from the request, and how long all others from there.

        Under load this is called for each answer, most of which come in one piece.
        """
        first_bytes = self.first_byte.held
        first_bytes.append(first_byte_s)
        if body_s:
            self.body.held.append(body_s)
        else:
            self.body.at_once += 1
        if len(first_bytes) >= BATCH:
            self.first_byte.settle()
            self.body.settle()

    def begin(self) -> None:
        """A new part of a run begins: it is measured apart."""
        for name in self.__slots__:
            setattr(self, name, Times())

    def report(self) -> PhaseFigures:
        return PhaseFigures(**{name: getattr(self, name).figures() for name in self.__slots__})
