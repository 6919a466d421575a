"""What an IMAP session can be sent for: messages of a mailbox, the mailboxes, their counts.

Each takes as few round trips as can be: what does not depend on an answer goes out in one flight, the LOGOUT too.
"""

from collections.abc import Sequence

from tw.core.imap import ImapSession
from tw.core.imap_commands import command, encode_mailbox, search_command, search_tokens
from tw.core.imap_message import FETCH_ITEMS, OpenMailbox
from tw.core.imap_tokens import Data, Status
from tw.core.imap_types import Message, Messages, Phase
from tw.errors import NothingThere, ProtocolError, TwError

UIDS_AT_ONCE = 500
"""As many have 5,500 bytes at most, and servers take lines of 8,000 (RFC 2683, section 3.2.1.5)."""


def fetch(numbers: bytes, *, by_uid: bool = False) -> list[bytes]:
    return [(b"UID " if by_uid else b"") + b"FETCH " + numbers + b" " + FETCH_ITEMS + b"\r\n"]


class Opening:
    """Base of the errands in one mailbox, which they open read-only: looking changes nothing."""

    def __init__(self, mailbox: str) -> None:
        self.mailbox = mailbox
        self.box = OpenMailbox()
        self._session: ImapSession | None = None

    @property
    def session(self) -> ImapSession:
        assert self._session is not None
        return self._session

    def begin(self, session: ImapSession) -> None:
        self._session = session
        session.send(command(b"EXAMINE", [encode_mailbox(self.mailbox)]), self._opened)

    def take(self, data: Data) -> None:
        self.box.take(data)

    def _opened(self, status: Status) -> None:
        if status.name != "OK":
            raise self.session.wording.not_opened(status, self.mailbox)
        if self.box.exists == 0:
            # Whatever the server says of a FETCH from it: BAD, NO or nothing.
            raise self._empty()
        self.session.phase = Phase.FETCH

    def _empty(self) -> TwError:
        return self.session.wording.empty(self.session.phase, self.mailbox)

    def _check(self, status: Status, what: str) -> None:
        if status.name != "OK":
            words = self.session.wording.words(status.text)
            raise self.session.error(ProtocolError, f"the server refused the {what}: {words}")


class FirstMessage(Opening):
    """The first message of a mailbox, in one flight after the login. `answer` is set at the end."""

    number = b"1"

    def __init__(self, mailbox: str) -> None:
        super().__init__(mailbox)
        self.answer: Messages | None = None

    def begin(self, session: ImapSession) -> None:
        # Where there is no such mailbox, the FETCH is refused as well, and nobody reads that.
        super().begin(session)
        session.send(fetch(self.number), self._fetched)
        session.log_out()

    def _fetched(self, status: Status) -> None:
        if self.box.exists == 0:
            raise self._empty()
        self._check(status, "fetch")
        found = self._pick(self.box.messages())
        if found is None:
            raise self.session.error(ProtocolError, "the server answered the fetch without the message")
        self.answer = Messages(mailbox=self.mailbox, exists=self.box.exists, messages=(found,))
        self.session.finish()

    def _pick(self, messages: list[tuple[int, Message]]) -> Message | None:
        return next((message for number, message in messages if number == 1), None)


class NewestMessage(FirstMessage):
    """The last message of a mailbox: `*` is whatever number that has (RFC 3501, section 9, seq-number)."""

    number = b"*"

    def _pick(self, messages: list[tuple[int, Message]]) -> Message | None:
        return messages[-1][1] if messages else None


class LastMessages(Opening):
    """The last `count` messages. `answer` is set at the end."""

    def __init__(self, mailbox: str, count: int) -> None:
        super().__init__(mailbox)
        self.answer: Messages | None = None
        self._count = count

    def _opened(self, status: Status) -> None:
        super()._opened(status)
        exists = self.box.exists
        if exists is None:
            raise self.session.error(ProtocolError, "the server does not say how many messages there are")
        self.session.send(fetch(b"%d:*" % max(1, exists - self._count + 1)), self._fetched)
        self.session.log_out()

    def _fetched(self, status: Status) -> None:
        found = [message for _, message in self.box.messages()][-self._count :]
        if not found and self.box.exists == 0:
            raise self._empty()
        self._check(status, "fetch")
        if not found:
            raise self.session.error(ProtocolError, "the server answered the fetch without a message")
        self.answer = Messages(mailbox=self.mailbox, exists=self.box.exists, messages=tuple(found))
        self.session.finish()


class FoundMessages(Opening):
    """The last `count` of the messages that a search finds. `answer` is set at the end.

    `criteria` are IMAP's own (RFC 3501, section 6.4.4). Raises UsageError where they cannot be sent.
    """

    def __init__(self, mailbox: str, criteria: str, count: int) -> None:
        super().__init__(mailbox)
        self.answer: Messages | None = None
        self._criteria = search_tokens(criteria)
        self._count = count
        self._uids: list[int] = []

    def take(self, data: Data) -> None:
        if data.name == "SEARCH":
            listed = {int(word) for word in data.pieces[0].split() if word.isdigit() and len(word) <= 10}
            self._uids = sorted(listed.union(self._uids))[-self._count :]
        else:
            super().take(data)

    def _opened(self, status: Status) -> None:
        super()._opened(status)
        self.session.phase = Phase.SEARCH
        self.session.send(search_command(self._criteria, self.session.capabilities), self._searched)

    def _searched(self, status: Status) -> None:
        if status.name != "OK":
            words = self.session.wording.words(status.text)
            raise self.session.error(ProtocolError, f"the server refused the search: {words}", "check --search")
        if not self._uids:
            raise self.session.error(NothingThere, "no message matches")
        self.box.forget()
        self.session.phase = Phase.FETCH
        *others, last = uid_sets(self._uids)
        for some in others:
            self.session.send(fetch(some, by_uid=True), lambda status: self._check(status, "fetch"))
        self.session.send(fetch(last, by_uid=True), self._fetched)
        self.session.log_out()

    def _fetched(self, status: Status) -> None:
        self._check(status, "fetch")
        wanted = set(self._uids)
        found = [message for _, message in self.box.messages() if message.uid in wanted]
        if not found:
            raise self.session.error(NothingThere, "the messages that matched are gone")
        self.answer = Messages(mailbox=self.mailbox, exists=self.box.exists, messages=tuple(found))
        self.session.finish()


def uid_sets(uids: Sequence[int]) -> list[bytes]:
    """Ascending numbers as sequence sets, each short enough for one command."""
    return [uid_set(uids[start : start + UIDS_AT_ONCE]) for start in range(0, len(uids), UIDS_AT_ONCE)]


def uid_set(uids: Sequence[int]) -> bytes:
    """Ascending numbers as a sequence set, with ranges (RFC 3501, section 9): `1:3,7`."""
    ranges: list[list[int]] = []
    for uid in uids:
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in ranges)
