"""What Nagios and its kin read: one line of text and performance data, and one of four codes.

The rules are those of https://www.monitoring-plugins.org/doc/guidelines.html, held against a reader of their own here.
"""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.nagios import (
    LONG_LIMIT_BYTES,
    SEVERITY,
    TEXT_LIMIT_CHARS,
    Metric,
    State,
    number,
    plain,
    state_of,
    status,
    worst,
)
from tw.errors import (
    AnswerTimeout,
    AuthError,
    ConnectError,
    Interrupted,
    LocalError,
    NothingThere,
    ProtocolError,
    TlsError,
    TwError,
    UsageError,
)

RANGE = r"@?(?:(?:~|-?[\d.]+):)?(?:-?[\d.]+)?"
PERFDATA = re.compile(
    rf"([^\s='|]+)=(-?\d+(?:\.\d+)?)(us|ms|s|%|B|KB|MB|TB|c)?(?:;({RANGE}))?(?:;({RANGE}))?(?:;(-?[\d.]*))?(?:;(-?[\d.]*))?"
)
"""Section 2.6, of a label that needs no quotes: 'label'=value[UOM];[warn];[crit];[min];[max]."""


@dataclass
class Read:
    """An output as a reader takes it apart."""

    text: str
    metrics: dict[str, tuple[str, ...]]
    more: list[str]


def read(output: str) -> Read:
    first, *more = output.split("\n")
    text, bar, data = first.partition("|")
    metrics = {}
    for word in data.split():
        match = PERFDATA.fullmatch(word)
        assert match, word
        metrics[match[1]] = tuple(part or "" for part in match.groups()[1:])
    assert bool(bar) == bool(metrics)
    return Read(text.rstrip(" "), metrics, more)


# States


def test_the_codes_are_the_guidelines() -> None:
    assert [(state.name, int(state)) for state in State] == [("OK", 0), ("WARNING", 1), ("CRITICAL", 2), ("UNKNOWN", 3)]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ConnectError("x"), State.CRITICAL),
        (AnswerTimeout("x"), State.CRITICAL),
        (TlsError("x"), State.CRITICAL),
        (AuthError("x"), State.CRITICAL),
        (ProtocolError("x"), State.CRITICAL),
        (NothingThere("x"), State.CRITICAL),
        (UsageError("x"), State.UNKNOWN),
        (LocalError("x"), State.UNKNOWN),
        (Interrupted("SIGTERM"), State.UNKNOWN),
        (TwError("x"), State.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_is_the_services_or_says_nothing_of_it(error: TwError, state: State) -> None:
    assert state_of(error) is state


def test_every_kind_of_failure_is_tried() -> None:
    tried = {ConnectError, AnswerTimeout, TlsError, AuthError, ProtocolError, NothingThere, UsageError, LocalError}
    assert set(TwError.__subclasses__()) == tried | {Interrupted}


def test_the_worst_of_several_is_what_somebody_has_to_see_first() -> None:
    assert worst([]) is State.OK
    assert worst([State.OK, State.UNKNOWN]) is State.UNKNOWN
    assert worst([State.UNKNOWN, State.WARNING, State.OK]) is State.WARNING
    assert worst([State.CRITICAL, State.UNKNOWN, State.WARNING]) is State.CRITICAL
    assert set(SEVERITY) == set(State)


# Performance data


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (Metric(label="time", value=0.25, unit="s"), "time=0.25s;;;0"),
        (Metric(label="messages", value=3), "messages=3;;;0"),
        (Metric(label="unread", value=3, critical="10"), "unread=3;;10;0"),
        (Metric(label="cert_days", value=-2, warning="30:", critical="7:", least=""), "cert_days=-2;30:;7:"),
        (Metric(label="cert_days", value=5, least=""), "cert_days=5"),
        (Metric(label="age", value=90, unit="s", warning="1", critical="2", least=""), "age=90s;1;2"),
    ],
)
def test_a_metric_has_its_unit_its_ranges_and_its_least_value(metric: Metric, text: str) -> None:
    assert str(metric) == text
    assert PERFDATA.fullmatch(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (100, "100"),
        (10**20, "100000000000000000000"),
        (0.0, "0"),
        (100.0, "100"),
        (0.1, "0.1"),
        (1.2345, "1.234"),
        (1e-9, "0"),
        (1e16, "10000000000000000"),
    ],
)
def test_a_number_has_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(0, 1e12) | st.integers(0, 10**12))
def test_a_number_is_read_back_to_the_thousandth(value: float) -> None:
    text = number(value)
    assert re.fullmatch(r"\d+(\.\d{0,2}[1-9])?", text)
    assert float(text) == pytest.approx(value, abs=0.00051)


