"""What the numbers say of requests that are under way together over many connections."""

import pytest

from counter_script import answer
from ends import Peer
from load_rig import COUNTER_PORT, CounterRig
from memory import Network
from running import Notes


class Backends:
    """Counters that are asked in turn; each answer takes its time, so that they overtake each other."""

    def __init__(self, net: Network, starts: list[int], *, named: bool, lost: frozenset[int] = frozenset()) -> None:
        self._net = net
        self._next = starts
        self._named = named
        self._lost = lost
        self.asked = 0
        net.scripted(COUNTER_PORT, self._hears)

    def _hears(self, peer: Peer, _data: bytes) -> None:
        at = self.asked % len(self._next)
        number = self._next[at]
        self._next[at] += 1
        self.asked += 1
        delay_s = (3, 1, 4, 1, 5, 9, 2, 6)[self.asked * 5 % 8] / 1000
        names = [f"X-Instance: i{at}"] if self._named else []
        if self.asked in self._lost:
            data = answer("none", *names, status="502 Bad Gateway", body="bad gateway")
        else:
            data = answer(number, *names)
        self._net.callLater(delay_s, peer.say, data)


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
@pytest.mark.parametrize("starts", [[7], [1, 5000], [1, 1]], ids=str)
def test_answers_of_many_connections_are_sorted_by_who_gave_them(
    net: Network, notes: Notes, starts: list[int], named: bool
) -> None:
    firsts = list(starts)
    Backends(net, starts, named=named)
    rig = CounterRig(net, notes, connections=8, count=400)
    net.pass_s(5)
    numbers = rig.report.numbers
    assert numbers is not None
    assert (rig.report.ok, rig.report.received, rig.report.duplicated, rig.report.reordered) == (True, 400, 0, 0)
    assert (numbers.instances, numbers.gaps) == (len(firsts), 0)
    each = 400 // len(firsts)
    # Side by side over the same numbers, one without a name may be given a few of the other's.
    near = 8 if firsts == [1, 1] and not named else 0
    for share, first in zip(sorted(numbers.shares, key=lambda share: share.first), firsts, strict=True):
        assert share.first == first
        assert share.answers == pytest.approx(each, abs=near)


def test_an_answer_without_a_number_is_one_that_a_gap_can_stand_for(net: Network, notes: Notes) -> None:
    Backends(net, [1], named=True, lost=frozenset((50, 51, 200)))
    rig = CounterRig(net, notes, connections=8, count=400)
    net.pass_s(5)
    numbers = rig.report.numbers
    assert numbers is not None
    assert (rig.report.errors, rig.report.reordered) == ({"status 502": 3}, 0)
    assert (numbers.gaps, numbers.unanswered) == (3, 3)


def test_a_stored_answer_is_a_copy_though_it_does_not_say_whose(net: Network, notes: Notes) -> None:
    def hears(peer: Peer, _data: bytes) -> None:
        peer.say(answer(1, "Age: 5"))

    net.scripted(COUNTER_PORT, hears)
    rig = CounterRig(net, notes, connections=1, count=10)
    net.pass_s(5)
    numbers = rig.report.numbers
    assert numbers is not None
    assert (numbers.instances, numbers.duplicates, numbers.doubtful) == (1, 9, 0)
