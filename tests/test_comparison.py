"""Saved reports side by side: rows, ratios, drawings, and what a stranger's text does to a terminal and to a page."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from saved_reports import a_load, a_ping, data, raw
from tw.comparison import comparison_json, labels, lines, rows
from tw.comparison_page import page
from tw.core.text import safe
from tw.errors import AnswerTimeout
from tw.output import to_text
from tw.report import Delivery, Numbers, ProbeReport
from tw.saved import SavedReport, read_saved

EVIL = "\x1b]0;owned\x07\u202e</script><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>\ud800\n"


def saved(document: dict[str, Any], name: str = "a.json") -> SavedReport:
    return read_saved(raw(document), name)


PAIR = [saved(a_load(), "a.json"), saved(a_load(0.002, 500, lost=3, ok=False), "b.json")]


def table(told: list[str]) -> dict[str, list[str]]:
    """The cells of each line, by its name."""
    cells = [re.split(r" {2,}(?!x[\d.]+)", line) for line in told[: told.index("")]]
    return {name: rest for name, *rest in cells}


def test_every_figure_stands_beside_the_first_ones_with_its_ratio() -> None:
    found = table(lines(PAIR, unicode=True))
    assert found["echo verdict"] == ["ok", "bad"]
    assert found["target"] == ["h:1", "h:1"]
    assert found["sent"] == ["1000", "500  x0.50"]
    assert found["rate"] == ["100.0 /s", "50.0 /s  x0.50"]
    assert found["lost"] == ["0", "3"]  # by nothing nothing is divided
    assert found["round trip min"] == ["1.000 ms", "2.000 ms  x2.00"]
    assert found["TLS p99"] == ["6.000 ms", "6.000 ms  x1.00"]
    assert found["duration"] == ["10.000 s", "10.000 s  x1.00"]


def test_what_no_report_has_is_no_row_and_what_one_lacks_is_a_dash() -> None:
    found = table(lines([PAIR[0], saved(a_ping(phases=None))], unicode=True))
    assert found["connect p50"] == ["10.000 ms", "-"]
    assert "service p50" not in found
    assert "first byte p50" not in found


def test_what_only_one_probe_counts_is_a_row_of_its_reports() -> None:
    numbers = Numbers(first=1, last=9, gaps=4, duplicates=1, resets=2, instances=3)
    found = table(lines([saved(a_ping(probe="counter", numbers=numbers))] * 2, unicode=True))
    assert [found[name] for name in ("gaps", "duplicates", "resets", "instances")] == [
        ["4", "4  x1.00"], ["1", "1  x1.00"], ["2", "2  x1.00"], ["3", "3  x1.00"],
    ]  # fmt: skip
    assert "gaps" not in table(lines([saved(a_ping(probe="counter", numbers=Numbers()))], unicode=True))
    found = table(lines([saved(a_ping(probe="pubsub", delivery=Delivery(foreign=7)))], unicode=True))
    assert found["foreign"] == ["7"]
    assert "foreign" not in table(lines(PAIR, unicode=True))


def test_a_single_phase_of_connecting_is_not_told_twice() -> None:
    document = a_load()
    del document["phases_ms"]["tls"]
    assert "TCP p50" not in table(lines([saved(document)], unicode=True))
    assert "TCP p50" in table(lines(PAIR, unicode=True))


def test_one_report_stands_for_itself() -> None:
    found = table(lines(PAIR[:1], unicode=True))
    assert found["sent"] == ["1000"]
    assert comparison_json(PAIR[:1])["reports"][0].keys() == {"file", "target", "ok", "error", "load", "figures"}


def test_names_are_those_of_files_and_whole_paths_where_they_are_alike() -> None:
    made = [saved(a_ping(), name) for name in ("x/a.json", "y/a.json", "z/b.json", "-", "n" * 99)]
    assert labels(made)[:4] == ["x/a.json", "y/a.json", "b.json", "stdin"]
    assert len(labels(made)[4]) == 28


def test_the_distributions_share_their_axis_and_each_has_its_own_peak() -> None:
    drawn = lines(PAIR, unicode=True)
    drawn = drawn[drawn.index("") + 1 :]
    assert drawn[0] == "round trip, each to its own peak"
    assert [line.partition("│")[0].strip() for line in drawn[1:-1]] == ["", "", "a.json", "", "", "b.json"]
    first, second = drawn[3].partition("│")[2], drawn[6].partition("│")[2]
    # One ends at 2 ms, where the other one begins.
    assert len(first.rstrip()) - 3 < len(second) - len(second.lstrip()) <= len(first.rstrip())
    assert max(len(line) for line in drawn) <= len("a.json │") + 64 + len(" ms")
    assert drawn[-1].endswith(" ms")
    assert "█" in drawn[1]
    assert "█" in drawn[4]


def test_where_blocks_cannot_be_written_it_is_ascii() -> None:
    assert "\n".join(lines(PAIR, unicode=False)).isascii()
    assert any("#" in line for line in lines(PAIR, unicode=False))


def test_without_distributions_that_is_said() -> None:
    assert lines([saved(a_ping())], unicode=True)[-1].startswith("no distribution to draw: ")
    mixed = lines([PAIR[0], saved(a_ping(), "p.json")], unicode=True)
    assert "p.json │ no distribution in this report" in mixed
    assert "No distribution to draw" in page([saved(a_ping())])
    assert "p.json (no distribution)" in page([PAIR[0], saved(a_ping(), "p.json")])


def test_the_json_has_each_figure_by_its_path_and_its_ratio() -> None:
    document = json.loads(to_text(comparison_json(PAIR)))
    first, second = document["reports"]
    assert (document["v"], document["ok"], document["probe"]) == (1, True, "echo")
    assert (first["file"], second["file"], second["ok"]) == ("a.json", "b.json", False)
    assert second["figures"]["rtt_ms.p50"] == pytest.approx(3.0, rel=0.01)
    assert second["ratios"]["rtt_ms.p50"] == pytest.approx(2.0, rel=0.01)
    assert second["ratios"]["lost"] is None
    assert first["figures"].keys() == second["figures"].keys() == second["ratios"].keys()
    assert "ratios" not in first


def test_how_each_load_was_made_is_told_and_why_its_figures_may_be_the_probes_own() -> None:
    closed = {"pacing": "closed", "connections": 1, "rate_asked_per_s": None, "limit": EVIL, "unsent": 7}
    reports = [PAIR[0], saved({**a_load(), **closed}, "c.json"), saved(a_ping(), "p.json")]
    told = lines(reports, unicode=True)
    found = table(told)
    assert found["load"] == [
        "open loop, 100 /s, 1 connection",
        "closed loop, 1 connection",
        "none: one after the other",
    ]
    assert found["unsent"] == ["0", "7", "-"]
    assert found["probe's CPU"] == ["0.10 cores", "0.10 cores  x1.00", "-"]
    limit = f"limit of c.json: {safe(EVIL)}"
    assert [line for line in told if line.startswith("limit of")] == [limit]
    assert "limit of c.json: " in page(reports)
    assert "closed loop, 1 connection" in page(reports)
    second = comparison_json(reports)["reports"][1]
    assert second["load"] == {"pacing": "closed", "connections": 1, "rate_asked_per_s": None, "limit": EVIL}
    assert "load" not in table(lines([saved(a_ping())], unicode=True))


def test_a_failed_run_is_compared_as_well() -> None:
    failed = ProbeReport(probe="echo", target="h:1", ok=False, sent=3, received=0, error=AnswerTimeout("x"))
    found = table(lines([PAIR[0], read_saved(data(failed.to_json()), "f")], unicode=True))
    assert found["echo verdict"] == ["ok", "failed: timeout"]
    assert found["rate"] == ["100.0 /s", "-"]


# Strangers' text ------------------------------------------------------------------------------------------------------


def hostile() -> list[SavedReport]:
    evil = {**a_load(), "target": EVIL, "ok": False, "error": {"kind": EVIL}, "limit": EVIL}
    return [saved(evil, EVIL), saved(evil, f"x/{EVIL}")]


def test_no_escape_sequence_reaches_a_terminal() -> None:
    for line in lines(hostile(), unicode=True):
        assert line == safe(line)
    assert to_text(comparison_json(hostile())).isprintable()


class Page(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag != "meta" and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("reports", [PAIR, PAIR[:1], hostile(), [saved(a_ping())] * 12])
def test_a_page_is_whole_and_has_nothing_from_elsewhere(reports: list[SavedReport]) -> None:
    text = page(reports)
    found = Page(text)
    assert found.open == []
    assert set(found.tags) <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "span", "div", "svg", "path", "text",
        "table", "thead", "tbody", "tr", "th", "td", "small",
    }  # fmt: skip
    assert not {name for name, _ in found.attributes} & {"src", "href", "onerror", "onload", "onclick"}
    assert not re.search(r"https?:|url\(|@import|javascript:", text)
    assert text.encode("utf-8")  # no lone surrogate is left
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text


def test_a_strangers_text_is_shown_and_never_run() -> None:
    found = Page(page(hostile()))
    shown = "".join(found.texts)
    assert "</script><script>alert(1)</script>" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "script" not in found.tags
    assert "img" not in found.tags


def test_the_page_draws_every_distribution_and_shows_every_row() -> None:
    text = page(PAIR)
    found = Page(text)
    assert text.count('class="series filled"') == 2
    assert found.tags.count("tr") == 4 + len(rows(PAIR))
    assert "&times;2.00" in text
    drawn = [value for name, value in found.attributes if name == "d"]
    assert all(re.fullmatch(r"[MLHVZ\d. -]+", path) for path in drawn)


def test_many_reports_have_lines_of_their_own() -> None:
    text = page([saved(a_load(), str(number)) for number in range(12)])
    strokes = re.findall(r'class="series" (stroke=[^/]*?) d="M0 5H32"', text)
    assert len(set(strokes)) == 12
