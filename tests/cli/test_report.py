"""`tw report` from the command line."""

import pytest

from command_lines import Shell
from tw.report_options import MOST_FILES, ReportOptions


def test_files_are_taken_in_their_order(shell: Shell) -> None:
    started = shell.start("report a.json - ./-")
    assert (started.by, started.options) == ("compare", ReportOptions(files=("a.json", "-", "./-")))
    assert shell.start("report a --html p.html --json").options == ReportOptions(files=("a",), html="p.html", json=True)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("report", "missing argument 'FILE'"),
        ("report ''", "invalid value for 'FILE': an empty text"),
        ("report a --html ''", "invalid value for '--html': an empty text"),
        ("report a --html -", "invalid value for '--html': '-' is no file here"),
        ("report - a -", "stdin given twice; it can be read once"),
        ("report a b --html ./b", "--html names one of the reports (./b); give the page a file of its own"),
        (f"report {'a ' * (MOST_FILES + 1)}", f"13 reports; compare at most {MOST_FILES} at once"),
    ],
)
def test_what_cannot_be_compared_is_refused(shell: Shell, line: str, problem: str) -> None:
    assert shell.refused(line).startswith(problem)


def test_its_options_have_variables_and_settings(shell: Shell) -> None:
    assert shell.start("report a", {"TW_REPORT_HTML": "p", "TW_REPORT_JSON": "1"}).options == ReportOptions(
        files=("a",), html="p", json=True
    )
    assert shell.start("report a", config="[report]\nhtml = 'q'\n").options.html == "q"
