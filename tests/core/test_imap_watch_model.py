"""A watch against a mailbox in which anything happens at any time: what comes in and stays is told just once."""

import re

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from imap_script import message
from imap_watching import Watching


class Mailbox(RuleBasedStateMachine):
    """A server with one mailbox. `uids` is what it holds, `shown` what the client has been told that it holds."""

    @initialize(count=st.integers(0, 3), idle=st.booleans(), size=st.sampled_from([0, 1, 5]))
    def open(self, count: int, idle: bool, size: int) -> None:
        self.uids = list(range(1, count + 1))
        self.shown = list(self.uids)
        self.next_uid = count + 1
        self.size = size
        self.old = set(self.uids)
        self.watching = Watching(exists=count, idle=idle)
        self.idling: bytes | None = None  # the tag of the IDLE under way
        self.commands: list[bytes] = []
        self._hear(self.watching.said)

    def _hear(self, said: bytes) -> None:
        self.commands += said.split(b"\r\n")[:-1]

    def _say(self, data: bytes) -> None:
        self._hear(self.watching.say(data, self.size))

    # What happens to the mailbox

    @rule(count=st.integers(1, 3))
    def come_in(self, count: int) -> None:
        for _ in range(count):
            self.uids.append(self.next_uid)
            self.next_uid += 1

    @precondition(lambda self: self.uids)
    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(self.uids))
        self.uids.remove(gone)

    # What the server says

    def _gone(self, data: st.DataObject | None) -> bytes:
        """EXPUNGE for what has gone, in any order."""
        said = b""
        gone = [uid for uid in self.shown if uid not in self.uids]
        for uid in data.draw(st.permutations(gone)) if data is not None else gone:
            said += b"* %d EXPUNGE\r\n" % (self.shown.index(uid) + 1)
            self.shown.remove(uid)
        return said

    def _come(self) -> bytes:
        """EXISTS for what has come: the numbers of what is shown stay as they are."""
        new = [uid for uid in self.uids if uid not in self.shown and uid > max(self.shown, default=0)]
        self.shown += new
        return b"* %d EXISTS\r\n" % len(self.shown) if new else b""

    @precondition(lambda self: self.idling is not None and b"DONE" not in self.commands)
    @rule(data=st.data(), came_too=st.booleans())
    def tell_in_idle(self, data: st.DataObject, came_too: bool) -> None:
        said = self._gone(data) + (self._come() if came_too else b"")
        if said:
            self._say(said)

    @precondition(lambda self: self.commands)
    @rule(data=st.data(), came_first=st.booleans(), came_last=st.booleans())
    def answer(self, data: st.DataObject | None, came_first: bool, came_last: bool) -> None:
        command = self.commands.pop(0)
        if command == b"DONE":
            assert self.idling is not None
            tag, self.idling = self.idling, None
            self._say((self._gone(data) + self._come() if came_first else b"") + tag + b" OK\r\n")
            return
        tag, _, words = command.partition(b" ")
        if words == b"IDLE":
            assert self.idling is None
            before = self._gone(data) + self._come() if came_first else b""
            self.idling = tag
            self._say(before + b"+ idling\r\n")
        elif words == b"NOOP":
            self._say((self._gone(data) if came_first else b"") + self._come() + tag + b" OK\r\n")
        else:
            self._fetch(tag, words, came_first, came_last)

    def _fetch(self, tag: bytes, words: bytes, came_first: bool, came_last: bool) -> None:
        """No EXPUNGE is allowed here (RFC 3501, section 7.4.1); what is gone already is just not in the answer."""
        found = re.match(rb"FETCH (\d+):\* ", words)
        assert found is not None
        said = self._come() if came_first else b""
        assert self.shown, "a FETCH from an empty mailbox"
        low, high = sorted((int(found[1]), len(self.shown)))
        for number in range(low, high + 1):
            uid = self.shown[number - 1]
            said += message(number, uid) if uid in self.uids else b"* %d FETCH (FLAGS ())\r\n" % number
        self._say(said + (self._come() if came_last else b"") + tag + b" OK\r\n")

    @precondition(lambda self: self.watching.watch._is_resting)
    @rule()
    def the_alarm_rings(self) -> None:
        self._hear(self.watching.wake())

    # What must be true

    @invariant()
    def each_is_told_once_in_the_order_of_arrival(self) -> None:
        told = [int(uid) for uid in self.watching.told]
        assert told == sorted(set(told))
        assert not self.old & set(told)

    @invariant()
    def nothing_waits_for_ever(self) -> None:
        assert self.commands or self.watching.watch._is_resting

    def teardown(self) -> None:
        """Let the server say all that it has to say: in the end whatever has stayed has been told."""
        for _ in range(20):
            while self.commands:
                self.answer(None, True, True)
            if self.idling is not None and (said := self._gone(None) + self._come()):
                self._say(said)
            elif not self.commands:
                self._hear(self.watching.wake())
        told = {int(uid) for uid in self.watching.told}
        assert {uid for uid in self.uids if uid not in self.old} <= told


TestMailbox = Mailbox.TestCase
