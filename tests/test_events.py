"""The JSON of servers: every event by its name, its time and its fields."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw import events
from tw.events import (
    Closed,
    Dropped,
    FaultsAsked,
    Listening,
    Opened,
    Refused,
    Reloaded,
    Requested,
    ServerEvent,
    ServerSummary,
    StateWritten,
    Stopping,
    Unwritten,
    ViaChanged,
    WorkerEnded,
    WorkerStarted,
)
from tw.schema import iso_utc

AT_S = 784111777.25
AT = "1994-11-06T08:49:37.250Z"

TCP = {"service": "echo", "transport": "tcp", "host": "::1", "port": 1234, "endpoint": "tcp:[::1]:1234"}
UNIX = {"service": "echo", "transport": "unix", "path": "/s", "endpoint": "unix:/s"}
TLS = {"tls": True, "pin": "sha256//x", "pid": 9}
COUNTS = {"connections": 1, "received_bytes": 2, "sent_bytes": 3, "refused": 4, "cut_off": 5, "duration_s": 1.234568}
NO_LIMITS: dict[str, Any] = {"refusals": {}, "idle": 0, "accept_pauses": 0}

MEASURED = {**COUNTS, "duration_s": 1.23456789}

EVENTS: list[tuple[ServerEvent, str, dict[str, Any]]] = [
    (Listening(**TCP, **TLS), "listening", {**TCP, **TLS}),
    (Listening(**UNIX, pid=9), "listening", {**UNIX, "tls": False, "pin": None, "pid": 9}),
    (Opened(id=1, peer="h:5"), "open", {"id": 1, "peer": "h:5"}),
    (
        Closed(id=1, peer="h:5", reason="done", received_bytes=2, sent_bytes=3, duration_s=1.23456789),
        "close",
        {"id": 1, "peer": "h:5", "reason": "done", "received_bytes": 2, "sent_bytes": 3, "duration_s": 1.234568},
    ),
    (
        Requested(number=None, method="PUT", path="/", status=405, peer="h:5"),
        "request",
        {"number": None, "method": "PUT", "path": "/", "status": 405, "peer": "h:5"},
    ),
    (Dropped(id=1, lines=2, dropped_bytes=30), "drop", {"id": 1, "lines": 2, "dropped_bytes": 30}),
    (Refused(peer="h:5", reason="full"), "refused", {"peer": "h:5", "reason": "full", "suppressed": 0}),
    (Reloaded(pin="sha256//x"), "reloaded", {"pin": "sha256//x"}),
    (StateWritten(problem="no space"), "state", {"ok": False, "problem": "no space"}),
    (StateWritten(problem=None), "state", {"ok": True, "problem": None}),
    (ViaChanged(problem="lost"), "via", {"ok": False, "problem": "lost"}),
    (ViaChanged(problem=None), "via", {"ok": True, "problem": None}),
    (Unwritten(lines=7), "unwritten", {"lines": 7}),
    (
        WorkerEnded(worker=2, pid=4, reason="was ended by SIGKILL", again_s=0.5),
        "worker_ended",
        {"worker": 2, "pid": 4, "reason": "was ended by SIGKILL", "again_s": 0.5},
    ),
    (WorkerStarted(worker=3, pid=5), "worker_started", {"worker": 3, "pid": 5}),
    (Opened(worker=3, id=1, peer="127.0.0.1:5"), "open", {"worker": 3, "id": 1, "peer": "127.0.0.1:5"}),
    (Stopping(signal="SIGINT"), "stopping", {"signal": "SIGINT"}),
    (Stopping(signal=None), "stopping", {"signal": None}),
    (
        ServerSummary(service="pubsub", **MEASURED, more={"lines": 6}),
        "summary",
        {"service": "pubsub", **COUNTS, **NO_LIMITS, "lines": 6},
    ),
    (ServerSummary(service="echo", **MEASURED), "summary", {"service": "echo", **COUNTS, **NO_LIMITS}),
    (
        ServerSummary(service="echo", **MEASURED, refusals={"denied": 4}, idle=7, accept_pauses=8),
        "summary",
        {"service": "echo", **COUNTS, "refusals": {"denied": 4}, "idle": 7, "accept_pauses": 8},
    ),
    (
        ServerSummary(service="echo", **MEASURED, faults={"delay": 5, "reset": 0}, seed=6),
        "summary",
        {"service": "echo", **COUNTS, **NO_LIMITS, "faults": {"delay": 5, "reset": 0}, "seed": 6},
    ),
    (FaultsAsked(seed=6), "faults", {"seed": 6}),
    (ServerEvent(), "", {}),
]


@pytest.mark.parametrize(("event", "name", "fields"), EVENTS, ids=[name for _, name, _ in EVENTS])
def test_an_event_has_these_fields_and_its_name_and_time_first(
    event: ServerEvent, name: str, fields: dict[str, Any]
) -> None:
    document = event.to_json(AT_S)
    assert document == {"v": 1, "event": name, "at": AT, **fields}
    assert list(document) == ["v", "event", "at", *fields]


@pytest.mark.parametrize("event", [event for event, _, fields in EVENTS if fields], ids=repr)
def test_an_event_stays_as_it_happened(event: ServerEvent) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(event, event.__slots__[0], None)


def test_every_event_that_there_is_stands_in_this_contract() -> None:
    assert {type(event) for event, _, _ in EVENTS} == {
        each for each in vars(events).values() if isinstance(each, type) and issubclass(each, ServerEvent)
    }


@pytest.mark.parametrize(
    ("at_s", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (AT_S, AT),
        (1700000000.0004, "2023-11-14T22:13:20.000Z"),
        (4102444799.999, "2099-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_iso_8601_in_utc_to_the_millisecond(at_s: float, text: str) -> None:
    assert iso_utc(at_s) == text


@given(st.floats(0, 4e9))
def test_a_time_is_read_back_within_a_millisecond_whatever_the_clock_says(at_s: float) -> None:
    text = iso_utc(at_s)
    assert len(text) == len(AT)
    read = datetime.fromisoformat(text)
    assert read.tzinfo == UTC
    assert -1e-6 < at_s - read.timestamp() < 0.001 + 1e-6
