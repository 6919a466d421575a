"""What `tw report` is asked for."""

import os
from dataclasses import dataclass

from tw.options import require

MOST_FILES = 12
"""Side by side, more are no longer told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """`files` are names, `-` for stdin; `html` is where a page goes beside the text."""

    files: tuple[str, ...]
    html: str | None = None
    json: bool = False

    def __post_init__(self) -> None:
        require(len(self.files) <= MOST_FILES, f"{len(self.files)} reports", f"compare at most {MOST_FILES} at once")
        require(self.files.count("-") < 2, "stdin given twice", "it can be read once")
        html = self.html
        clash = html is not None and any(os.path.realpath(name) == os.path.realpath(html) for name in self.files)
        require(not clash, "--html names one of the reports", "give the page a file of its own", html or "")
