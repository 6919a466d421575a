"""What `tw imap check` looks up in a mailbox."""

from collections.abc import Callable

from tw.core.imap import ImapSession
from tw.core.imap_commands import command, encode_mailbox
from tw.core.imap_errands import Opening, fetch
from tw.core.imap_judgement import Findings, newest
from tw.core.imap_listing import counts_of
from tw.core.imap_tokens import Data, Status
from tw.core.imap_types import Message, Phase
from tw.errors import ProtocolError

MESSAGES_LIMIT = 100
"""As many are looked at: the last ones, by their numbers."""


class Check(Opening):
    """Counts a mailbox's messages and finds its newest ones. `answer` is set at the end. An empty mailbox is fine.

    Two flights after the login: the counts, by STATUS, whose answer stays short in a mailbox with a million unseen
    messages; then the last messages. A third one is for a newest message that is not the last, where nobody asked for
    subjects: a mailbox into which old mail was moved. STATUS goes ahead of EXAMINE, since it is not for the mailbox
    that is open (RFC 3501, section 6.3.10).

    `now_s` is the time since the epoch. `entered` is called with Phase.OPEN after the login, and with Phase.LOGOUT once
    the answer is in.
    """

    def __init__(
        self, mailbox: str, *, now_s: float, with_subjects: bool, entered: Callable[[Phase], None] = lambda phase: None
    ) -> None:
        super().__init__(mailbox)
        self.answer: Findings | None = None
        self._now_s = now_s
        self._with_subjects = with_subjects
        self._entered = entered
        self._unseen: int | None = None
        self._newest: Message | None = None

    def begin(self, session: ImapSession) -> None:
        self._entered(Phase.OPEN)
        (line,) = command(b"STATUS", [encode_mailbox(self.mailbox)])
        # Where there is no such mailbox, EXAMINE says so, too; nobody reads it here.
        session.send([line.removesuffix(b"\r\n") + b" (UNSEEN)\r\n"], lambda status: None)
        super().begin(session)

    def take(self, data: Data) -> None:
        if data.name == "STATUS":
            self._unseen = counts_of(data)[1].get(b"UNSEEN", self._unseen)
        else:
            super().take(data)

    def _opened(self, status: Status) -> None:
        if self.box.exists == 0 and status.name == "OK":
            self._finish()
            return
        super()._opened(status)
        exists = self.box.exists
        if exists is None:
            raise self.session.error(ProtocolError, "the server does not say how many messages there are")
        last = b"%d:*" % max(1, exists - MESSAGES_LIMIT + 1)
        if self._with_subjects:
            self.session.send(fetch(last), self._fetched)
            self.session.log_out()
        else:
            # Headers may have to be read from each message's file: only one of them is asked for.
            if exists > 1:
                self.session.send([b"FETCH " + last + b" (UID INTERNALDATE)\r\n"], self._dated)
            self.session.send(fetch(b"*"), self._fetched)

    def _dated(self, status: Status) -> None:
        self._check(status, "fetch")

    def _fetched(self, status: Status) -> None:
        if self.box.exists == 0:
            self._finish()  # they went while we looked
            return
        self._check(status, "fetch")
        self._newest = newest(self.box.dated(), self._now_s)
        if self._newest is None:
            raise self.session.error(ProtocolError, "the server answered the fetch without a message")
        # With subjects, all were asked for, and the goodbye is on its way: what a server left out stays unknown.
        is_whole = self._with_subjects or any(message == self._newest for _, message in self.box.messages())
        if is_whole or self._newest.uid is None:
            self._finish()
        else:
            self.session.send(fetch(b"%d" % self._newest.uid, by_uid=True), self._completed)
            self.session.log_out()

    def _completed(self, status: Status) -> None:
        self._check(status, "fetch")
        assert self._newest is not None
        uid = self._newest.uid
        self._newest = next((message for _, message in self.box.messages() if message.uid == uid), self._newest)
        self._finish()

    def _finish(self) -> None:
        self.answer = Findings(
            mailbox=self.mailbox,
            exists=self.box.exists or 0,
            unseen=self._unseen,
            messages=tuple(self.box.dated()[-MESSAGES_LIMIT:]),
            newest=self._newest,
        )
        self._entered(Phase.LOGOUT)
        self.session.finish()
