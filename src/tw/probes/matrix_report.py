"""What a delivery matrix says, as a part of the report."""

from collections import Counter
from typing import TypeAlias

from tw.core.coarse import CoarseTimes
from tw.core.matrix import Matrix, Row
from tw.core.matrix_lines import Source
from tw.core.matrix_pair import Pair
from tw.probes.matrix_crew import Crew, Publisher, Subscriber
from tw.report.matrix import (
    MAX_LISTED,
    Deliveries,
    MatrixFigures,
    PairFigures,
    PublisherFigures,
    ShortTimes,
    SubscriberFigures,
)

Ends: TypeAlias = tuple[int, ...]
"""For each publisher, the number after the last that came."""


class MatrixReport:
    """The figures of one part of a run. `settled`: all that was published is delivered or lost; where the run was cut
    short it is not, and only what a later line has overtaken counts as lost."""

    def __init__(self, matrix: Matrix, *, settled: bool) -> None:
        self._matrix = matrix
        self._settled = settled
        self._owed = [matrix.owed(source) for source in matrix.sources]

    @property
    def expected(self) -> int:
        """How many deliveries there should be."""
        return sum(self._owed) * len(self._matrix.rows)

    def of(self, crew: Crew, load_s: float = 0.0) -> MatrixFigures:
        matrix = self._matrix
        usual = self._usual_orders()
        return MatrixFigures(
            publishers=[self._publisher(source, crew.publishers[source.index]) for source in matrix.sources],
            subscribers=[self._subscriber(row, crew.subscribers[row.index], usual) for row in matrix.rows],
            pairs=self._pairs(),
            targets=crew.targets,
            published_per_s=round(matrix.published / load_s, 3) if load_s > 0 else None,
            settled=self._settled,
        )

    def _publisher(self, source: Source, publisher: Publisher) -> PublisherFigures:
        return PublisherFigures(
            publisher=source.index + 1,
            place=publisher.place + 1,
            target=publisher.where,
            local=publisher.local,
            published=source.published,
            unknown_fate=source.published - self._owed[source.index],
            left_at_s=source.left_at_s,
            left_reason=source.left_reason,
        )

    def _lost(self, row: Row, pair: Pair, owed: int) -> int:
        """Of a subscriber that has left, all that it did not get: there is nothing under way to it."""
        final = self._settled or row.left_at_s is not None
        return pair.lost(owed) if final else pair.missing

    def _joined(self, row: Row, index: int, pair: Pair) -> bool:
        """Whether nothing is missing for want of a way. Those who had left before needed none."""
        source = self._matrix.sources[index]
        had_left = (source.gone and not source.published) or (row.left_at_s is not None and not row.received_bytes)
        return pair.joined or had_left

    def _counts(self, row: Row, pair: Pair, owed: int) -> Deliveries:
        return Deliveries(
            delivered=pair.delivered,
            lost=self._lost(row, pair, owed),
            duplicated=pair.duplicated,
            reordered=pair.reordered,
            corrupted=pair.corrupted,
        )

    def _pairs(self) -> list[PairFigures]:
        matrix = self._matrix
        all_of_them = len(matrix.rows) * len(matrix.sources) <= MAX_LISTED
        listed: list[PairFigures] = []
        for row in matrix.rows:
            for index, (pair, owed) in enumerate(zip(row.pairs, self._owed, strict=True)):
                joined, counts = self._joined(row, index, pair), self._counts(row, pair, owed)
                if all_of_them or (len(listed) < MAX_LISTED and not (joined and counts.whole)):
                    listed.append(
                        PairFigures(
                            publisher=index + 1,
                            subscriber=row.index + 1,
                            joined=joined,
                            counts=counts,
                            times=ShortTimes.of(pair.times) if matrix.timed_pairs else None,
                        )
                    )
        return listed

    def _subscriber(self, row: Row, subscriber: Subscriber, usual: dict[Ends, int]) -> SubscriberFigures:
        counts = Deliveries(
            delivered=row.total("delivered"),
            lost=sum(self._lost(row, pair, owed) for pair, owed in zip(row.pairs, self._owed, strict=True)),
            duplicated=row.total("duplicated"),
            reordered=row.total("reordered"),
            corrupted=row.total("corrupted"),
        )
        return SubscriberFigures(
            subscriber=row.index + 1,
            place=subscriber.place + 1,
            target=subscriber.where,
            local=subscriber.local,
            counts=counts,
            foreign=row.foreign,
            dropped_notices=row.dropped_notices,
            slow=subscriber.slow,
            left_at_s=row.left_at_s,
            left_reason=row.left_reason,
            joined_all=all(self._joined(row, index, pair) for index, pair in enumerate(row.pairs)),
            order_differs=row.order != usual.get(_ends(row), row.order),
            times=ShortTimes.of(self._times(row)),
        )

    def _times(self, row: Row) -> CoarseTimes:
        if not self._matrix.timed_pairs:
            return row.times
        merged = CoarseTimes()
        for pair in row.pairs:
            merged.merge(pair.times)
        return merged

    # One order for all -----------------------------------------------------------------------------------------------

    def _usual_orders(self) -> dict[Ends, int]:
        """The order in which most subscribers that got the same lines got them (DESIGN, section 5: one for all).

        Where a publisher left in the middle, nobody got everything; and who has left got less than the others.
        """
        orders: dict[Ends, Counter[int]] = {}
        for row in self._matrix.rows:
            if ends := _ends(row):
                orders.setdefault(ends, Counter())[row.order] += 1
        return {ends: counts.most_common(1)[0][0] for ends, counts in orders.items()}


def _ends(row: Row) -> Ends:
    """How far a subscriber got with each publisher. Nothing where a line came twice, late, or not at all in between:
    then its order can be compared with nobody's."""
    if not all(pair.is_whole(pair.next - 1) for pair in row.pairs):
        return ()
    return tuple(pair.next for pair in row.pairs)
