"""What a delivery matrix says, as a part of the report."""

from collections import Counter

from tw.core.coarse import CoarseTimes
from tw.core.matrix import Matrix, Row
from tw.core.matrix_pair import Pair
from tw.probes.matrix_crew import Publisher, Subscriber
from tw.report.matrix import (
    MAX_LISTED,
    Deliveries,
    MatrixFigures,
    PairFigures,
    PublisherFigures,
    ShortTimes,
    SubscriberFigures,
)


class MatrixReport:
    """The figures of one part of a run. `settled`: all that was published is delivered or lost; where the run was cut
    short it is not, and only what a later line has overtaken counts as lost."""

    def __init__(self, matrix: Matrix, *, settled: bool) -> None:
        self._matrix = matrix
        self._settled = settled
        self._published = [source.published for source in matrix.sources]

    def of(self, publishers: list[Publisher], subscribers: list[Subscriber], load_s: float = 0.0) -> MatrixFigures:
        rows = self._matrix.rows
        usual = self._usual_order()
        return MatrixFigures(
            publishers=[
                PublisherFigures(
                    publisher=source.index + 1,
                    local=publishers[source.index].local,
                    published=source.published,
                    connected=not source.gone,
                )
                for source in self._matrix.sources
            ],
            subscribers=[self._subscriber(row, subscribers[row.index], usual) for row in rows],
            pairs=self._pairs(),
            published_per_s=round(sum(self._published) / load_s, 3) if load_s > 0 else None,
            settled=self._settled,
        )

    def _lost(self, row: Row, pair: Pair, published: int) -> int:
        """Of a subscriber that has left, all that it did not get: there is nothing under way to it."""
        final = self._settled or row.left_at_s is not None
        return pair.lost(published) if final else pair.missing

    def _counts(self, row: Row, pair: Pair, published: int) -> Deliveries:
        return Deliveries(
            delivered=pair.delivered,
            lost=self._lost(row, pair, published),
            duplicated=pair.duplicated,
            reordered=pair.reordered,
            corrupted=pair.corrupted,
        )

    def _pairs(self) -> list[PairFigures]:
        matrix = self._matrix
        all_of_them = len(matrix.rows) * len(matrix.sources) <= MAX_LISTED
        listed: list[PairFigures] = []
        for row in matrix.rows:
            for index, (pair, published) in enumerate(zip(row.pairs, self._published, strict=True)):
                if all_of_them or (len(listed) < MAX_LISTED and not self._is_well(row, pair, published)):
                    listed.append(
                        PairFigures(
                            publisher=index + 1,
                            subscriber=row.index + 1,
                            joined=pair.joined,
                            counts=self._counts(row, pair, published),
                            times=ShortTimes.of(pair.times) if matrix.timed_pairs else None,
                        )
                    )
        return listed

    def _is_well(self, row: Row, pair: Pair, published: int) -> bool:
        spoiled = pair.duplicated or pair.reordered or pair.corrupted
        return pair.joined and not spoiled and not self._lost(row, pair, published)

    def _subscriber(self, row: Row, subscriber: Subscriber, usual: int | None) -> SubscriberFigures:
        counts = Deliveries(
            delivered=row.total("delivered"),
            lost=sum(
                self._lost(row, pair, published) for pair, published in zip(row.pairs, self._published, strict=True)
            ),
            duplicated=row.total("duplicated"),
            reordered=row.total("reordered"),
            corrupted=row.total("corrupted"),
        )
        return SubscriberFigures(
            subscriber=row.index + 1,
            local=subscriber.local,
            counts=counts,
            foreign=row.foreign,
            dropped_notices=row.dropped_notices,
            slow=subscriber.slow,
            left_at_s=row.left_at_s,
            left_reason=row.left_reason,
            joined_all=all(pair.joined for pair in row.pairs),
            order_differs=usual is not None and self._got_all(row) and row.order != usual,
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

    def _got_all(self, row: Row) -> bool:
        """Whether its order can be compared: it got every line once, and each publisher's in order."""
        return all(pair.is_whole(published) for pair, published in zip(row.pairs, self._published, strict=True))

    def _usual_order(self) -> int | None:
        """The order in which most subscribers that got everything got it (DESIGN, section 5: one for all of them)."""
        orders = Counter(row.order for row in self._matrix.rows if self._got_all(row))
        return orders.most_common(1)[0][0] if orders else None
