"""What goes out for one connection's requests: numbers, refusals, and a word of each for the access log."""

from abc import ABC, abstractmethod
from typing import Any

from tw.events import Requested
from tw.protocols.answers import CLOSE, HEAD, CounterSite
from tw.protocols.request_rules import ONLY_GET


class Replies(ABC):
    """Collects answers in `out`.

    After `over` nothing more is answered. `lingers` says that the peer may well go on sending then. `peer` is for the
    access log.
    """

    __slots__ = ("_other_method", "_site", "_target", "lingers", "out", "over", "peer")

    def __init__(self, site: CounterSite) -> None:
        self._site = site
        self.out: list[Any] = []  # bytes, or in `protocols.late` what will be
        self.peer = ""
        self.over = False
        self.lingers = False
        self._target = b""
        self._other_method = b""

    @abstractmethod
    def _method(self) -> bytes:
        """The method of the request under way, `-` as long as it is not known."""

    def _number(self, kind: int) -> None:
        number, answer = self._site.next_answer(kind)
        self.out.append(answer)
        if self._site.requested is not None:
            self._tell(number, 503 if number is None else 200)

    def _answer(self, status: int, detail: str, kind: int) -> None:
        self.out.append(self._site.refusal(status, detail, kind))
        if self._site.requested is not None:
            self._tell(None, status)

    def _answer_other(self, kind: int) -> None:
        """A method that is known but not for this, or one that nobody knows (RFC 9110, sections 9.1 and 15.6.2)."""
        self._answer(501 if self._other_method else 405, ONLY_GET, kind)

    def refuse(self, status: int, detail: str) -> None:
        """Answer without a number, and for the last time: where the next request would start is not certain."""
        if self._ends():
            self._answer(status, detail, self._closing_kind())

    def _refuse_other(self) -> None:
        if self._ends():
            self._answer_other(self._closing_kind())

    def _ends(self) -> bool:
        if self.over:
            return False
        self.over = self.lingers = True
        return True

    def _closing_kind(self) -> int:
        return CLOSE | HEAD if self._method() == b"HEAD" else CLOSE

    def _tell(self, number: int | None, status: int) -> None:
        assert self._site.requested is not None
        method, path = self._method().decode("ascii"), self._target.decode("ascii", "backslashreplace")
        self._site.requested(Requested(number=number, method=method, path=path, status=status, peer=self.peer))
