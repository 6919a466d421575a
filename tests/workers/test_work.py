"""A worker whose server starts, or waits for the Redis that it shares, with a parent that notes what it is told."""

from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from running import Running
from tw.errors import ConnectError, TwError
from tw.events import ServerEvent, ServerSummary, ViaChanged
from tw.net.tls import self_signed_tls
from tw.net.tls_handed import Handed, hand_over
from tw.options import CommonOptions
from tw.runtime import Stop
from tw.serve_options import ServePubSubOptions
from tw.via_options import ViaOptions
from tw.workers import worker as module
from tw.workers.messages import Job
from tw.workers.worker import AGAIN_S, COUNTS_EVERY_S, Work

OPTIONS = ServePubSubOptions(port=0, via=ViaOptions(url="redis://h"))
SUMMARY = ServerSummary(
    service="pubsub", connections=0, received_bytes=0, sent_bytes=0, refused=0, cut_off=0, duration_s=0.0
)


class Listening:
    """The part of a listener that a worker has to do with."""

    alpn = ()

    def __init__(self) -> None:
        self.inherited: Any = None
        self.tls: Any = None

    def inherit(self, descriptors: Any) -> None:
        self.inherited = descriptors


class Server:
    """One attempt at a server. `problem`: what its start raises."""

    def __init__(self, emit: Any, problem: TwError | None, says: ServerEvent | None) -> None:
        self.listener = Listening()
        self._emit = emit
        self._problem = problem
        self._says = says

    async def start(self) -> list[Any]:
        if self._says is not None:
            self._emit(self._says)
        if self._problem is not None:
            raise self._problem
        return []

    async def stop(self) -> ServerSummary:
        return SUMMARY

    def summary(self) -> ServerSummary:
        return SUMMARY


class Rig:
    """A worker with a job, and a Redis that is away for the first so many attempts."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        away: int = 0,
        *,
        replaces: bool = True,
        tls: Handed | None = None,
        says: ServerEvent | None = None,
    ) -> None:
        self.clock = Clock()
        self.servers: list[Server] = []
        self.told: list[str] = []
        self.show: Any = None
        self._away = away
        self._says = says
        monkeypatch.setattr(module, "make_service", self._make)
        job = Job(
            service="pubsub",
            common=CommonOptions(),
            options=OPTIONS,
            listeners=(5,),
            numbers=None,
            tls=tls,
            via={},
            replaces=replaces,
        )
        reactor: Any = self.clock
        parent: Any = self
        self.stop = Stop(reactor)
        self.running = Running(ensureDeferred(Work(reactor, job, parent).until(self.stop)))

    def _make(self, reactor: object, job: Job, emit: Any, numbers: object) -> Server:
        problem = ConnectError("refused", "--via h") if len(self.servers) < self._away else None
        self.servers.append(Server(emit, problem, self._says))
        return self.servers[-1]

    # The parent -------------------------------------------------------------------------------------------------------

    def hears(self, stop: Any, show: Any) -> None:
        self.show = show

    def event(self, event: ServerEvent) -> None:
        assert isinstance(event, ViaChanged)
        self.told.append(event.problem or "found")

    def tell(self, name: str, content: object = None) -> None:
        self.told.append(name)

    def last(self, name: str, content: object) -> None:
        self.told.append(name)


def test_one_that_takes_anothers_place_waits_until_redis_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, away=2)
    assert rig.told == ["--via h: refused"]
    rig.clock.advance(AGAIN_S)
    assert rig.told == ["--via h: refused", "--via h: refused"]
    rig.clock.advance(AGAIN_S)
    assert rig.told == ["--via h: refused", "--via h: refused", "found", "ready"]
    assert [server.listener.inherited for server in rig.servers] == [(5,)] * 3
    rig.clock.advance(COUNTS_EVERY_S)
    rig.stop.fire()
    assert rig.told[4:] == ["counts", "leaving", "last"]
    assert rig.running.result is None
    assert rig.clock.getDelayedCalls() == []


def test_at_the_start_of_all_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, away=1, replaces=False)
    assert isinstance(rig.running.error, ConnectError)
    assert rig.told == []
    assert rig.clock.getDelayedCalls() == []


def test_at_the_start_of_all_that_redis_is_there_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Rig(monkeypatch, replaces=False).told == ["ready"]


def test_one_that_starts_without_redis_does_not_say_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Rig(monkeypatch, says=ViaChanged(problem="away")).told == ["away", "ready"]


def test_who_waits_can_be_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, away=99)
    rig.clock.advance(AGAIN_S)
    rig.stop.fire()
    assert rig.running.result is None
    assert "ready" not in rig.told
    assert "last" not in rig.told, "it has counted nothing"
    assert rig.clock.getDelayedCalls() == []


def test_a_certificate_that_changed_while_it_waited_is_the_one_that_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = self_signed_tls("localhost"), self_signed_tls("localhost")
    rig = Rig(monkeypatch, away=1, tls=hand_over(old))
    rig.show(hand_over(new))
    rig.clock.advance(AGAIN_S)
    assert [server.listener.tls.pin for server in rig.servers] == [new.pin, new.pin]
    assert new.pin != old.pin
