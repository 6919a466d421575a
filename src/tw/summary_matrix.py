"""The delivery matrix in words: which subscriber missed what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from tw.core.counted import counted

if TYPE_CHECKING:
    from tw.report.matrix import Deliveries, MatrixFigures, PairFigures, PublisherFigures, SubscriberFigures

Row: TypeAlias = tuple[str, str, bool | None]

MOST_PUBLISHERS = 8
MOST_SUBSCRIBERS = 24
"""What is shown pair by pair. Of more, the subscribers that missed something are, up to so many; so many are shown of
publishers that have left as well, and of targets."""

SHORT = {"lost": "lost", "duplicated": "dup", "reordered": "late", "corrupted": "bad"}


def matrix_rows(figures: MatrixFigures) -> list[Row]:
    """The rows of it: how many got everything, and then who got what. Every text in them is safe for a terminal."""
    count, publishers = len(figures.subscribers), len(figures.publishers)
    whole = figures.whole
    got = "got everything" if figures.settled else "have missed nothing so far"
    rows: list[Row] = []
    if figures.published_per_s is not None:
        rows.append(("published", f"{figures.published_per_s:.1f} lines per second", None))
    rows.append(("subscribers", f"{whole} of {count} {got} of {counted(publishers, 'publishers')}", whole == count))
    rows += _targets(figures, got) + _left(figures)
    if publishers <= MOST_PUBLISHERS and count <= MOST_SUBSCRIBERS:
        return rows + _table(figures)
    bad = [row for row in figures.subscribers if not row.ok]
    rows += [("", f"{_subscriber(figures, row)}  {_totals(row)}", False) for row in bad[:MOST_SUBSCRIBERS]]
    return rows + _rest(len(bad))


def _rest(count: int, what: str = "") -> list[Row]:
    """What stands for those that are not shown."""
    return [("", f"and {count - MOST_SUBSCRIBERS} more{what}", False)] if count > MOST_SUBSCRIBERS else []


def _targets(figures: MatrixFigures, got: str) -> list[Row]:
    """How it went at each of several targets; of very many, at those where something is missing."""
    targets = figures.by_target()
    if len(targets) == 1:
        return []
    if len(targets) > MOST_SUBSCRIBERS:
        targets = [target for target in targets if not target.ok]
    rows: list[Row] = []
    for target in targets[:MOST_SUBSCRIBERS]:
        publishers = counted(target.publisher_count, "publishers") if target.publisher_count else "no publishers"
        whole, count = target.whole_subscribers, target.subscriber_count
        subscribers = f"{whole} of {counted(count, 'subscribers')} {got}" if count else "no subscribers"
        well = target.ok if count else None
        rows.append((f"target t{target.place}", f"{target.target}, {publishers}, {subscribers}", well))
    return rows + _rest(len(targets), " targets")


def _left(figures: MatrixFigures) -> list[Row]:
    """The publishers that have left, and what nobody can tell because of it."""
    gone = [each for each in figures.publishers if each.left_at_s is not None]
    rows: list[Row] = []
    for each in gone[:MOST_SUBSCRIBERS]:
        name = _publisher(figures, each)
        rows.append(("publisher left", f"{name} after {each.left_at_s:.3f} s: {each.left_reason}", False))
        if each.unknown_fate == 1:
            text = f"a line of {name}: nobody got it, and whether it was taken is not known"
            rows.append(("unknown fate", text, None))
        elif each.unknown_fate:
            lines = f"the last {each.unknown_fate} lines of {name}"
            text = f"{lines}: nobody got them, and whether they were taken is not known"
            rows.append(("unknown fate", text, None))
    return rows + _rest(len(gone), " publishers")


def _publisher(figures: MatrixFigures, each: PublisherFigures) -> str:
    return f"p{each.publisher}{_tag(figures, each.place)}"


def _subscriber(figures: MatrixFigures, row: SubscriberFigures) -> str:
    return f"s{row.subscriber}{_tag(figures, row.place)}"


def _tag(figures: MatrixFigures, place: int) -> str:
    """Which target it was at, where there are several."""
    return f"@t{place}" if len(figures.targets) > 1 else ""


def _table(figures: MatrixFigures) -> list[Row]:
    """A row for each subscriber, a column for each publisher."""
    width = len(figures.publishers)
    header = ["", *(_publisher(figures, each) for each in figures.publishers), ""]
    lines = [header]
    for index, row in enumerate(figures.subscribers):
        pairs = figures.pairs[index * width : (index + 1) * width]
        lines.append([_subscriber(figures, row), *map(_cell, pairs), _remark(row)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    goods: list[bool | None] = [None, *(None if row.ok else False for row in figures.subscribers)]
    return [("", _aligned(line, widths), good) for line, good in zip(lines, goods, strict=True)]


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cell(pair: PairFigures) -> str:
    """What is wrong, or else the latency that 99 % of the lines did not exceed."""
    if not pair.joined:
        return "no way through"
    if not pair.counts.whole:
        return _faults(pair.counts)
    p99_ms = pair.times.p99_ms if pair.times is not None else None
    return "ok" if p99_ms is None else f"ok {p99_ms:.2f} ms"


def _faults(counts: Deliveries) -> str:
    return " ".join(f"{count} {word}" for name, word in SHORT.items() if (count := getattr(counts, name)))


def _remark(row: SubscriberFigures) -> str:
    remarks = ["slow"] if row.slow else []
    if row.dropped_notices:
        remarks.append(f"the server says it dropped {row.dropped_notices}")
    if row.order_differs:
        remarks.append("in another order than the others")
    if row.left_at_s is not None:
        remarks.append(f"left after {row.left_at_s:.3f} s: {row.left_reason}")
    return ", ".join(remarks)


def _totals(row: SubscriberFigures) -> str:
    parts = [_faults(row.counts), "" if row.joined_all else "no way through from some", _remark(row)]
    return ", ".join(part for part in parts if part)
