"""Saved reports side by side as a page that needs nothing but itself: no script, no font, nothing from elsewhere.

Texts in it come from files that may be anybody's. Each goes through `_text`, and numbers are made here.
"""

from collections.abc import Iterator, Sequence
from html import escape

from tw.comparison import Row, has_load, labels, limits, load_text, rows, verdict
from tw.core.curves import nines, outline, rise
from tw.core.shapes import Axis
from tw.core.text import safe
from tw.saved import SavedReport

WIDTH, HEIGHT = 820, 240
MARGIN_LEFT, MARGIN_RIGHT, MARGIN_BELOW = 62, 46, 40

STYLE = """
:root { color-scheme: light dark; --ink: #1c2128; --soft: #57606a; --line: #d0d7de; --paper: #ffffff;
  --good: #1a7f37; --bad: #cf222e;
  --c0: #0969da; --c1: #bc4c00; --c2: #1a7f37; --c3: #8250df; --c4: #bf3989; --c5: #57606a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --paper: #0d1117;
  --good: #3fb950; --bad: #f85149;
  --c0: #58a6ff; --c1: #f0883e; --c2: #3fb950; --c3: #bc8cff; --c4: #f778ba; --c5: #9198a1; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .9rem .2rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; color: var(--soft); font-weight: normal; }
thead th { color: var(--ink); font-weight: 600; }
td small { color: var(--soft); display: inline-block; min-width: 4.5em; }
.good { color: var(--good); } .bad { color: var(--bad); }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--line); } .series { fill: none; stroke-width: 2; } .filled { fill-opacity: .13; }
.key { display: inline-block; margin-right: 1.5rem; } .key svg { display: inline; width: 2.2rem; height: .8rem; }
"""

COLORS = 6
DASHES = ("", "7 4", "2 3")
"""With six colours and three kinds of line, twelve reports differ, also for who sees few colours."""

HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
"""


def page(reports: Sequence[SavedReport]) -> str:
    """The whole document."""
    title = f"tw: {' and '.join(labels(reports))}" if len(reports) < 3 else f"tw: {len(reports)} reports"
    parts = [HEAD, f"<title>{_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"]
    parts.append(f"<h1>tw probe {_text(reports[0].probe)}</h1>\n")
    parts.extend(_charts(reports))
    parts.append('<h2>Figures</h2>\n<div class="wide"><table>\n')
    parts.extend(_table(reports))
    parts.append("</table></div>\n")
    parts.extend(f'<p class="bad">limit of {_text(limit)}</p>\n' for limit in limits(reports))
    parts.append("</body>\n</html>\n")
    return "".join(parts)


def _text(text: str) -> str:
    """Anybody's text: one line, without what turns or hides text, and without a meaning in HTML."""
    return escape(safe(text, 300), quote=True)


def _table(reports: Sequence[SavedReport]) -> Iterator[str]:
    names = "".join(f"<th>{_text(name)}</th>" for name in labels(reports))
    yield f"<thead><tr><th></th>{names}</tr></thead>\n<tbody>\n"
    verdicts = ((verdict(report), "good" if report.ok else "bad") for report in reports)
    cells = "".join(f'<td class="{tone}">{_text(word)}</td>' for word, tone in verdicts)
    yield f"<tr><td>verdict</td>{cells}</tr>\n"
    yield f"<tr><td>target</td>{''.join(f'<td>{_text(report.target)}</td>' for report in reports)}</tr>\n"
    if has_load(reports):
        yield f"<tr><td>load</td>{''.join(f'<td>{_text(load_text(report))}</td>' for report in reports)}</tr>\n"
    for row in rows(reports):
        yield f"<tr><td>{_text(row.name)}</td>{_cells(row)}</tr>\n"
    yield "</tbody>\n"


def _cells(row: Row) -> str:
    first, *others = (_text(row.text(value)) for value in row.values)
    ratios = ("" if ratio is None else f"&times;{ratio:.2f}" for ratio in row.ratios)
    told = (f"<td>{value} <small>{ratio}</small></td>" for value, ratio in zip(others, ratios, strict=True))
    return f"<td>{first}</td>{''.join(told)}"


def _charts(reports: Sequence[SavedReport]) -> Iterator[str]:
    axis = Axis.of([report.shape for report in reports])
    if axis is None:
        yield "<p>No distribution to draw: these reports have too few samples, or none saved.</p>\n"
        return
    yield "<p>"
    for number, name in enumerate(labels(reports)):
        missing = "" if reports[number].shape else " (no distribution)"
        sample = f'<svg viewBox="0 0 32 10"><path class="series" {_stroke(number)} d="M0 5H32"/></svg>'
        yield f'<span class="key">{sample} {_text(name)}{missing}</span>'
    yield "</p>\n<h2>Round trip, each to its own peak (ms)</h2>\n"
    yield _figure(_across(axis), (_outline(report, axis, number) for number, report in enumerate(reports)))
    decades = nines([report.shape for report in reports])
    yield "<h2>Round trip by percentile (ms)</h2>\n"
    curves = (_rise(report, axis, number, decades) for number, report in enumerate(reports))
    yield _figure((*_up(axis), *_percentiles(decades)), curves)


def _figure(grid: Iterator[str] | Sequence[str], curves: Iterator[str]) -> str:
    view = f"{-MARGIN_LEFT} -8 {WIDTH + MARGIN_LEFT + MARGIN_RIGHT} {HEIGHT + MARGIN_BELOW}"
    return f'<svg viewBox="{view}" role="img">\n{"".join(grid)}{"".join(curves)}</svg>\n'


def _stroke(number: int) -> str:
    dash = DASHES[number // COLORS % len(DASHES)]
    return f'stroke="var(--c{number % COLORS})"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _outline(report: SavedReport, axis: Axis, number: int) -> str:
    if not report.shape:
        return ""
    path = outline(report.shape, axis, WIDTH, HEIGHT)
    fill = f'style="fill: var(--c{number % COLORS})"'
    return f'<path class="series filled" {fill} {_stroke(number)} d="{path}"/>\n'


def _rise(report: SavedReport, axis: Axis, number: int, decades: int) -> str:
    if not report.shape:
        return ""
    return f'<path class="series" {_stroke(number)} d="{rise(report.shape, axis, WIDTH, HEIGHT, decades)}"/>\n'


def _across(axis: Axis) -> Iterator[str]:
    yield f'<path class="grid" d="M0 {HEIGHT}H{WIDTH}"/>\n'
    for value in axis.ticks():
        x = axis.place(value) * WIDTH
        yield f'<path class="grid" d="M{x:.1f} 0V{HEIGHT}"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT + 18}" text-anchor="middle">{value:g}</text>\n'


def _up(axis: Axis) -> Iterator[str]:
    for value in axis.ticks():
        y = HEIGHT - axis.place(value) * HEIGHT
        yield f'<path class="grid" d="M0 {y:.1f}H{WIDTH}"/>'
        yield f'<text x="-8" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>\n'


def _percentiles(decades: int) -> Iterator[str]:
    for number in range(decades + 1):
        x = number / decades * WIDTH
        name = "0" if not number else f"{100 - 100 / 10**number:.{max(0, number - 2)}f}"
        yield f'<path class="grid" d="M{x:.1f} 0V{HEIGHT}"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT + 18}" text-anchor="middle">{name} %</text>\n'
