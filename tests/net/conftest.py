"""A lean reactor of a test's own."""

from collections.abc import Iterator

import pytest
from twisted.internet import tcp

from reactor_loop import Loop
from tw.net.accepted import Accepted


@pytest.fixture(params=[Accepted, tcp.Server], ids=["short", "stock"])
def loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    """With each kind of transport in turn: nothing may tell them apart."""
    made = Loop(request.param)
    yield made
    made.close()
