"""A peer of a blocking connection: it does its part in a thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

WHERE = "server:1"
LONG_S = 30.0
"""For what is expected to happen: a busy machine may take its time."""
SHORT_S = 0.05
"""For what is expected not to happen."""


@contextmanager
def side_by_side(work: Callable[[], object]) -> Iterator[None]:
    """Do the peer's part in a thread. It may be left at any time."""

    def run() -> None:
        with suppress(OSError):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(LONG_S)
        assert not thread.is_alive()
