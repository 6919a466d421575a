"""A coroutine under way, and a display that keeps what it is shown."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tw.report import ProbeReport, Sample, SubscribeSummary


class Running:
    """A coroutine under way."""

    def __init__(self, deferred: Deferred[Any]) -> None:
        self.deferred = deferred
        self.ends: list[Any] = []
        deferred.addBoth(self.ends.append)

    @property
    def over(self) -> bool:
        return bool(self.ends)

    @property
    def error(self) -> BaseException:
        """What it raised."""
        assert isinstance(self.ends[0], Failure), f"it did not fail: {self.ends}"
        assert self.ends[0].value is not None
        return self.ends[0].value

    @property
    def result(self) -> Any:
        """What it gave."""
        assert self.ends, "it is not over"
        if isinstance(self.ends[0], Failure):
            self.ends[0].raiseException()
        return self.ends[0]


class Notes:
    """A display that keeps what it is shown."""

    def __init__(self) -> None:
        self.out: Any = None
        self.now = lambda: 0.0
        self.samples: list[Sample] = []
        self.reports: list[ProbeReport] = []
        self.lines: list[bytes] = []
        self.summaries: list[SubscribeSummary] = []
        self.talked = b""

    def event(self, event: object) -> None:
        raise AssertionError("a client has no events")

    def mail(self, report: object) -> None:
        raise AssertionError("no mail here")

    def sample(self, sample: Sample) -> None:
        self.samples.append(sample)

    def report(self, report: ProbeReport) -> None:
        self.reports.append(report)

    def received_line(self, line: bytes) -> None:
        self.lines.append(line)

    def subscribed(self, summary: SubscribeSummary) -> None:
        self.summaries.append(summary)

    def talk(self, data: bytes) -> None:
        self.talked += data

    @property
    def outcomes(self) -> list[str]:
        return [sample.outcome for sample in self.samples]
