"""The delivery matrix in a report: what became of each publisher's lines at each subscriber."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tw.core.coarse import CoarseTimes
from tw.report.distribution import MS_PER_S
from tw.schema import Json

MAX_LISTED = 1000
"""Pairs, subscribers and publishers that are listed, each. Of more, those that are bad are, up to so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortTimes:
    """Latencies in milliseconds, percentiles to an eighth; None where there are none."""

    p50_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None

    @classmethod
    def of(cls, times: CoarseTimes) -> "ShortTimes":
        def ms(seconds: float | None) -> float | None:
            return None if seconds is None else round(seconds * MS_PER_S, 6)

        highest = times.max_s if times.count else None
        return cls(p50_ms=ms(times.percentile(50)), p99_ms=ms(times.percentile(99)), max_ms=ms(highest))

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """Counts of one pair, or of all of a subscriber's."""

    delivered: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    corrupted: int = 0

    @property
    def whole(self) -> bool:
        return not (self.lost or self.duplicated or self.reordered or self.corrupted)

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """One publisher's lines at one subscriber, each counted from 1. `joined`: whether the barrier ahead of the run came
    through. `times` is None in a matrix of so many pairs that only subscribers have latencies."""

    publisher: int
    subscriber: int
    joined: bool
    counts: Deliveries
    times: ShortTimes | None

    @property
    def ok(self) -> bool:
        return self.joined and self.counts.whole

    def to_json(self) -> Json:
        place = {"publisher": self.publisher, "subscriber": self.subscriber, "joined": self.joined}
        return place | self.counts.to_json() | (self.times or ShortTimes()).to_json()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberFigures:
    """One subscriber's totals. `place` numbers its target, from 1; `local` is its own address, as the server knows it,
    empty where it never got in; `left_reason` is safe for a terminal. `order_differs`: it got the same lines as others,
    none missing in between, in another order than most of them."""

    subscriber: int
    place: int
    target: str
    local: str
    counts: Deliveries
    foreign: int
    dropped_notices: int
    slow: bool
    left_at_s: float | None
    left_reason: str
    joined_all: bool
    order_differs: bool
    times: ShortTimes

    @property
    def ok(self) -> bool:
        return self.counts.whole and self.left_at_s is None and self.joined_all and not self.order_differs

    def to_json(self) -> Json:
        return {
            "subscriber": self.subscriber,
            "target": self.target,
            "local": self.local,
            **self.counts.to_json(),
            "foreign": self.foreign,
            "dropped_notices": self.dropped_notices,
            "slow": self.slow,
            **_leaving_json(self),
            "order_differs": self.order_differs,
            **self.times.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherFigures:
    """One publisher: how many lines it published, and whether it is still there.

    `unknown_fate`: of one that has left, how many of its last lines nobody got. Whether the server took them cannot be
    told, and they are lost to nobody.
    """

    publisher: int
    place: int
    target: str
    local: str
    published: int
    unknown_fate: int
    left_at_s: float | None
    left_reason: str

    def to_json(self) -> Json:
        return {
            "publisher": self.publisher,
            "target": self.target,
            "local": self.local,
            "published": self.published,
            "unknown_fate": self.unknown_fate,
            **_leaving_json(self),
        }


def _leaving_json(one: SubscriberFigures | PublisherFigures) -> Json:
    return {
        "connected": one.left_at_s is None and bool(one.local),
        "left_at_s": None if one.left_at_s is None else round(one.left_at_s, 6),
        "left_reason": one.left_reason or None,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFigures:
    """Who was at one of the targets, and how many of its subscribers got everything."""

    place: int
    target: str
    publisher_count: int
    subscriber_count: int
    whole_subscribers: int

    @property
    def ok(self) -> bool:
        return self.whole_subscribers == self.subscriber_count

    def to_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__ if name != "place"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixFigures:
    """All of them. `targets` are where they were, in the order of the command line. `pairs`, by subscriber and then by
    publisher, are all that there are, up to `MAX_LISTED`; of more, those that are bad, up to as many."""

    publishers: Sequence[PublisherFigures]
    subscribers: Sequence[SubscriberFigures]
    pairs: Sequence[PairFigures]
    targets: Sequence[str] = ()
    published_per_s: float | None = None
    settled: bool = True

    @property
    def whole(self) -> int:
        """How many subscribers got everything."""
        return sum(row.ok for row in self.subscribers)

    def by_target(self) -> list[TargetFigures]:
        """What there is to say of each target."""
        publishers = Counter(each.place for each in self.publishers)
        subscribers = Counter(row.place for row in self.subscribers)
        whole = Counter(row.place for row in self.subscribers if row.ok)
        return [
            TargetFigures(
                place=place,
                target=target,
                publisher_count=publishers[place],
                subscriber_count=subscribers[place],
                whole_subscribers=whole[place],
            )
            for place, target in enumerate(self.targets, 1)
        ]

    def to_json(self) -> Json:
        listed = self.subscribers
        if len(listed) > MAX_LISTED:
            listed = [row for row in listed if not row.ok][:MAX_LISTED]
        return {
            "publisher_count": len(self.publishers),
            "subscriber_count": len(self.subscribers),
            "whole_subscribers": self.whole,
            "settled": self.settled,
            "published_per_s": self.published_per_s,
            "targets": [each.to_json() for each in self.by_target()],
            "publishers": [each.to_json() for each in self.publishers[:MAX_LISTED]],
            "subscribers": [each.to_json() for each in listed],
            "subscribers_left_off": len(self.subscribers) - len(listed),
            "pairs": [each.to_json() for each in self.pairs],
            "pairs_left_off": len(self.publishers) * len(self.subscribers) - len(self.pairs),
        }
