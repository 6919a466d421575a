"""Pictures made of characters: a sparkline, how far a run has come, a distribution as bars. ASCII where it must be."""

from collections.abc import Sequence

from tw.core.bars import Bar
from tw.core.rates import resampled

SPARKS = {True: "▁▂▃▄▅▆▇█", False: "_.-:=+*#"}
EIGHTHS = " ▏▎▍▌▋▊▉█"
DONE = {True: "━", False: "#"}
TO_DO = {True: "─", False: "-"}

LONGEST_BAR = 50


def sparkline(values: Sequence[float], width: int, *, unicode: bool) -> str:
    """Values from 0 to the greatest of them as columns of that height; at most `width` of them."""
    marks = SPARKS[unicode]
    shown = resampled(values, width)
    top = max(shown, default=0.0)
    if top <= 0:
        return marks[0] * len(shown)
    return "".join(marks[min(len(marks) - 1, int(value / top * len(marks)))] for value in shown)


def progress_bar(share: float, width: int, *, unicode: bool) -> tuple[str, str]:
    """What is done, and what there is to do, `width` characters together."""
    done = int(min(max(share, 0.0), 1.0) * width)
    return DONE[unicode] * done, TO_DO[unicode] * (width - done)


def ms_text(seconds: float) -> str:
    """Milliseconds with three decimals, as everywhere, and fewer where they would say nothing."""
    ms = seconds * 1000
    return f"{ms:.3f}" if ms < 100 else f"{ms:.1f}" if ms < 10_000 else f"{ms:.0f}"


def bar_lines(rows: Sequence[Bar], width: int, *, unicode: bool) -> list[str]:
    """A line for each row: its range, its bar, its share and its count. On a narrow terminal bars go before numbers."""
    total = sum(row.count for row in rows)
    if not total:
        return []
    top = max(row.count for row in rows)
    lows = [ms_text(row.low_s) for row in rows]
    highs = [ms_text(row.high_s) for row in rows]
    low_width, high_width, count_width = (max(map(len, texts)) for texts in (lows, highs, [str(top)]))
    room = min(LONGEST_BAR, width - low_width - high_width - count_width - len(" to  ms   100.0 %  ") - 1)
    lines = []
    for row, low, high in zip(rows, lows, highs, strict=True):
        picture = f"  {_bar(row.count / top, room, unicode=unicode)}" if room >= 1 else ""
        place = f"{low:>{low_width}} to {high:>{high_width}} ms"
        lines.append(f"{place}{picture} {row.count / total:6.1%}  {row.count:>{count_width}}".replace("%", " %"))
    return lines


def _bar(share: float, width: int, *, unicode: bool) -> str:
    """A bar that is filled up with blanks. Whatever is more than nothing can be seen."""
    if not unicode:
        return ("#" * max(round(share * width), share > 0)).ljust(width)
    whole, eighths = divmod(max(round(share * width * 8), share > 0), 8)
    return ("█" * whole + EIGHTHS[eighths].strip()).ljust(width)
