"""Watching a mailbox for new messages: IDLE (RFC 2177) where the server has it, NOOP now and then where not."""

from collections.abc import Callable

from tw.core.imap_errands import Opening, fetch
from tw.core.imap_tokens import Data, Status
from tw.core.imap_types import Message, Phase
from tw.errors import AnswerTimeout, ProtocolError

IDLE_S = 540.0
"""An IDLE is begun anew so often. Servers may end one after 30 minutes (RFC 2177), and NAT forgets a connection after
ten or so."""


class Watch(Opening):
    """Tells of each message that comes in from now on, until it has told of `count` (None: for ever).

    It has no clock: `alarm` is (serial number, seconds), and `wake` is to be called that long after the number has
    changed, unless it changes again. `wake` raises AnswerTimeout where the server has left a command unanswered.
    """

    def __init__(
        self, mailbox: str, tell: Callable[[Message], None], *, poll_s: float, timeout_s: float, count: int | None
    ) -> None:
        super().__init__(mailbox)
        self.alarm: tuple[int, float] = (0, timeout_s)
        self.told = 0
        self.is_idling = False
        self._tell = tell
        self._poll_s = poll_s
        self._timeout_s = timeout_s
        self._count = count
        self._known = 0
        self._asked_for = 0  # the last number that the fetch under way is sure to cover
        self._is_fetching = False
        self._is_resting = False
        self._is_ending = False

    def take(self, data: Data) -> None:
        number = data.number or 0
        if data.name == "FETCH" and (not self._is_fetching or number <= self._known):
            return  # flags that somebody else has changed
        before = self.box.exists or 0
        super().take(data)
        after = self.box.exists or 0
        if after < before:
            # Who was there is gone (EXPUNGE), or the box is another one altogether.
            is_expunge = data.name == "EXPUNGE"
            self._known = min(self._known - (is_expunge and number <= self._known), after)
            self._asked_for = min(self._asked_for - (is_expunge and number <= self._asked_for), after)
        if after > self._known and self._is_resting:
            self._stir()

    def wake(self) -> None:
        """The alarm has rung. Raises AnswerTimeout."""
        if not self._is_resting:
            raise self.session.error(AnswerTimeout, f"no answer within {self._timeout_s:g} s", "see --timeout")
        self._stir()

    def end(self) -> None:
        """Stop watching, and say goodbye."""
        self._is_ending = True
        if self._is_resting:
            self._stir()

    def _opened(self, status: Status) -> None:
        if self.box.exists == 0 and status.name == "OK":
            self.session.phase = Phase.FETCH  # an empty mailbox can be watched
        else:
            super()._opened(status)
        if self.box.exists is None:
            raise self.session.error(ProtocolError, "the server does not say how many messages there are")
        self._known = self.box.exists
        self.session.phase = Phase.WATCH
        self._rest()

    def _rest(self) -> None:
        """Wait for something to happen."""
        if self._is_ending:
            self.session.finish()
        elif (self.box.exists or 0) > self._known:
            self._look()
        elif "IDLE" in self.session.capabilities:
            self._set_alarm(self._timeout_s)
            self.session.send([b"IDLE\r\n"], self._idled)
            self.session.expect(self._idles)
        else:
            self._is_resting = True
            self._set_alarm(self._poll_s)

    def _idles(self, _words: bytes) -> bytes:
        """The server has begun to tell."""
        self.is_idling = self._is_resting = True
        self._set_alarm(IDLE_S)
        if self._is_ending or (self.box.exists or 0) > self._known:
            self._stir()
        return b""

    def _stir(self) -> None:
        """Stop resting: there is something to fetch, or to ask."""
        self._is_resting = False
        self._set_alarm(self._timeout_s)
        if self.is_idling:
            self.session.send_line(b"DONE\r\n")
        elif self._is_ending:
            self.session.finish()
        else:
            self.session.send([b"NOOP\r\n"], self._asked)

    def _idled(self, status: Status) -> None:
        self._check(status, "IDLE")
        if not self.is_idling or self._is_resting:
            # It ended by itself. Begun anew at once, that could go round for ever.
            raise self.session.error(ProtocolError, f"the server ended IDLE: {self.session.wording.words(status.text)}")
        self.is_idling = False
        self._rest()

    def _asked(self, status: Status) -> None:
        self._check(status, "NOOP")
        self._rest()

    def _look(self) -> None:
        self._is_fetching = True
        self._asked_for = self.box.exists or 0
        self._set_alarm(self._timeout_s)
        self.session.send(fetch(b"%d:*" % (self._known + 1)), self._fetched)

    def _fetched(self, status: Status) -> None:
        self._check(status, "fetch")
        self._is_fetching = False
        new = [message for number, message in self.box.messages() if self._known < number <= self._asked_for]
        # Not all that exist by now: one that came in while the server was answering need not be in the answer.
        self._known = self._asked_for
        self.box.forget()
        for message in new:
            if self._count is None or self.told < self._count:
                self.told += 1
                self._tell(message)
        if self._count is not None and self.told >= self._count:
            self._is_ending = True
        self._rest()

    def _set_alarm(self, seconds: float) -> None:
        self.alarm = (self.alarm[0] + 1, seconds)
