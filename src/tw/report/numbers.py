"""What the counter's numbers say by themselves."""

from dataclasses import dataclass

from tw.core.numbers import HIGHEST_INSTANCES, Counter, NumberLine
from tw.core.text import safe
from tw.schema import Json

NAME_LIMIT_CHARS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceShare:
    """One counter's part in the answers: how many, and which share of all; its lowest and highest number.

    `instance` is the name that it gives itself, safe for a terminal; None where the numbers alone tell that it is one.
    """

    instance: str | None
    answers: int
    share: float
    first: int
    last: int
    gaps: int

    @classmethod
    def of(cls, counter: Counter, answers: int) -> "InstanceShare":
        """The share of a counter in so many answers."""
        return cls(
            instance=None if counter.name is None else safe(counter.name, NAME_LIMIT_CHARS),
            answers=counter.answers,
            share=round(counter.answers / answers, 6),
            first=counter.first,
            last=counter.highest,
            gaps=counter.gaps,
        )

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What the counter's numbers say by themselves. The rules, and what cannot be told, are in `tw.core.numbers`.

    `gaps`: numbers that no answer had; so many of them as `unanswered` may be the probe's own lost requests, the others
    went to others. `doubtful`: answers without an instance whose number had come before, which are copies or another
    instance's by their pattern alone. `shares` are those of the instances, in the order in which they began; of more
    than 64, those with the most answers.
    """

    first: int | None = None
    last: int | None = None
    gaps: int = 0
    duplicates: int = 0
    resets: int = 0
    instances: int = 0
    unanswered: int = 0
    doubtful: int = 0
    shares: tuple[InstanceShare, ...] = ()

    @classmethod
    def of(cls, line: NumberLine) -> "Numbers":
        """The figures of an account."""
        counters = sorted(line.counters(), key=lambda counter: counter.answers, reverse=True)[:HIGHEST_INSTANCES]
        counters.sort(key=lambda counter: counter.began)
        return cls(
            first=line.first,
            last=line.last,
            gaps=line.gaps,
            duplicates=line.duplicates,
            resets=line.resets,
            instances=line.instances,
            unanswered=line.unanswered,
            doubtful=line.doubtful,
            shares=tuple(InstanceShare.of(counter, line.answers) for counter in counters),
        )

    def to_json(self) -> Json:
        document: Json = {name: getattr(self, name) for name in self.__slots__}
        document["shares"] = [share.to_json() for share in self.shares]
        return document
