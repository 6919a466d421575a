"""What is told of those who are turned away: all are counted, and few are told of."""

import pytest

from served import Served
from sockets import HandReactor
from tw.events import Refused
from tw.serve_options import ServePubSubOptions
from tw.services.pubsub import PubSubService
from tw.services.refusals import EVENTS_PER_S, MAX_REASONS, OTHER_REASONS, Refusals

pytestmark = pytest.mark.usefixtures("quiet")


class Told:
    """Refusals on a clock by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.events: list[Refused] = []
        self.refusals = Refusals(self.events.append, lambda: self.now_s)

    def refuse(self, count: int, reason: str = "full") -> None:
        for number in range(count):
            self.refusals.refuse(f"h:{number}", reason)


def test_a_flood_of_refusals_is_counted_and_not_told_one_by_one() -> None:
    told = Told()
    told.refuse(100_000)
    assert [event.suppressed for event in told.events] == [0] * EVENTS_PER_S
    told.now_s = 0.1
    told.refuse(3)
    assert told.events[-1] == Refused(peer="h:0", reason="full", suppressed=100_000 - EVENTS_PER_S)
    assert len(told.events) == EVENTS_PER_S + 1
    told.now_s = 10.0
    told.refuse(1)
    assert told.events[-1].suppressed == 2
    assert told.refusals.total == 100_004


def test_each_reason_is_told_for_itself() -> None:
    told = Told()
    told.refuse(1000, "full")
    told.refuse(1, "denied")
    assert told.events[-1] == Refused(peer="h:0", reason="denied")
    assert told.refusals.by_reason == {"full": 1000, "denied": 1}


def test_however_many_reasons_there_are_the_memory_is_bounded() -> None:
    told = Told()
    for number in range(10_000):
        told.refuse(1, f"reason {number}")
    assert len(told.refusals.by_reason) == MAX_REASONS + 1
    assert told.refusals.by_reason[OTHER_REASONS] == 10_000 - MAX_REASONS
    assert told.refusals.total == 10_000
    assert len(told.events) == MAX_REASONS + EVENTS_PER_S


def test_a_line_that_is_too_long_is_told_at_the_same_bounded_rate() -> None:
    options = ServePubSubOptions(port=0, max_line_bytes=1)
    served = Served(lambda reactor, emit: PubSubService(reactor, options, emit), HandReactor()).start()
    for number in range(50):
        served.visit(number + 1).says(b"long\n")
    assert len([event for event in served.events if isinstance(event, Refused)]) == EVENTS_PER_S
    assert served.stop().refused == 50
