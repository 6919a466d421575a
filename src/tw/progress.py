"""What a run tells while it goes on and at its end: one interface, below whoever runs and whoever shows.

`tw.display` shows it (plain lines, a terminal's table, JSON); a server that runs for `--self` tells nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tw.events import ServerEvent

if TYPE_CHECKING:
    from tw.report import ProbeReport, Sample, Snapshot, SubscribeSummary


class Display(Protocol):
    """Where results and events go. Every method may be called at any time; none raises."""

    progress_every_s: float | None
    """How often `progress` is to be called during a load run; None: not at all."""

    def event(self, event: ServerEvent) -> None: ...
    def sample(self, sample: Sample) -> None: ...
    def progress(self, snapshot: Snapshot) -> None: ...
    def report(self, report: ProbeReport) -> None: ...
    def received_line(self, line: bytes) -> None: ...
    def subscribed(self, summary: SubscribeSummary) -> None: ...
    def talk(self, data: bytes) -> None: ...
    def talk_over(self) -> None: ...
