"""What the command line takes for a fault, and what it refuses."""

import pytest

from command_lines import Shell
from tw.fault_options import FaultOptions


@pytest.mark.parametrize(
    ("typed", "options"),
    [
        ("--delay 250ms", FaultOptions(delay_s=0.25)),
        ("--delay 1:0.1%", FaultOptions(delay_s=1.0, delay_percent=0.1)),
        ("--delay 1 --jitter 2s", FaultOptions(delay_s=1.0, jitter_s=2.0)),
        ("--status 503:5 --status 400:.5", FaultOptions(statuses=((503, 5.0), (400, 0.5)))),
        ("--reset 100 --seed 7", FaultOptions(reset_percent=100.0, seed=7)),
        ("--close-after 1k", FaultOptions(close_after_bytes=1024)),
        ("", None),
    ],
)
def test_these_are_faults(shell: Shell, typed: str, options: FaultOptions | None) -> None:
    assert shell.start(f"serve counter {typed}").value("faults") == options


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("--reset 0", "above 0, 100 at most"),
        ("--reset 100.1", "above 0, 100 at most"),
        ("--corrupt nan", "above 0, 100 at most"),
        ("--truncate -1", "above 0, 100 at most"),
        ("--delay 5%", "write 250ms, 2s, 1m or a number of seconds"),
        ("--delay 1s:", "above 0, 100 at most"),
        ("--status 503", "write 503:5"),
        ("--status 200:5", "with a code from 400 to 599"),
        ("--status 503:0", "above 0, 100 at most"),
        ("--status 5030:1", "with a code from 400 to 599"),
        ("--close-after 0", "out of range"),
        ("--seed -1", "-1"),
        ("--seed 5", "--seed without a fault"),
    ],
)
def test_what_is_none_is_refused_with_the_right_form(shell: Shell, typed: str, shown: str) -> None:
    assert shown in shell.refused(f"serve counter {typed}")
