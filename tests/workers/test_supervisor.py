"""The parent's decisions, with workers that say and do what a test has them do; the sockets are real."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred

from ports import held_port
from running import Running
from supervised import Crew
from tw.core.workers import FIRST_WAIT_S, MOST_FAILURES
from tw.errors import ConnectError, LocalError, UsageError
from tw.events import Opened, ServerSummary, WorkerEnded, WorkerStarted
from tw.serve_options import ServeCounterOptions, ServeEchoOptions
from tw.workers.messages import error_content, event_content
from tw.workers.supervisor import GRACE_S


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    made = Crew(monkeypatch, ServeEchoOptions(port=0, workers=2, max_connections=5))
    yield made
    made.supervisor.listener.close()


def counts(connections: int) -> dict[str, Any]:
    return event_content(
        ServerSummary(
            service="echo",
            connections=connections,
            received_bytes=0,
            sent_bytes=0,
            refused=0,
            cut_off=0,
            duration_s=1.0,
        )
    )


def test_it_serves_once_all_of_them_do_and_each_has_its_own_socket(crew: Crew) -> None:
    one, other = crew.workers
    one.says("ready")
    assert not crew.starting.over
    other.says("ready")
    (listening,) = crew.starting.result
    assert listening.worker_pids == (1001, 1002)
    assert one.job is not None
    assert one.job.options.max_connections == 3
    assert set(one.inherited).isdisjoint(other.inherited)
    crew.stop()


def test_what_workers_tell_has_their_number(crew: Crew) -> None:
    crew.serve()
    crew.workers[1].says("event", event_content(Opened(id=7, peer="h:1")))
    assert crew.events == [Opened(id=7, peer="h:1", worker=2)]
    crew.stop()


def test_the_place_of_one_that_ended_is_filled_with_the_same_socket(crew: Crew) -> None:
    crew.serve()
    crew.workers[0].ends(-9)
    assert crew.events == [WorkerEnded(worker=1, pid=1001, reason="was ended by SIGKILL", again_s=0.0)]
    crew.reactor.advance(0)
    third = crew.workers[2]
    assert third.inherited == crew.workers[0].inherited
    third.says("ready")
    assert crew.events[1:] == [WorkerStarted(worker=3, pid=1003)]
    third.ends(1)
    assert crew.events[2:] == [WorkerEnded(worker=3, pid=1003, reason="ended by itself with code 1", again_s=0.1)]
    crew.reactor.advance(FIRST_WAIT_S / 2)
    assert len(crew.workers) == 3
    crew.reactor.advance(FIRST_WAIT_S / 2)
    assert len(crew.workers) == 4
    assert crew.stop().more["restarts"] == 2


def test_one_that_leaves_is_replaced_at_once_and_its_end_is_no_second_one(crew: Crew) -> None:
    crew.serve()
    crew.workers[0].says("leaving")
    crew.reactor.advance(0)
    assert len(crew.workers) == 3
    crew.workers[0].says("last", {"summary": counts(4), "unused": []})
    crew.workers[0].ends(0)
    crew.reactor.advance(60)
    assert len(crew.workers) == 3
    assert crew.stop().connections == 4


def test_the_counts_of_one_that_was_killed_are_added_up_as_far_as_they_were_told(crew: Crew) -> None:
    crew.serve()
    crew.workers[0].says("counts", counts(3))
    crew.workers[0].says("counts", counts(5))
    crew.workers[0].ends(-9)
    crew.workers[1].says("counts", counts(1))
    crew.workers[1].says("last", {"summary": counts(10), "unused": []})
    summary = crew.stop()
    assert summary.connections == 15
    assert dict(summary.more) == {"workers": 2, "restarts": 0}


def test_one_that_waits_to_be_started_is_not_once_all_stop(crew: Crew) -> None:
    crew.serve()
    crew.workers[0].ends(-9)
    assert crew.stop().more["restarts"] == 0
    crew.reactor.advance(60)
    assert len(crew.workers) == 2


def test_a_stop_is_told_and_outlived_by_none(crew: Crew) -> None:
    crew.serve()
    stopping = Running(ensureDeferred(crew.supervisor.stop()))
    assert [worker.told for worker in crew.workers] == [["stop"], ["stop"]]
    crew.workers[0].ends(0)
    crew.reactor.advance(5.0 + GRACE_S - 0.1)
    assert not any(worker.killed for worker in crew.workers)
    crew.reactor.advance(0.1)
    assert crew.workers[1].killed
    crew.workers[1].ends(-9)
    assert stopping.result.more == {"workers": 2, "restarts": 0}
    assert len(crew.events) == 0, "that it ended so is no news"


def test_who_stops_listens_no_more(crew: Crew) -> None:
    crew.serve()
    place = ("127.0.0.1", crew.starting.result[0].port)
    with socket.create_connection(place):
        pass
    crew.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place)


# What does not start --------------------------------------------------------------------------------------------------


def test_an_error_before_any_serves_is_the_error_of_all(crew: Crew) -> None:
    crew.workers[0].says("failed", error_content(UsageError("what", "where", "try")))
    crew.workers[0].ends(2)
    assert crew.workers[1].killed
    crew.workers[1].ends(-9)
    assert isinstance(crew.starting.error, UsageError)
    assert str(crew.starting.error) == "what (where); try"
    assert crew.reactor.getDelayedCalls() == []


def test_one_that_is_killed_while_it_starts_is_started_again(crew: Crew) -> None:
    crew.workers[0].ends(-9)
    crew.reactor.advance(0)
    assert crew.events == [], "nobody was told yet that it serves"
    crew.workers[1].says("ready")
    crew.workers[2].says("ready")
    assert crew.starting.result[0].worker_pids == (1003, 1002)
    crew.stop()


def test_what_keeps_replacements_from_serving_ends_all(crew: Crew) -> None:
    crew.serve()
    crew.workers[0].ends(-9)
    for _ in range(MOST_FAILURES):
        assert crew.failures == []
        crew.reactor.advance(60)
        crew.workers[-1].says("failed", error_content(LocalError("no memory")))
        crew.workers[-1].ends(9)
    assert [str(error) for error in crew.failures] == ["no memory"]
    crew.stop()


def test_a_process_that_cannot_be_made_is_the_error_or_is_tried_again(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew.serve()
    crew.refuses = True
    crew.workers[0].ends(-9)
    crew.reactor.advance(0)
    crew.refuses = False
    crew.reactor.advance(60)
    assert len(crew.workers) == 3
    assert crew.failures == []
    crew.stop()


@contextmanager
def no_descriptors() -> Iterator[None]:
    """All that the process may have are taken."""
    free = os.dup(0)
    os.close(free)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_where_no_descriptor_is_left_for_its_numbers_a_worker_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    crew = Crew(monkeypatch, ServeCounterOptions(port=0, workers=2)).serve()
    crew.workers[0].ends(-9)
    with no_descriptors():
        crew.reactor.advance(0)
    assert len(crew.workers) == 2
    crew.reactor.advance(60)
    assert len(crew.workers) == 3
    assert crew.failures == []
    crew.stop()


def test_none_at_the_start_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Crew, "refuses", property(lambda self: True, lambda self, value: None), raising=False)
    made = Crew(monkeypatch, ServeEchoOptions(port=0, workers=2))
    assert isinstance(made.starting.error, LocalError)
    assert "cannot start a worker: Resource temporarily unavailable" in str(made.starting.error)
    assert made.reactor.getDelayedCalls() == []


def test_a_port_in_use_is_the_error_and_no_process_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        made = Crew(monkeypatch, ServeEchoOptions(port=other.getsockname()[1], workers=2))
    assert isinstance(made.starting.error, ConnectError)
    assert made.workers == []


def test_the_second_of_two_places_that_is_taken_gives_the_first_one_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, held_port() as free:
        ports = [free, other.getsockname()[1]]
        listen = tuple(f"tcp:{port}:interface=127.0.0.1" for port in ports)
        made = Crew(monkeypatch, ServeEchoOptions(listen=listen, workers=2))
        assert isinstance(made.starting.error, ConnectError)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", ports[0]))
