"""The parent of workers that share a Redis: it owns no numbers, and tells once what becomes of that Redis."""

from collections.abc import Iterator
from typing import Any

import pytest

from supervised import Crew, Worker
from tw.core.via import parse_via
from tw.errors import AuthError, ConnectError
from tw.events import ServerSummary, ViaChanged, WorkerEnded, WorkerStarted
from tw.net.redis_access import RedisAccess, take_over_access
from tw.secret import Secret
from tw.serve_options import ServeCounterOptions, ServePubSubOptions
from tw.via_options import ViaOptions
from tw.workers.messages import error_content, event_content

URL = "redis://127.0.0.1?stream=s"
ACCESS = RedisAccess(parse_via(URL, "stream"), Secret("p"))


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    made = Crew(monkeypatch, ServePubSubOptions(port=0, workers=2, via=ViaOptions(url=URL)), ACCESS)
    yield made
    made.supervisor.listener.close()


def loses(worker: Worker, problem: str = "refused") -> None:
    worker.says("event", event_content(ViaChanged(problem=problem)))


def finds(worker: Worker) -> None:
    worker.says("event", event_content(ViaChanged(problem=None)))


def told(crew: Crew) -> list[str | None]:
    assert all(event.worker is None for event in crew.events if isinstance(event, ViaChanged)), "it is the whole's"
    return [event.problem for event in crew.events if isinstance(event, ViaChanged)]


def test_each_worker_is_told_how_to_get_in_and_only_those_who_come_later_wait(crew: Crew) -> None:
    crew.serve()
    crew.workers[0].ends(-9)
    crew.reactor.advance(0)
    jobs = [worker.job for worker in crew.workers]
    assert [job is not None and job.replaces for job in jobs] == [False, False, True]
    for job in jobs:
        assert job is not None
        assert job.via is not None
        access = take_over_access(job.via)
        assert (access.place, access.secret is not None and access.secret.reveal()) == (ACCESS.place, "p")
        assert "password" not in repr(job)
    crew.stop()


def test_what_all_of_them_lose_is_told_once(crew: Crew) -> None:
    crew.serve()
    one, other = crew.workers
    loses(one)
    loses(other, "timed out")
    finds(one)
    assert told(crew) == ["refused"]
    finds(other)
    assert told(crew) == ["refused", None]
    finds(other)
    loses(other, "again")
    assert told(crew) == ["refused", None, "again"]
    crew.stop()


def test_the_end_of_a_worker_is_no_news_of_redis_and_what_the_next_one_says_is(crew: Crew) -> None:
    crew.serve()
    loses(crew.workers[0])
    crew.workers[0].ends(-9)
    crew.reactor.advance(0)
    third = crew.workers[2]
    assert told(crew) == ["refused"]
    finds(third)
    third.says("ready")
    assert told(crew) == ["refused", None]
    assert [type(event) for event in crew.events] == [ViaChanged, WorkerEnded, ViaChanged, WorkerStarted]
    crew.stop()


def test_of_one_that_leaves_nobody_hears_what_becomes_of_its_redis(crew: Crew) -> None:
    crew.serve()
    crew.workers[0].says("leaving")
    loses(crew.workers[0])
    assert told(crew) == []
    crew.stop()


@pytest.mark.parametrize("kind", [ConnectError, AuthError])
def test_a_redis_that_is_of_no_use_at_the_start_is_one_error_and_no_second_try(
    crew: Crew, kind: type[ConnectError] | type[AuthError]
) -> None:
    for worker in list(crew.workers):
        worker.says("failed", error_content(kind("refused", "--via 127.0.0.1:6379", "is it up?")))
        worker.ends(3)
    assert type(crew.starting.error) is kind
    assert str(crew.starting.error) == "refused (--via 127.0.0.1:6379); is it up?"
    crew.reactor.advance(60)
    assert len(crew.workers) == 2
    assert crew.events == []


def test_the_count_is_redis_and_no_numbers_are_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    options = ServeCounterOptions(port=0, workers=2, via=ViaOptions(url="redis://127.0.0.1"), lease=5, start=7)
    crew = Crew(monkeypatch, options, ACCESS).serve()
    for worker in crew.workers:
        assert worker.job is not None
        assert worker.job.numbers is None
        assert len(worker.inherited) == 1, "a listening socket, and none for numbers"
    crew.stop()


def test_the_places_lines_are_counted_once_and_their_losses_all(crew: Crew) -> None:
    def counts(**more: int) -> dict[str, Any]:
        fixed = {"connections": 1, "received_bytes": 0, "sent_bytes": 0, "refused": 0, "cut_off": 0, "duration_s": 1.0}
        return event_content(ServerSummary(service="pubsub", **fixed, more=more))

    crew.serve()
    crew.workers[0].says("counts", counts(lines=40, unrelayed_lines=0))
    crew.workers[0].ends(-9)
    crew.reactor.advance(0)
    crew.workers[2].says("last", {"summary": counts(lines=50, unrelayed_lines=2), "unused": []})
    crew.workers[1].says("last", {"summary": counts(lines=95, unrelayed_lines=1), "unused": []})
    summary = crew.stop()
    assert summary.service == "pubsub"
    assert summary.more == {"lines": 95, "unrelayed_lines": 3, "workers": 2, "restarts": 1}
    assert summary.connections == 3
