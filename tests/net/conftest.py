"""A lean reactor of a test's own."""

from collections.abc import Iterator

import pytest

from reactor_loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()
