"""Faults that make no sense are refused before anything is bound."""

from typing import Any

import pytest

from tw.errors import UsageError
from tw.fault_options import FaultOptions
from tw.serve_options import ServeCounterOptions, ServeEchoOptions


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"seed": 1}, "--seed without a fault"),
        ({"jitter_s": 1.0}, "--jitter without --delay"),
        ({"reset_percent": 60.0, "statuses": ((503, 41.0),)}, "faults of 101 percent"),
        ({"statuses": ((503, 1.0), (503, 2.0))}, "--status with the same code twice"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError) as caught:
        FaultOptions(**options)
    assert caught.value.what == what
    assert caught.value.hint


def test_tenths_that_add_up_to_all_are_taken() -> None:
    FaultOptions(reset_percent=33.3, corrupt_percent=33.3, truncate_percent=33.4)


def test_echo_has_no_status() -> None:
    with pytest.raises(UsageError, match="--status without HTTP"):
        ServeEchoOptions(faults=FaultOptions(statuses=((503, 1.0),)))


@pytest.mark.parametrize("options", [ServeEchoOptions, ServeCounterOptions])
def test_what_was_seen_is_not_told_wrongly_on_purpose(options: Any) -> None:
    with pytest.raises(UsageError, match="--describe beside faults"):
        options(describe=True, faults=FaultOptions(reset_percent=1.0))
