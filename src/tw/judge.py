"""The step between a probe and the screen: its report is judged, written to files, and only then shown.

Every probe's every mode ends in a report that it gives to its display. Standing in the display's place, this needs no
help from any of them. What a run without assertions and files does not need is not loaded.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tw.display import Screen
from tw.errors import ExitCode, LocalError, TwError
from tw.events import ServerEvent
from tw.output import Output
from tw.probe_options import ProbeOptions
from tw.progress import Display
from tw.report import ProbeReport, Sample, Snapshot, SubscribeSummary
from tw.result_file import check_place, write_whole

if TYPE_CHECKING:
    from tw.core.assertions import Assertion

JUNIT = "the JUnit file"
HGRM = "the histogram's file"


class ClientRun(Protocol):
    """A client's run. `run` raises TwError where it cannot go on; `conclude` shows what there is, and judges it."""

    async def run(self) -> None: ...
    def conclude(self, failed: TwError | None) -> ExitCode: ...


Options = TypeVar("Options", bound=ProbeOptions)


class Judge:
    """A display that judges. `probe` is its name, as reports have it.

    Raises UsageError for an assertion that the run cannot answer, LocalError for a file that could not be written: both
    before anything is measured.
    """

    def __init__(self, probe: str, options: ProbeOptions) -> None:
        self._probe = probe
        self._assertions = _understood(options) if options.judge.asserted else []
        self._junit = options.judge.junit
        self._hgrm = options.judge.hgrm
        self._has_report = False
        for path, what in ((self._junit, JUNIT), (self._hgrm, HGRM)):
            if path is not None:
                check_place(path, what)

    def client(
        self, reactor: Any, options: Options, screen: Screen, make: Callable[[Any, Options, Display], ClientRun]
    ) -> ClientRun:
        """The client that `make` makes, with this between it and the screen."""
        judged_screen = JudgedScreen(self, screen)
        return JudgedRun(make(reactor, options, judged_screen), judged_screen)

    def judge(self, report: ProbeReport, now_s: float) -> ProbeReport:
        """The report as it is to be shown, once the files are written. One that cannot be is the report's error.

        A run that failed keeps its own error: the first thing that went wrong decides.
        """
        self._has_report = True
        if self._assertions:
            from tw.report.judgement import judged

            report = judged(report, self._assertions)
        if self._hgrm is not None:
            from tw.core.hgrm import hgrm
            from tw.core.histogram import Histogram

            # Also where nothing was measured: the file of an earlier run would be taken for this one's.
            text = hgrm(report.rtt_ms.histogram or Histogram())
            report = _noting(report, self._hgrm, text.encode(), HGRM)
        if self._junit is not None:
            from tw.junit import junit_xml

            report = _noting(report, self._junit, junit_xml(report, now_s), JUNIT)
        return report

    @contextmanager
    def told_of_failure(self, now: Callable[[], float]) -> Iterator[None]:
        """Whatever fails in here before there is a report is in the JUnit file too: CI looks nowhere else."""
        try:
            yield
        except TwError as error:
            if self._junit is not None and not self._has_report:
                from tw.junit import junit_failure

                write_whole(self._junit, junit_failure(self._probe, error, now()), JUNIT)
            raise


def _understood(options: ProbeOptions) -> "list[Assertion]":
    from tw.core.assertions import parse
    from tw.core.measurable import measurable, refuse_beyond_reach

    known = measurable(options)
    assertions = [parse(text, known) for text in options.judge.asserted]
    for one in assertions:
        refuse_beyond_reach(one, options)
    return assertions


def _noting(report: ProbeReport, path: str, data: bytes, what: str) -> ProbeReport:
    try:
        write_whole(path, data, what)
    except LocalError as error:
        return replace(report, ok=False, error=report.error or error)
    return report


class JudgedScreen:
    """A screen with a judge in front of it. `shown` is the report that was shown, as it was judged."""

    def __init__(self, judge: Judge, screen: Screen) -> None:
        self._judge = judge
        self._screen = screen
        self.out: Output = screen.out
        self.now: Callable[[], float] = screen.now
        self.shown: ProbeReport | None = None

    @property
    def progress_every_s(self) -> float | None:
        return self._screen.progress_every_s

    @progress_every_s.setter
    def progress_every_s(self, seconds: float | None) -> None:
        self._screen.progress_every_s = seconds

    def report(self, report: ProbeReport) -> None:
        self.shown = self._judge.judge(report, self.now())
        self._screen.report(self.shown)

    def finish(self) -> None:
        self._screen.finish()

    def event(self, event: ServerEvent) -> None:
        self._screen.event(event)

    def sample(self, sample: Sample) -> None:
        self._screen.sample(sample)

    def progress(self, snapshot: Snapshot) -> None:
        self._screen.progress(snapshot)

    def received_line(self, line: bytes) -> None:
        self._screen.received_line(line)

    def subscribed(self, summary: SubscribeSummary) -> None:
        self._screen.subscribed(summary)

    def talk(self, data: bytes) -> None:
        self._screen.talk(data)

    def talk_over(self) -> None:
        self._screen.talk_over()


class JudgedRun:
    """A client whose verdict is the judge's."""

    def __init__(self, client: ClientRun, screen: JudgedScreen) -> None:
        self._client = client
        self._screen = screen

    async def run(self) -> None:
        await self._client.run()

    def conclude(self, failed: TwError | None) -> ExitCode:
        """Raises LocalError where a file could not be written, and nothing else has failed."""
        own = self._client.conclude(failed)
        shown = self._screen.shown
        if shown is None:
            return own
        if failed is None and shown.error is not None:
            shown.error.reported = True
            raise shown.error
        return ExitCode.OK if shown.ok else ExitCode.BAD_VERDICT
