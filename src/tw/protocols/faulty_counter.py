"""The counter with faults on demand: what `protocols.counter` does, an answer at a time.

Only requests that get a number meet faults. One that is reset, or whose answer is cut, has taken its number, as where
an answer is lost on its way; one that gets an error status has not.
"""

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from tw.core.faults import Fate, Faults, Harm, corrupted, truncated
from tw.core.patience import Wait
from tw.protocols.answers import CounterSite
from tw.protocols.connection import Keeper
from tw.protocols.counter import CounterServer
from tw.protocols.outlet import Outlet
from tw.protocols.requests import Requests

BLANK = b"\r\n\r\n"
ASKED_FOR = "asked for on the command line"


class FaultyRequests(Requests):
    """Answers go to `outlet`, each with its fate."""

    __slots__ = ("_faults", "_was_last", "outlet")

    outlet: Outlet

    def __init__(self, site: CounterSite, faults: Faults) -> None:
        self._faults = faults
        self._was_last = False  # the last answer of the connection is on its way, or instead of it a reset
        super().__init__(site)

    def _number(self, kind: int) -> None:
        if self._was_last:
            return  # what else was asked for
        fate = self._faults.fate()
        self.pass_on()
        if fate.harm is Harm.STATUS:
            answer = self._site.refusal(fate.status, ASKED_FOR, kind)
            self.outlet.put(answer, fate)
            if self._site.requested is not None:
                self._tell(None, fate.status)
            return
        super()._number(kind)
        answer, fate = self._harmed(self.out.pop(), fate)
        self._was_last = fate.harm in (Harm.RESET, Harm.TRUNCATE)
        self.outlet.put(answer, fate, last=self._was_last)

    def pass_on(self) -> None:
        """What meets no faults: refusals, `100 Continue`."""
        for answer in self.out:
            self.outlet.put(answer)
        self.out.clear()

    @staticmethod
    def _harmed(answer: bytes, fate: Fate) -> tuple[bytes, Fate]:
        """Of an answer the body is harmed: one without (to HEAD) is not. So its number tells which one it was."""
        if fate.harm not in (Harm.CORRUPT, Harm.TRUNCATE):
            return answer, fate
        head, blank, body = answer.partition(BLANK)
        if not body or not head.startswith(b"HTTP/1.1 200 "):
            return answer, fate._replace(harm=None)
        change = corrupted if fate.harm is Harm.CORRUPT else truncated
        return head + blank + change(body, fate), fate


class FaultyCounterServer(CounterServer):
    """Answers in order, each when it is due. While more than `outlet.HELD_BYTES` of them wait, nothing is parsed."""

    _requests: FaultyRequests

    def __init__(self, site: CounterSite, faults: Faults, keeper: Keeper, peer_address: IAddress | None = None) -> None:
        super().__init__(site, keeper, peer_address)
        self._faults = faults
        self._requests = FaultyRequests(site, faults)

    @property
    def held(self) -> bool:  # type: ignore[override]  # asked for rather than told
        """While an answer waits for its time the peer is not the one who is idle."""
        return not self._outlet.is_empty

    def connectionMade(self) -> None:
        super().connectionMade()
        self._outlet = Outlet(self._site.reactor, self.stream, self._faults, self._shut, self._eased)
        self._requests.outlet = self._outlet

    def _flush(self) -> None:
        self._requests.pass_on()
        if self._requests.over:
            self._outlet.then(self._end)
            return
        self._outlet.pump()
        if self._outlet.is_full:
            super().pauseProducing()

    def _eased(self) -> None:
        super().resumeProducing()

    def _shut(self) -> None:
        """After `--close-after`, or an answer that was cut short: the end of the stream."""
        self._requests.over = self._requests.lingers = True
        self._end()

    def pauseProducing(self) -> None:
        self._outlet.paused = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self._outlet.paused = False
        self._outlet.pump()
        if not self._outlet.paused:
            super().resumeProducing()

    def drain(self) -> None:
        """Answers that wait go out in their time, which `--drain-timeout` limits."""
        if self._outlet.is_empty or self._requests.begun or self._held:
            super().drain()
        else:
            self._requests.over = True
            self._outlet.then(self.stream.close)

    def wait(self) -> tuple[Wait, int]:
        """An answer that waits for its time is nobody's fault: it is another wait at each look."""
        if self._outlet.is_empty or self._outlet.paused:
            return super().wait()
        return Wait.IDLE, -int(self._site.reactor.seconds() * 1_000_000)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._outlet.close()
        super().connectionLost(reason)
