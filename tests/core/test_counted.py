"""Counts in sentences for people."""

import pytest

from tw.core.counted import counted


@pytest.mark.parametrize(
    ("count", "plural", "text"),
    [
        (1, "lines", "1 line"),
        (0, "lines", "0 lines"),
        (2, "lines", "2 lines"),
        (1, "foreign entries", "1 foreign entry"),
        (1, "relayed batches", "1 relayed batch"),
        (1, "dropped bytes", "1 dropped byte"),
        (1, "cut off", "1 cut off"),
    ],
)
def test_one_of_them_is_no_plural(count: int, plural: str, text: str) -> None:
    assert counted(count, plural) == text