# The whole

METRICS = [Metric(label="time", value=0.5, unit="s"), Metric(label="unread", value=3, critical="10")]


def test_an_output_is_one_line_and_then_what_more_there_is() -> None:
    assert status(State.OK, "all well") == "IMAP OK - all well"
    assert status(State.WARNING, "soon", METRICS) == "IMAP WARNING - soon | time=0.5s;;;0 unread=3;;10;0"
    output = status(State.CRITICAL, "1 of 2", METRICS, ["CRITICAL a: down", "WARNING b: soon"])
    assert read(output) == Read(
        "IMAP CRITICAL - 1 of 2",
        {"time": ("0.5", "s", "", "", "0", ""), "unread": ("3", "", "", "10", "0", "")},
        ["CRITICAL a: down", "WARNING b: soon"],
    )


HOSTILE = "a|b\nc\r\nd\x1b[31m\u2028e | time=0s"


def test_foreign_text_begins_neither_performance_data_nor_a_line() -> None:
    assert plain(HOSTILE) == r"a/b\x0ac\x0d\x0ad\x1b[31m\u2028e / time=0s"
    output = read(status(State.OK, HOSTILE, METRICS, [HOSTILE]))
    assert output.text == f"IMAP OK - {plain(HOSTILE)}"
    assert set(output.metrics) == {"time", "unread"}
    assert output.more == [plain(HOSTILE)]


TEXT = st.text(st.characters() | st.sampled_from("|\n\r;='\u2028 \x00"))


@given(st.sampled_from(State), TEXT, st.lists(TEXT, max_size=3))
def test_whatever_the_text_is_the_output_is_read_as_it_was_meant(state: State, text: str, more: list[str]) -> None:
    output = status(state, text, METRICS, more)
    assert output.count("|") == 1
    assert len(f"{output}.".splitlines()) == 1 + len(more), "no other line end than the ones between them"
    taken = read(output)
    assert taken.text.startswith(f"IMAP {state.name} -")
    assert {label: values[0] for label, values in taken.metrics.items()} == {"time": "0.5", "unread": "3"}


@given(st.text(st.sampled_from("x|\n\u202e"), min_size=TEXT_LIMIT_CHARS))
def test_a_long_text_leaves_room_for_the_performance_data(text: str) -> None:
    output = status(State.OK, text, METRICS)
    assert len(output) <= TEXT_LIMIT_CHARS + 80
    assert set(read(output).metrics) == {"time", "unread"}


@given(st.lists(st.text(max_size=600), max_size=60))
def test_further_lines_are_whole_and_no_more_than_nagios_takes(more: list[str]) -> None:
    first, *lines = status(State.CRITICAL, "x", (), more).split("\n")
    assert first == "IMAP CRITICAL - x"
    assert len("\n".join(lines).encode()) < 8 * 1024 - 500
    shown = [plain(line) for line in more]
    if lines == shown:
        return
    assert lines[:-1] == shown[: len(lines) - 1]
    assert lines[-1] == f"and {len(more) - len(lines) + 1} more"
    assert len("\n".join(shown).encode()) > LONG_LIMIT_BYTES - 1
