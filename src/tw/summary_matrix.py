"""The delivery matrix in words: which subscriber missed what."""

from collections.abc import Sequence
from typing import TypeAlias

from tw.report.matrix import Deliveries, MatrixFigures, PairFigures, SubscriberFigures

Row: TypeAlias = tuple[str, str, bool | None]

MOST_PUBLISHERS = 8
MOST_SUBSCRIBERS = 24
"""What is shown pair by pair. Of more, the subscribers that missed something are, up to so many."""

SHORT = {"lost": "lost", "duplicated": "dup", "reordered": "late", "corrupted": "bad"}


def matrix_rows(figures: MatrixFigures) -> list[Row]:
    """The rows of it: how many got everything, and then who got what. Every text in them is safe for a terminal."""
    count, publishers = len(figures.subscribers), len(figures.publishers)
    whole = figures.whole
    plural = "" if publishers == 1 else "s"
    got = "got everything" if figures.settled else "have missed nothing so far"
    rows: list[Row] = []
    if figures.published_per_s is not None:
        rows.append(("published", f"{figures.published_per_s:.1f} lines per second", None))
    rows.append(("subscribers", f"{whole} of {count} {got} of {publishers} publisher{plural}", whole == count))
    if publishers <= MOST_PUBLISHERS and count <= MOST_SUBSCRIBERS:
        return rows + _table(figures)
    bad = [row for row in figures.subscribers if not row.ok]
    rows += [("", f"s{row.subscriber}  {_totals(row)}", False) for row in bad[:MOST_SUBSCRIBERS]]
    if len(bad) > MOST_SUBSCRIBERS:
        rows.append(("", f"and {len(bad) - MOST_SUBSCRIBERS} more", False))
    return rows


def _table(figures: MatrixFigures) -> list[Row]:
    """A row for each subscriber, a column for each publisher."""
    width = len(figures.publishers)
    header = ["", *(f"p{each.publisher}" for each in figures.publishers), ""]
    lines = [header]
    for index, row in enumerate(figures.subscribers):
        pairs = figures.pairs[index * width : (index + 1) * width]
        lines.append([f"s{row.subscriber}", *map(_cell, pairs), _remark(row)])
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
