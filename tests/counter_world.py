"""Counters behind a balancer, requests under way together, losses, others who count, restarts: what there is to tell.

It keeps everything, and so knows what happened; the account under test is told only what a probe sees.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tw.core.numbers import NumberLine


@dataclass
class Request:
    mark: int
    number: int | None = None
    instance: str = ""


@dataclass
class Counter:
    instance: str
    next: int

    def take(self) -> int:
        self.next += 1
        return self.next - 1


@dataclass
class World:
    """`starts` are the counters' first numbers. With `named`, answers say who gave them."""

    starts: list[int]
    named: bool = True
    line: NumberLine = field(default_factory=NumberLine)
    counters: list[Counter] = field(init=False)
    under_way: list[Request] = field(default_factory=list)
    arrived: list[Request] = field(default_factory=list)
    lost: list[Request] = field(default_factory=list)
    began: int = 0

    def __post_init__(self) -> None:
        self.counters = [self._counter(start) for start in self.starts]

    def _counter(self, start: int) -> Counter:
        self.began += 1
        return Counter(f"i{self.began}", start)

    def send(self) -> None:
        self.under_way.append(Request(self.line.mark()))

    def handle(self, which: int, counter: int) -> None:
        """A request reaches a counter."""
        waiting = [request for request in self.under_way if request.number is None]
        if waiting:
            request, counts = waiting[which % len(waiting)], self.counters[counter % len(self.counters)]
            request.number, request.instance = counts.take(), counts.instance

    def arrive(self, which: int) -> None:
        """An answer reaches the probe."""
        answers = [request for request in self.under_way if request.number is not None]
        if answers:
            request = answers[which % len(answers)]
            self.under_way.remove(request)
            self.give(request)

    def give(self, request: Request) -> None:
        assert request.number is not None
        self.arrived.append(request)
        self.line.feed(request.number, request.instance if self.named else None, request.mark)

    def lose(self, which: int) -> None:
        """A request, or its answer, is lost."""
        if self.under_way:
            request = self.under_way.pop(which % len(self.under_way))
            self.lost.append(request)
            self.line.lose(request.mark)

    def other(self, counter: int) -> None:
        """Somebody else has a number."""
        self.counters[counter % len(self.counters)].take()

    def restart(self, counter: int, start: int | None) -> None:
        """A counter begins anew, at a number or with a reserved block; what it has not answered goes to others."""
        at = counter % len(self.counters)
        self.counters[at] = self._counter(self.counters[at].next + 60 if start is None else start)

    def ask(self, counter: int, *, loses: bool = False) -> None:
        """One request from its beginning to its end, with nothing else under way."""
        self.send()
        self.handle(-1, counter)
        if loses:
            self.lose(-1)
        else:
            self.arrive(-1)

    def numbers(self, instance: str) -> list[int]:
        """What arrived from an instance."""
        return [
            request.number for request in self.arrived if request.instance == instance and request.number is not None
        ]

    @property
    def instances(self) -> list[str]:
        """Those that an answer arrived from, in order."""
        return list(dict.fromkeys(request.instance for request in self.arrived))

    def gaps(self, instance: str) -> set[int]:
        """Numbers of an instance that did not arrive, though lower and higher ones did."""
        numbers = self.numbers(instance)
        return set(range(min(numbers), max(numbers))) - set(numbers)

    def lost_in_gaps(self) -> int:
        """Requests that were counted and whose answer was lost, as far as the numbers around them show it."""
        return sum(
            request.number in self.gaps(request.instance) for request in self.lost if request.instance in self.instances
        )


Balancer = Callable[[int], int]
"""The how-manieth request, to a counter."""
