"""A coroutine under way, a stdin to type into, and a display that keeps what it is shown."""

import os
import select
import threading
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from tw.errors import ExitCode, Interrupted, TwError
from tw.report import ProbeReport, Sample, Snapshot, SubscribeSummary


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


class Stdin:
    """What stands for `sys.stdin`: a pipe, or a file."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()

    def fileno(self) -> int:
        return self.reading

    def type(self, data: bytes) -> None:
        os.write(self._writing, data)

    def end(self) -> None:
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def be_file(self, path: Path, data: bytes) -> None:
        """Be a regular file that holds `data`, which may be more than a pipe takes."""
        path.write_bytes(data)
        os.close(self.reading)
        self.reading = os.open(path, os.O_RDONLY)

    def notice_waiting(self, monkeypatch: Any) -> threading.Event:
        """Told when somebody waits for it because it holds nothing."""
        waits = threading.Event()
        wait = select.select

        def select_and_tell(*args: Any) -> Any:
            waits.set()
            return wait(*args)

        monkeypatch.setattr(select, "select", select_and_tell)
        return waits

    def close_threads(self) -> None:
        """End it, and wait for the threads that read it."""
        self.end()
        for thread in threading.enumerate():
            if thread.name == "stdin":
                thread.join(30)
                assert not thread.is_alive()

    def close(self) -> None:
        self.close_threads()
        os.close(self.reading)


class Notes:
    """A display that keeps what it is shown."""

    def __init__(self) -> None:
        self.out: Any = None
        self.now = lambda: 0.0
        self.progress_every_s: float | None = None
        self.samples: list[Sample] = []
        self.snapshots: list[Snapshot] = []
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

    def progress(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def report(self, report: ProbeReport) -> None:
        self.reports.append(report)

    def received_line(self, line: bytes) -> None:
        self.lines.append(line)

    def subscribed(self, summary: SubscribeSummary) -> None:
        self.summaries.append(summary)

    def talk(self, data: bytes) -> None:
        self.talked += data

    def talk_over(self) -> None:
        self.is_over = True

    @property
    def outcomes(self) -> list[str]:
        return [sample.outcome for sample in self.samples]


class ClientRig:
    """A client's run and its conclusion, which follows at once, as in `tw.clients`: what comes later is too late."""

    def __init__(self, net: Any, notes: Notes, client: Any) -> None:
        self.net = net
        self.notes = notes
        self.client = client
        self.code: ExitCode | None = None
        self.running: Running = net.run(self._to_its_end())

    async def _to_its_end(self) -> None:
        failed: TwError | None = None
        try:
            await self.client.run()
        except TwError as error:
            failed = error
        self.code = self.client.conclude(failed)
        if failed is not None:
            raise failed

    def cancel(self) -> Any:
        """Cut it short, as a signal does; gives its report, if it has one."""
        self.running.deferred.cancel()
        self.net.settle()
        assert isinstance(self.running.error, CancelledError)
        self.code = self.client.conclude(Interrupted("SIGINT"))
        return self.notes.reports[-1] if self.notes.reports else None

    @property
    def report(self) -> ProbeReport:
        assert self.code is not None, "it is not over"
        return self.notes.reports[-1]
