"""Durations, sizes, lists, headers and addresses as they are typed."""

from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.cli.params import (
    DURATION_OR_ZERO,
    DURATION_TYPE,
    MAX_DURATION_S,
    PEER_PORT,
    PORT,
    DaysType,
    HeaderType,
    ListType,
    RateType,
    ResolveType,
    SizeType,
)

SIZE = SizeType(1, 4 * 1024**3)
UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "": 1}
UNITS_BYTES = {"": 1, "k": 1024, "K": 1024, "m": 1024**2, "M": 1024**2, "g": 1024**3, "G": 1024**3}


def _refused(kind: click.ParamType[Any], value: Any) -> str:
    with pytest.raises(click.BadParameter) as caught:
        kind.convert(value, None, None)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("2s", 2.0),
        ("1m", 60.0),
        ("1h", 3600.0),
        ("2d", 172_800.0),
        ("5", 5.0),
        ("0.5", 0.5),
        (".5s", 0.5),
        ("1.", 1.0),
        ("1.5 m", 90.0),
        (" 2s ", 2.0),
        ("1ms", 0.001),
        ("8760h", MAX_DURATION_S),
        ("365d", MAX_DURATION_S),
        (3, 3.0),
        (0.25, 0.25),
    ],
)
def test_a_duration_is_seconds(text: Any, seconds: float) -> None:
    assert DURATION_TYPE.convert(text, None, None) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "1w", "1 2", "-1s", "+1", "1e3", "1s2", "1MS", "½", "٣s", "nan", "inf", True]
)
def test_what_is_no_duration_is_answered_with_examples(text: Any) -> None:
    assert _refused(DURATION_TYPE, text) == f"{text!r} is not a duration; write 250ms, 2s, 1m or a number of seconds"


@pytest.mark.parametrize("text", ["0", "0.9ms", "8761h", "365.01d", "9" * 5000, 0, -1.5, float("nan"), float("inf")])
def test_a_duration_out_of_range_is_answered_with_the_range(text: Any) -> None:
    assert _refused(DURATION_TYPE, text) == f"{text!r} is out of range; use 1ms to 365 days"


def test_zero_is_a_duration_where_there_may_be_none() -> None:
    assert DURATION_OR_ZERO.convert("0", None, None) == 0.0
    assert DURATION_OR_ZERO.convert("0.1ms", None, None) == pytest.approx(0.0001)
    assert "use 0 to 365 days" in _refused(DURATION_OR_ZERO, "8761h")


@given(st.decimals("0.001", "1000", places=3), st.sampled_from(sorted(UNITS_S)), st.sampled_from(["", " "]))
def test_a_duration_is_its_number_times_its_unit(number: Any, unit: str, space: str) -> None:
    seconds = float(number) * UNITS_S[unit]
    if 0.001 <= seconds <= MAX_DURATION_S:
        assert DURATION_TYPE.convert(f"{number}{space}{unit}", None, None) == pytest.approx(seconds)
    else:
        assert "is out of range" in _refused(DURATION_TYPE, f"{number}{unit}")


@given(st.text())
def test_any_text_is_a_duration_in_range_or_refused(text: str) -> None:
    try:
        seconds = DURATION_OR_ZERO.convert(text, None, None)
    except click.BadParameter:
        return
    assert 0 <= seconds <= MAX_DURATION_S


@given(st.integers(1, 4 * 1024), st.sampled_from(sorted(UNITS_BYTES)))
def test_a_size_is_its_number_times_its_unit_up_to_the_limit(number: int, unit: str) -> None:
    size = number * UNITS_BYTES[unit]
    if size <= 4 * 1024**3:
        assert SIZE.convert(f"{number}{unit}", None, None) == size
    else:
        assert "is out of range; use 1 to 4294967296" in _refused(SIZE, f"{number}{unit}")


@given(st.text())
def test_any_text_is_a_size_in_range_or_refused(text: str) -> None:
    try:
        size = SIZE.convert(text, None, None)
    except click.BadParameter:
        return
    assert 1 <= size <= 4 * 1024**3


@pytest.mark.parametrize("value", ["", "k", "1.5k", "-1", "1kb", "1 2", "٣", "9" * 5000, True, 1.0])
def test_what_is_no_size_is_answered_with_examples(value: Any) -> None:
    assert _refused(SIZE, value) == f"{value!r} is not a size; write 512, 64k or 8M"


@pytest.mark.parametrize(
    ("value", "days"),
    [
        ("30,7", (30, 7)),
        ("30", (30, 0)),
        (" 30 , 7 ", (30, 7)),
        ("0", (0, 0)),
        ("99999,99999", (99_999, 99_999)),
        (30, (30, 0)),
        ((30, 7), (30, 7)),
    ],
)
def test_days_are_those_of_a_warning_and_those_that_are_critical(value: Any, days: tuple[int, int]) -> None:
    assert DaysType().convert(value, None, None) == days


