"""The parent of several processes, with workers that say and do what a test has them do; the sockets are real."""

import errno
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred

from running import Running
from sockets import HandReactor
from tw.errors import TwError
from tw.events import ServerEvent, ServerSummary
from tw.net.redis_access import RedisAccess
from tw.options import CommonOptions
from tw.serve_options import ServeOptions
from tw.workers import supervisor as module
from tw.workers.messages import Job, service_of
from tw.workers.supervisor import Supervisor


class Worker:
    """Stands for `WorkerProcess`."""

    def __init__(self, number: int, boss: Supervisor, inherited: list[int]) -> None:
        self.number = number
        self.pid = 1000 + number
        self.inherited = inherited
        self.boss: Any = boss
        self.serves_since_s: float | None = None
        self.code: int | None = None
        self.error: TwError | None = None
        self.ended: Deferred[None] = Deferred()
        self.job: Job | None = None
        self.told: list[str] = []
        self.killed = False

    def begin(self, job: Job) -> None:
        self.job = job

    def tell(self, name: str, content: object = None) -> None:
        self.told.append(name)

    def kill(self) -> None:
        self.killed = True

    def says(self, name: str, content: object = None) -> None:
        self.boss.heard(self, name, content)

    def ends(self, code: int) -> None:
        self.code = code
        self.boss.gone(self)
        self.ended.callback(None)


class Crew:
    """A supervisor of two, and all its workers so far."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, options: ServeOptions, access: RedisAccess | None = None
    ) -> None:
        self.reactor = HandReactor()
        self.workers: list[Worker] = []
        self.events: list[ServerEvent] = []
        self.failures: list[TwError] = []
        self.refuses = False
        monkeypatch.setattr(module, "WorkerProcess", self._hire)
        self.supervisor = Supervisor(
            self.reactor,
            service_of(options),
            CommonOptions(),
            options,
            self.events.append,
            self.failures.append,
            access,
        )
        self.starting = Running(ensureDeferred(self.supervisor.start()))

    def _hire(self, reactor: object, number: int, boss: Supervisor, inherited: list[int]) -> Worker:
        if self.refuses:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        self.workers.append(Worker(number, boss, inherited))
        return self.workers[-1]

    def serve(self) -> "Crew":
        for worker in list(self.workers):
            worker.says("ready")
        assert self.starting.over
        return self

    def stop(self) -> ServerSummary:
        stopping = Running(ensureDeferred(self.supervisor.stop()))
        for worker in self.workers:
            if worker.code is None:
                worker.ends(0)
        summary: ServerSummary = stopping.result
        assert self.reactor.getDelayedCalls() == []
        return summary
