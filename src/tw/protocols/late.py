"""The counter whose numbers come later than the requests: from others, over a network.

An answer that has no number yet keeps its place among its connection's answers, so that they leave in the order of the
requests (RFC 9112, 9.3.2). These stand beside the counter's own classes, which so have nothing more to do.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from twisted.internet.interfaces import IAddress

from tw.core.patience import Wait
from tw.events import Requested
from tw.protocols.answers import CLOSE, KEEP_ALIVE, CounterSite, NumberSource
from tw.protocols.connection import Keeper
from tw.protocols.counter import CounterServer
from tw.protocols.requests import Requests

MAX_WAITING = 1024
"""Of one connection's answers, before no more of it is read. A slice of input may add some 330 to that."""

RETRY_AFTER_S = 2
"""A lost link is made again within so long, where there is somebody to connect to."""


class LateNumbers(NumberSource, Protocol):
    """Where late numbers come from. `at_hand`: `take` gives one now. `problem` says why there are none; None where
    `want` may be called, which answers with `LateSite.grant` or `deny`, in a later turn, and in the order of asking."""

    problem: str | None

    @property
    def at_hand(self) -> bool: ...
    def want(self, answer: "LateAnswer") -> None: ...


class LateAnswer:
    """A place among a connection's answers. `wire` is what goes out, None until that is known."""

    __slots__ = ("_asked", "_kind", "requests", "wire")

    def __init__(self, requests: "LateRequests", kind: int, asked: tuple[str, str] | None) -> None:
        self.requests = requests
        self._kind = kind
        self._asked = asked  # method and path, for the access log
        self.wire: bytes | None = None

    def close_after(self) -> None:
        """Nothing follows it any more."""
        self._kind = self._kind & ~KEEP_ALIVE | CLOSE

    def grant(self, site: CounterSite, number: int) -> None:
        self.wire = site.numbered(number, self._kind)
        self._tell(site, number, 200)

    def deny(self, site: CounterSite, why: str) -> None:
        """A 503 (RFC 9110, 15.6.4). `why` is ours, and plain ASCII."""
        self.wire = site.refusal(503, why, self._kind)
        self._tell(site, None, 503)

    def _tell(self, site: CounterSite, number: int | None, status: int) -> None:
        if self._asked is not None and site.requested is not None:
            method, path = self._asked
            peer = self.requests.peer
            site.requested(Requested(number=number, method=method, path=path, status=status, peer=peer))


class LateSite(CounterSite):
    """What the connections share: here also who gives out late numbers."""

    retry_after_s = RETRY_AFTER_S

    def __init__(self, reactor: Any, numbers: LateNumbers, clock: Callable[[], float], **kwargs: Any) -> None:
        super().__init__(reactor, numbers, clock, **kwargs)
        self.numbers = numbers

    def grant(self, answers: list[LateAnswer], numbers: Iterable[int]) -> None:
        """Answer with these numbers, one each. Whose connection is gone takes none: that number is a gap."""
        self.tick()
        for answer, number in zip(answers, numbers, strict=True):
            if not answer.requests.gone:
                answer.grant(self, number)
        self._flush(answers)

    def deny(self, answers: list[LateAnswer], why: str) -> None:
        """Answer without a number."""
        self.tick()
        for answer in answers:
            if not answer.requests.gone:
                answer.deny(self, why)
        self._flush(answers)

    def _flush(self, answers: list[LateAnswer]) -> None:
        for requests in dict.fromkeys(answer.requests for answer in answers):
            if not requests.gone:
                requests.answered()


class LateRequests(Requests):
    """Answers that wait stand in `out` among the others. `answered` is called when some of them wait no more."""

    __slots__ = ("_late_site", "answered", "gone")

    def __init__(self, site: LateSite, answered: Callable[[], None]) -> None:
        super().__init__(site)
        self._late_site = site
        self.answered = answered
        self.gone = False

    def close(self) -> None:
        super().close()
        self.gone = True
        self.out.clear()

    def _number(self, kind: int) -> None:
        site = self._late_site
        numbers = site.numbers
        if numbers.at_hand:
            super()._number(kind)
            return
        asked = None
        if site.requested is not None:
            asked = self._method().decode("ascii"), self._target.decode("ascii", "backslashreplace")
        answer = LateAnswer(self, kind, asked)
        self.out.append(answer)
        if numbers.problem is not None:
            answer.deny(site, numbers.problem)
        else:
            numbers.want(answer)


class LateCounter(CounterServer):
    """One client. Parses on while answers wait, up to `MAX_WAITING` of them."""

    def __init__(self, site: LateSite, keeper: Keeper, peer_address: IAddress | None = None) -> None:
        super().__init__(site, keeper, peer_address)
        self._requests: LateRequests = LateRequests(site, self._answered)
        self._looks = 0

    def _work(self, data: bytes, offset: int) -> None:
        super()._work(data, offset)
        if self._is_full and not self._holds and not self._requests.over:
            self._holds = True
            self.stream.pause_reading()

    @property
    def _is_full(self) -> bool:
        return len(self._requests.out) > MAX_WAITING

    def _go_on(self) -> None:
        if self._is_full:
            self._turn = None  # `_answered` goes on
        else:
            super()._go_on()

    def _answered(self) -> None:
        self._flush()
        if self._holds and not self._paused and self._turn is None:
            self._go_on()

    def _flush(self) -> None:
        """What may leave is all before the first answer that waits."""
        out = self._requests.out
        ready: list[bytes] = []
        for each in out:
            wire = each.wire if isinstance(each, LateAnswer) else each
            if wire is None:
                break
            ready.append(wire)
        if ready:
            del out[: len(ready)]
            self.stream.write(b"".join(ready))
        self.held = bool(out)  # who waits for us is not idle
        if self._requests.over and not out:
            self._end()

    def wait(self) -> tuple[Wait, int]:
        """While an answer waits it is us who are waited for: a wait that is another one at each look."""
        if self._requests.out:
            self._looks += 1
            return Wait.IDLE, -self._looks
        return super().wait()

    def drain(self) -> None:
        """Answers that wait are given; the last one says that it is the last."""
        requests = self._requests
        if requests.over and requests.out:
            return  # it ends with them
        if not requests.out or requests.begun or self._held:
            super().drain()
            return
        last = requests.out[-1]
        if isinstance(last, LateAnswer):
            last.close_after()
        requests.over = True
