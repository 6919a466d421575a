"""The counter's one timer: now and then it looks at every connection, and ends those that were waited for too long.

A timer for each request would cost more than the request. Where there is no connection there is no timer either.
"""

from collections.abc import Callable, Iterable
from typing import Any

from tw.core.patience import Patience, WaitLimits
from tw.protocols.counter import CounterServer


class Sweep:
    """Sweeps over what `connections` gives, from `wake` until none is left, or `stop`."""

    def __init__(self, reactor: Any, limits: WaitLimits, connections: Callable[[], Iterable[CounterServer]]) -> None:
        self._reactor = reactor
        self._limits = limits.by_wait()
        self._every_s = limits.sweep_s
        self._connections = connections
        self._call: Any = None
        self._stopped = False

    def wake(self) -> None:
        """There is a connection. Safe to call again."""
        if self._call is None and not self._stopped:
            self._call = self._reactor.callLater(self._every_s, self._sweep)

    def stop(self) -> None:
        self._stopped = True
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _sweep(self) -> None:
        self._call = None
        now_s, limits = self._reactor.seconds(), self._limits
        # A copy: who is ended here may be gone at once.
        connections = list(self._connections())
        for connection in connections:
            wait, mark = connection.wait()
            patience = connection.patience = connection.patience or Patience()
            if patience.is_over(wait, mark, now_s, limits[wait]):
                connection.expire(wait)
        if connections:
            self.wake()
