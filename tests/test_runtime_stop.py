"""Waiting for a stop, beside what is under way."""

from collections.abc import Iterator

import pytest
from twisted.internet.defer import CancelledError, Deferred

from memory import Network
from running import Running
from tw.errors import ProtocolError
from tw.runtime import Stop, spawn, until_stopped


@pytest.fixture
def net() -> Iterator[Network]:
    made = Network()
    yield made
    assert made.getDelayedCalls() == []


def waiting(net: Network, stop: Stop, work: Deferred[str]) -> Running:
    return net.run(until_stopped(stop, work))


def test_what_is_done_before_a_stop_gives_its_result_and_waits_no_more(net: Network) -> None:
    stop, work = Stop(net), Deferred[str]()
    running = waiting(net, stop, work)
    work.callback("done")
    assert running.result == "done"
    assert stop._waiting == []
    stop.fire()


def test_a_stop_cancels_what_is_under_way(net: Network) -> None:
    stop, cancelled = Stop(net), list[object]()
    running = waiting(net, stop, Deferred(cancelled.append))
    stop.fire()
    stop.fire()
    assert running.result is None
    assert len(cancelled) == 1


def test_what_begins_after_a_stop_is_cancelled_at_once(net: Network) -> None:
    stop = Stop(net)
    stop.fire()
    assert waiting(net, stop, Deferred()).result is None


def test_what_somebody_else_cancels_was_not_stopped(net: Network) -> None:
    stop, work = Stop(net), Deferred[str]()
    running = waiting(net, stop, work)
    work.cancel()
    assert isinstance(running.error, CancelledError)
    assert stop._waiting == []


def test_what_fails_while_it_is_stopped_has_failed(net: Network) -> None:
    async def fails() -> str:
        try:
            return await Deferred[str]()
        except CancelledError:
            raise ProtocolError("broke while it was left") from None

    stop = Stop(net)
    running = waiting(net, stop, spawn(fails()))
    stop.fire()
    assert isinstance(running.error, ProtocolError)


def test_whoever_a_stop_wakes_may_send_another_home(net: Network) -> None:
    stop = Stop(net)
    first, second = stop.wait(), stop.wait()
    woken: list[str] = []
    first.addCallback(lambda _: second.cancel())
    second.addCallbacks(lambda _: woken.append("second"), lambda _: woken.append("sent home"))
    stop.fire()
    assert woken == ["sent home"]
