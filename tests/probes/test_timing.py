"""Waiting: deadlines, pauses and bells, on a clock that nothing is left on."""

from collections.abc import Callable

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError, DNSLookupError
from twisted.python.failure import Failure

from memory import Network
from tw.errors import AnswerTimeout, ProtocolError, TwError
from tw.probes.timing import Bell, pause, within


def late() -> TwError:
    return AnswerTimeout("late")


async def paused(net: Network, seconds: float) -> str:
    await pause(net, seconds)
    return "on"


# A pause -------------------------------------------------------------------------------------------------------------


def test_a_pause_lasts_as_long_as_it_is_asked_to(net: Network) -> None:
    running = net.run(paused(net, 2.0))
    net.pass_s(1.9)
    assert not running.over
    net.pass_s(0.1)
    assert running.result == "on"


@pytest.mark.parametrize("seconds", [0.0, -3.0])
def test_a_pause_of_no_time_is_over_in_the_next_turn(net: Network, seconds: float) -> None:
    assert net.run(paused(net, seconds)).result == "on"
    assert net.seconds() == 0.0


def test_a_pause_that_is_cancelled_leaves_no_call_behind(net: Network) -> None:
    running = net.run(paused(net, 2.0))
    running.deferred.cancel()
    assert isinstance(running.error, CancelledError)
    assert net.getDelayedCalls() == []


def test_a_pause_can_be_cancelled_after_its_end(net: Network) -> None:
    waiting = pause(net, 1.0)
    net.pass_s(1.0)
    waiting.cancel()
    assert waiting.called


# A deadline ----------------------------------------------------------------------------------------------------------


def test_work_that_is_done_in_time_gives_its_result_and_takes_its_deadline_along(net: Network) -> None:
    work: Deferred[str] = Deferred()
    running = net.run(within(net, 5.0, work, late))
    net.pass_s(4.9)
    work.callback("done")
    assert running.result == "done"
    assert net.getDelayedCalls() == []


def test_work_that_is_done_already_needs_no_time(net: Network) -> None:
    work: Deferred[str] = Deferred()
    work.callback("done")
    assert net.run(within(net, 0.0, work, late)).result == "done"


def test_work_that_takes_too_long_is_cancelled_and_the_callers_error_raised(net: Network) -> None:
    cancelled: list[object] = []
    running = net.run(within(net, 5.0, Deferred(cancelled.append), late))
    net.pass_s(4.9)
    assert not running.over
    net.pass_s(0.1)
    assert str(running.error) == "late"
    assert len(cancelled) == 1


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_left_is_late_in_the_next_turn(net: Network, seconds: float) -> None:
    assert str(net.run(within(net, seconds, Deferred(), late)).error) == "late"


def test_work_that_fails_in_time_fails_as_it_did(net: Network) -> None:
    work: Deferred[str] = Deferred()
    running = net.run(within(net, 5.0, work, late))
    work.errback(Failure(ProtocolError("broken")))
    assert str(running.error) == "broken"


def test_work_that_somebody_else_cancelled_is_not_late(net: Network) -> None:
    work: Deferred[str] = Deferred()
    running = net.run(within(net, 5.0, work, late))
    work.cancel()
    assert isinstance(running.error, CancelledError)


def fails_with(error: Exception) -> Callable[[Deferred[str]], None]:
    """A canceller that has an error of its own, as those of Twisted's endpoints do."""
    return lambda deferred: deferred.errback(Failure(error))


OWN_ERRORS = [ConnectingCancelledError(None), DNSLookupError("no"), ProtocolError("broken")]


@pytest.mark.parametrize("error", OWN_ERRORS)
def test_cancelled_work_that_fails_with_an_error_of_its_own_is_late_all_the_same(
    net: Network, error: Exception
) -> None:
    running = net.run(within(net, 5.0, Deferred(fails_with(error)), late))
    net.pass_s(5.0)
    assert str(running.error) == "late"


@pytest.mark.parametrize("error", OWN_ERRORS)
def test_whoever_is_cancelled_while_waiting_sees_that_whatever_the_work_fails_with(
    net: Network, error: Exception
) -> None:
    work: Deferred[str] = Deferred(fails_with(error))
    running = net.run(within(net, 5.0, work, late))
    running.deferred.cancel()
    assert isinstance(running.error, CancelledError)
    assert work.called
    assert net.getDelayedCalls() == []


def test_work_that_succeeds_while_it_is_cancelled_has_succeeded(net: Network) -> None:
    running = net.run(within(net, 5.0, Deferred(lambda deferred: deferred.callback("just so")), late))
    net.pass_s(5.0)
    assert running.result == "just so"


# A bell --------------------------------------------------------------------------------------------------------------


def test_a_bell_wakes_who_waits_for_it(net: Network) -> None:
    bell = Bell(net)
    running = net.run(bell.heard())
    assert not running.over
    bell.ring()
    assert running.result is True


def test_a_bell_that_nobody_waits_for_is_not_heard_later(net: Network) -> None:
    bell = Bell(net)
    bell.ring()
    running = net.run(bell.heard(1.0))
    assert not running.over
    net.pass_s(1.0)
    assert running.result is False


def test_a_bell_that_rings_in_time_leaves_no_call_behind(net: Network) -> None:
    bell = Bell(net)
    running = net.run(bell.heard(1.0))
    net.pass_s(0.9)
    bell.ring()
    assert running.result is True
    assert net.getDelayedCalls() == []


def test_a_bell_can_be_waited_for_again_from_its_own_ringing(net: Network) -> None:
    bell = Bell(net)
    heard: list[bool] = []

    async def twice() -> None:
        heard.append(await bell.heard())
        heard.append(await bell.heard(1.0))

    running = net.run(twice())
    bell.ring()
    assert heard == [True]
    bell.ring()
    assert heard == [True, True]
    assert running.over


@pytest.mark.parametrize("seconds", [None, 1.0])
def test_who_stops_waiting_for_a_bell_leaves_nothing_that_it_could_ring(net: Network, seconds: float | None) -> None:
    bell = Bell(net)
    running = net.run(bell.heard(seconds))
    running.deferred.cancel()
    assert isinstance(running.error, CancelledError)
    bell.ring()
    assert net.getDelayedCalls() == []
