"""What `tw report` runs: reads saved reports, and shows them side by side."""

import os
import sys

from tw.comparison import comparison_json, lines
from tw.comparison_page import page
from tw.core.text import safe
from tw.errors import ExitCode, LocalError
from tw.options import CommonOptions
from tw.output import Output, as_utf8, to_text
from tw.report_options import ReportOptions
from tw.result_file import check_place, write_whole
from tw.saved import MOST_BYTES, SavedReport, check_together, read_saved

PAGE = "the page"


def compare(_common: CommonOptions, options: ReportOptions) -> int:
    """Show the reports. Raises LocalError for a file that cannot be read or holds no report, UsageError where they are
    of different probes; nothing is shown then."""
    if options.html is not None:
        check_place(options.html, PAGE)
    reports = [read(name) for name in options.files]
    check_together(reports)
    if options.html is not None:
        write_whole(options.html, page(reports).encode("utf-8"), PAGE)
    if options.json:
        out = Output(as_utf8(sys.stdout))
        out.line(to_text(comparison_json(reports)))
    else:
        out = Output(sys.stdout)
        for line in lines(reports, unicode=_writes_unicode(out)):
            out.line(line)
    if out.failure is not None:
        raise out.failure
    return ExitCode.OK


def read(name: str) -> SavedReport:
    """The report in a file, `-` for stdin. No more is read of it than a report may have."""
    where = "stdin" if name == "-" else name
    try:
        if name == "-":
            data = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with open(name, "rb") as file:
                data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise LocalError(f"cannot read the report: {os.strerror(error.errno or 0).lower()}", safe(where)) from error
    return read_saved(data, where)


def _writes_unicode(out: Output) -> bool:
    """Whether blocks can be written; what the locale lacks would come out as escapes."""
    return (getattr(out.stream, "encoding", None) or "").lower().replace("-", "").startswith("utf")
