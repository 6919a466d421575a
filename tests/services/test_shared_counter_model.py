"""Whatever becomes of Redis: no number twice, each server's own in order, and an answer to everyone in time."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shared_counters import Client, Node, Rig
from tw.net.redis import ANSWER_S

LATEST_S = ANSWER_S + 0.5


class SharedCounters(RuleBasedStateMachine):
    """Two servers, a client each. Redis never forgets here: what it may, `test_shared_counter` has."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[Client, int] = {}
        self.oldest_s: dict[Client, float | None] = {}
        self.numbers: list[int] = []
        self.last: dict[Client, int] = {}

    @initialize(lease=st.sampled_from([None, 1, 3, 20]), start=st.sampled_from([None, 0, 7]))
    def start(self, lease: int | None, start: int | None) -> None:
        self.rig = Rig(lease=lease, start=start, header_timeout_s=1e6, keepalive_timeout_s=1e6)
        self.nodes: list[Node] = [self.rig.node().start() for _ in range(2)]
        for node in self.nodes:
            self.asked[node.client] = 0
            self.oldest_s[node.client] = None
            self.last[node.client] = -1

    @rule(which=st.integers(0, 1), count=st.integers(1, 9))
    def ask(self, which: int, count: int) -> None:
        client = self.nodes[which].client
        client.ask(count)
        self.asked[client] += count
        if self.oldest_s[client] is None:
            self.oldest_s[client] = self.rig.net.seconds()

    @rule(count=st.integers(1, 3))
    def answers_are_lost(self, count: int) -> None:
        self.rig.redis.loses_answers = count

    @rule()
    def redis_is_cut_off(self) -> None:
        self.rig.redis.cut()

    @rule()
    def redis_dies(self) -> None:
        self.rig.redis.down()

    @rule()
    def redis_comes_back(self) -> None:
        self.rig.redis.is_silent = False
        self.rig.redis.up()

    @rule()
    def redis_falls_silent(self) -> None:
        self.rig.redis.is_silent = True

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.3, 1.0, 3.0]))
    def time_passes(self, seconds: float) -> None:
        self.rig.net.pass_s(seconds)

    @rule()
    def bytes_move(self) -> None:
        self.rig.net.settle()

    @invariant()
    def nothing_is_given_twice_and_nobody_waits_for_ever(self) -> None:
        for node in getattr(self, "nodes", ()):
            client = node.client
            answers = client.read()
            for answer in answers:
                assert answer.status in (200, 503)
                assert (answer.number is not None) == (answer.status == 200)
                if answer.number is not None:
                    assert answer.number > self.last[client]
                    self.last[client] = answer.number
                    self.numbers.append(answer.number)
            self.asked[client] -= len(answers)
            assert self.asked[client] >= 0
            if answers or not self.asked[client]:
                self.oldest_s[client] = self.rig.net.seconds() if self.asked[client] else None
            waits_since_s = self.oldest_s[client]
            # One step may be 3 s long.
            assert waits_since_s is None or self.rig.net.seconds() - waits_since_s < LATEST_S + 3.0
        assert len(set(self.numbers)) == len(self.numbers)

    def teardown(self) -> None:
        if not hasattr(self, "nodes"):
            return
        self.redis_comes_back()
        self.rig.redis.loses_answers = 0
        self.rig.net.pass_s(10)
        self.nothing_is_given_twice_and_nobody_waits_for_ever()
        assert set(self.asked.values()) == {0}, "somebody was never answered"
        for node in self.nodes:
            assert [answer.status for answer in node.ask(3)] == [200] * 3, "it did not recover"
            node.stop()
        assert self.rig.net.getDelayedCalls() == []


SharedCounters.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSharedCounters = SharedCounters.TestCase
