"""What coverage measures of the processes that these tests start."""

from collections.abc import Iterator

import pytest

COVERAGE = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
"""By these, coverage follows into a process that is started."""


@pytest.fixture(autouse=True, scope="module")
def _measured_where_marked(request: pytest.FixtureRequest) -> Iterator[None]:
    """Coverage follows only from modules marked `measured`: those whose code no test runs in its own process.

    It nearly doubles what a start of `tw` costs, and the other modules would add no line to it.
    """
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("measured") is None:
            for name in COVERAGE:
                patch.delenv(name, raising=False)
        yield
