"""Tables on a terminal: nothing of a stranger's text is obeyed, and nothing of it is taken for markup."""

import pytest

from tw.tables import render_report, render_rows

HEADER = ("UID", "Subject")
BOLD = "\x1b[1m"


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")


def lines(*rows: tuple[str, ...], color: bool = False) -> list[str]:
    return [line.rstrip() for line in render_rows(HEADER, rows, color=color).splitlines()]


def test_columns_are_as_wide_as_they_must_be() -> None:
    assert lines(("7", "x"), ("12345", "a longer one")) == ["UID    Subject", "7      x", "12345  a longer one"]


def test_without_a_row_there_is_the_header() -> None:
    assert lines() == ["UID  Subject"]


def test_the_header_is_bold_where_there_is_colour_and_else_there_is_no_escape_sequence() -> None:
    assert BOLD in render_rows(HEADER, [("7", "x")], color=True)
    assert "\x1b" not in render_rows(HEADER, [("7", "x")], color=False)


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "[/x]", "[fe80::1]", "[link=x]y", ":smile:"])
def test_markup_is_text(text: str) -> None:
    assert lines(("7", text))[1] == f"7    {text}"


@pytest.mark.parametrize(
    ("text", "shown"), [("a\x1b[2Jb", "a\\x1b[2Jb"), ("a\nb\tc", "a\\x0ab\\x09c"), ("\u202ex", "\\u202ex")]
)
def test_controls_are_shown_as_escapes(text: str, shown: str) -> None:
    for color in (True, False):
        assert shown in render_rows(HEADER, [("7", text)], color=color)


def test_a_long_cell_is_folded_and_nothing_of_it_is_lost() -> None:
    text = "".join(chr(ord("a") + index % 26) for index in range(100))
    shown = lines(("7", text))
    assert len(shown) > 3
    assert max(map(len, shown)) <= 40
    assert "".join(line[5:] for line in shown[1:]) == text


def test_wide_characters_keep_the_columns_straight() -> None:
    assert render_rows(("A", "B"), [("你好", "x"), ("ab", "y")], color=False).splitlines()[1:] == [
        "你好  x  ",
        "ab    y  ",
    ]


def test_a_long_first_name_takes_no_room_from_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    value = "p1@t1  p2@t2  p3@t3  p4@t4"
    name = "pubsub 127.0.0.1:1, 127.0.0.1:2, 127.0.0.1:3"
    shown = render_report([(name, "ok", True), ("sent", value, None)], color=False)
    assert [line.rstrip() for line in shown.splitlines()] == [f"{name}  ok", f"sent  {value}"]
    shown = render_report([("pubsub 127.0.0.1:1", "ok", True), ("sent", value, None)], color=False)
    assert [line.rstrip() for line in shown.splitlines()] == ["pubsub 127.0.0.1:1  ok", f"sent                {value}"]