@pytest.mark.parametrize("value", ["", ",", "30,", ",7", "30,7,1", "30 7", "-1", "1.5", "30d", "٣", "1" * 6, True, 1.0])
def test_what_is_no_days_is_answered_with_an_example(value: Any) -> None:
    said = f"{value!r} is not W,C; write 30,7 for a warning below 30 days, critical below 7"
    assert _refused(DaysType(), value) == said


def test_a_size_has_both_its_limits_in() -> None:
    kind = SizeType(20, 1024)
    assert [kind.convert(value, None, None) for value in ("20", "1k", 64)] == [20, 1024, 64]
    for text in ("19", "1025", "0"):
        assert "use 20 to 1024" in _refused(kind, text)


def test_a_list_in_a_variable_is_split_at_its_line_ends_alone() -> None:
    assert list(ListType().split_envvar_value("a b:c\n\n d ,\n")) == ["a b:c", " d ,"]
    assert ListType("strport").name == "strport"


def test_an_item_of_a_list_is_text_whatever_the_settings_file_had() -> None:
    assert ListType().convert(5, None, None) == "5"


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("Accept: text/html", ("Accept", "text/html")),
        ("X-A:b", ("X-A", "b")),
        ("X-Empty:", ("X-Empty", "")),
        ("X: a: b\tc ", ("X", "a: b\tc")),
        ("X: ü", ("X", "ü")),
        (("X", "y"), ("X", "y")),
    ],
)
def test_a_header_is_a_name_and_a_value(text: Any, header: tuple[str, str]) -> None:
    assert HeaderType().convert(text, None, None) == header


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("Accept", "Accept"),
        (": x", ": …"),
        ("A b: c", "A …"),
        ("A : c", "A …"),
        ("Ä:", "Ä:"),
        ("A\n: c", "A …"),
        ("Authorization Bearer hunter2", "Authorization …"),
        (" Authorization\tBearer: hunter2", "Authorization …"),
    ],
)
def test_what_is_no_header_is_refused_without_what_may_be_a_secret_in_it(text: str, shown: str) -> None:
    assert _refused(HeaderType(), text) == f"{shown!r} is not a header; write 'Name: value'"


@pytest.mark.parametrize("char", ["\r", "\n", "\0", "\x1f", "\x7f"])
def test_a_header_cannot_smuggle_another_line(char: str) -> None:
    assert _refused(HeaderType(), f"X-A: b{char}X-B: c") == "a control character in the header 'X-A'"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Example.COM:80:192.0.2.1", ("example.com", 80, "192.0.2.1")),
        ("h:65535:2001:db8::1", ("h", 65535, "2001:db8::1")),
        ("h:1:[::1]", ("h", 1, "::1")),
        ("[::1]:443:127.0.0.1", ("::1", 443, "127.0.0.1")),
        (("h", 1, "::1"), ("h", 1, "::1")),
    ],
)
def test_a_resolve_rule_is_host_port_and_address(text: Any, rule: tuple[str, int, str]) -> None:
    assert ResolveType().convert(text, None, None) == rule


@pytest.mark.parametrize("text", ["", "h", "h:80", "h:80:", ":80:127.0.0.1", "h:x:127.0.0.1", "h:0:::1", "h:65536:::1"])
def test_what_is_no_resolve_rule_is_refused(text: str) -> None:
    assert _refused(ResolveType(), text) == f"{text!r} is not HOST:PORT:ADDR"


def test_a_resolve_rule_does_not_resolve() -> None:
    assert _refused(ResolveType(), "h:80:example.com") == "'example.com' is not an IP address"


def test_a_port_may_be_zero_for_a_free_one() -> None:
    assert [PORT.convert(text, None, None) for text in ("0", "65535")] == [0, 65535]
    for text in ("-1", "65536", "http"):
        _refused(PORT, text)


def test_a_peer_has_no_port_zero() -> None:
    assert [PEER_PORT.convert(text, None, None) for text in ("1", "65535")] == [1, 65535]
    for text in ("0", "65536"):
        _refused(PEER_PORT, text)


@pytest.mark.parametrize(
    ("text", "rate"), [("0.5", 0.5), ("1000", 1000.0), ("20k", 20_000.0), ("1M", 1e6), (" 1.5K ", 1500.0), (".5", 0.5)]
)
def test_a_rate_may_have_a_factor(text: str, rate: float) -> None:
    assert RateType(0.001, 1e7).convert(text, None, None) == rate


@pytest.mark.parametrize("text", ["", "x", "1G", "1k/s", "-1", "1e3", "nan", "0", "11M"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        RateType(0.001, 1e7).convert(text, None, None)
