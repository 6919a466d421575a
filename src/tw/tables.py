"""Tables on a terminal. The only module that imports rich."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tw.core.text import safe

LONGEST_HEAD = 24
"""`counter 127.0.0.1:8080` stands in the column of the names."""


def render_rows(header: Sequence[str], rows: Iterable[Sequence[str]], *, color: bool) -> str:
    """Rows under a header. Texts are made safe here."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold" if color else "")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        # Text, since rich reads markup in a str: `[fe80::1]` would be a style, and gone.
        table.add_row(*(Text(safe(cell)) for cell in row))
    return _rendered(table, color=color)


def render_report(rows: Iterable[tuple[str, str, bool | None]], *, color: bool) -> str:
    """Names and values; a value is good, bad, or neither (None).

    Where the first name is long, as that of a run with several targets, it and its value are a line above the table,
    which would have no room for values beside it.
    """
    bold = "bold" if color else ""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, title_justify="left")
    table.add_column(style=bold)
    table.add_column()
    head = ""
    for place, (name, value, good) in enumerate(rows):
        style = "" if good is None else "green" if good else "red"
        if place == 0 and len(name) > LONGEST_HEAD:
            head = _rendered(Text.assemble((name, bold), "  ", (value, style)), color=color)
        else:
            table.add_row(Text(name), Text(value, style=style))
    return head + _rendered(table, color=color)


def _rendered(table: Table | Text, *, color: bool) -> str:
    # "standard" has the styles above; "auto" has none under TERM=dumb, even for those who insist.
    system: Any = "standard" if color else None
    console = Console(force_terminal=color, no_color=not color, highlight=False, color_system=system)
    with console.capture() as capture:
        console.print(table)
    return capture.get()
