"""What one part of a load run, the warm-up or the run itself, has measured so far."""

from collections import Counter

from tw.core.histogram import Histogram

BATCH = 4096
"""Times are put into the histogram so many at once: 0.5 us each in place of 2, and 32 KiB a list."""


class Books:
    """Times and counts. `latency` counts from when a message was due, `service` from when it was sent, and `late` is
    what lies between; a closed loop has only the first, since there a message is due when it is sent."""

    __slots__ = (
        "_latencies", "_lates", "_services", "began_s", "ended_s", "errors", "held", "late", "latency", "received",
        "received_bytes", "reconnected", "retried", "sent", "sent_bytes", "service", "unsent", "unsettled",
    )  # fmt: skip

    def __init__(self, began_s: float) -> None:
        self.latency = Histogram()
        self.service = Histogram()
        self.late = Histogram()
        self._latencies: list[float] = []
        self._services: list[float] = []
        self._lates: list[float] = []
        self.errors: Counter[str] = Counter()
        self.began_s = began_s
        self.ended_s: float | None = None
        self.sent = 0
        self.received = 0
        self.sent_bytes = 0
        self.received_bytes = 0
        # Messages that were due and had to wait for answers to others: no connection could take one more.
        self.held = 0
        # Messages that were due before the end, and for which there was never room.
        self.unsent = 0
        # Messages under way when a signal cut the run short: neither received nor lost.
        self.unsettled = 0
        self.reconnected = 0
        self.retried = 0

    def answered(self, due_s: float, sent_s: float, now_s: float, *, paced: bool) -> None:
        """Note a good answer's times."""
        self.received += 1
        self._latencies.append(now_s - due_s)
        if paced:
            self._services.append(now_s - sent_s)
        if len(self._latencies) >= BATCH:
            self.look()

    def departed(self, late_s: float) -> None:
        """Note how long after it was due a message was sent, for no reason but the probe's own."""
        self._lates.append(late_s)
        if len(self._lates) >= BATCH:
            self.look()

    def close(self, now_s: float) -> None:
        """Nothing more is to come."""
        if self.ended_s is None:
            self.ended_s = now_s
        self.look()

    def duration_s(self, now_s: float) -> float:
        return max(0.0, (now_s if self.ended_s is None else self.ended_s) - self.began_s)

    def look(self) -> None:
        """Bring the histograms up to date."""
        for times, histogram in (
            (self._latencies, self.latency),
            (self._services, self.service),
            (self._lates, self.late),
        ):
            histogram.record_many(times)
            times.clear()
