"""A counter's connection in memory whose numbers come when a test says so."""

from twisted.internet.interfaces import IAddress

from counter_memory import Rig, TcpTransport, take_turns
from tw.protocols.counter import CounterServer
from tw.protocols.late import LateAnswer, LateCounter, LateSite
from tw.services.state import Numbers


class SlowNumbers(Numbers):
    """Numbers that are granted by hand, or by `take` as long as some are `lent`."""

    def __init__(self) -> None:
        super().__init__()
        self.problem: str | None = None
        self.lent = 0
        self.waiting: list[LateAnswer] = []

    @property
    def at_hand(self) -> bool:
        return self.lent > 0

    def take(self) -> int:
        self.lent -= 1
        return super().take()

    def want(self, answer: LateAnswer) -> None:
        self.waiting.append(answer)


class LateRig(Rig):
    """One connection, and what it is made of."""

    def __init__(self, *, access_log: bool = False) -> None:
        self.slow = SlowNumbers()
        super().__init__(self.slow, access_log=access_log)

    def connect(self, address: IAddress | None = None, *, tls: bool = False) -> tuple[CounterServer, TcpTransport]:
        if not hasattr(self, "late_site"):
            requested = self.requested.append if self.site.requested is not None else None
            self.late_site = LateSite(self.clock, self.slow, lambda: self.now_s, requested=requested)
            self.site = self.late_site
        server = LateCounter(self.late_site, self.keeper, address)
        transport = TcpTransport()
        server.makeConnection(transport)
        return server, transport

    def grant(self, count: int | None = None) -> None:
        """The first `count` of those that wait get their numbers; all of them without one."""
        answers, self.slow.waiting = self._first(count)
        self.slow.lent = len(answers)
        self.late_site.grant(answers, [self.slow.take() for _ in answers])
        take_turns(self.clock)

    def deny(self, why: str = "no number") -> None:
        answers, self.slow.waiting = self._first(None)
        self.late_site.deny(answers, why)
        take_turns(self.clock)

    def _first(self, count: int | None) -> tuple[list[LateAnswer], list[LateAnswer]]:
        count = len(self.slow.waiting) if count is None else count
        return self.slow.waiting[:count], self.slow.waiting[count:]
