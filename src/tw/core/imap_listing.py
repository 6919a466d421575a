"""What an IMAP session can be sent for without opening a mailbox: names and counts (RFC 3501, section 6.3)."""

from collections.abc import Callable, Sequence

from tw.core.imap import ImapSession
from tw.core.imap_commands import command, decode_mailbox, encode_mailbox
from tw.core.imap_tokens import NUMBER_LIMIT_DIGITS, Data, MalformedError, Status, Value
from tw.core.imap_types import Mailbox, MailboxStatus, Phase, check_mailbox
from tw.errors import NothingThere, ProtocolError, TwError

MAILBOXES_LIMIT = 10_000
"""Mailboxes that are listed. Nobody has more by intention."""

NAMES_LIMIT_BYTES = 8 * 1024 * 1024
"""Of all the lines of a list: some 800 bytes for each of the most mailboxes."""


class Mailboxes:
    """The mailboxes whose names match `pattern` (`*`: any; `%`: any on its level). `answer` is set at the end.

    Raises UsageError for a pattern that no mailbox can match.
    """

    def __init__(self, pattern: str = "*") -> None:
        check_mailbox(pattern, "")
        self.answer: tuple[Mailbox, ...] | None = None
        self._pattern = pattern
        self._found: list[Mailbox] = []
        self._held_bytes = 0
        self._session: ImapSession | None = None

    def begin(self, session: ImapSession) -> None:
        self._session = session
        session.phase = Phase.LIST
        session.send(command(b"LIST", [b"", encode_mailbox(self._pattern)]), self._listed)
        session.log_out()

    def take(self, data: Data) -> None:
        if data.name != "LIST":
            return
        match data.values():
            case (tuple() as attributes, delimiter, bytes() as name, *_):
                self._found.append(_mailbox(attributes, delimiter, name))
            case _:
                raise MalformedError("a LIST that is none", data.line)
        self._held_bytes += sum(map(len, data.pieces))
        if len(self._found) > MAILBOXES_LIMIT or self._held_bytes > NAMES_LIMIT_BYTES:
            raise MalformedError(f"more than {MAILBOXES_LIMIT} mailboxes, or than {NAMES_LIMIT_BYTES} bytes of them")

    def _listed(self, status: Status) -> None:
        assert self._session is not None
        if status.name != "OK":
            words = self._session.wording.words(status.text)
            raise self._session.error(ProtocolError, f"the server refused the list: {words}")
        if not self._found:
            raise self._session.error(NothingThere, "no mailbox matches")
        self.answer = tuple(self._found)
        self._session.finish()


def _mailbox(attributes: tuple[Value, ...], delimiter: Value, name: bytes) -> Mailbox:
    words = tuple(word.decode("ascii", "replace") for word in attributes if isinstance(word, bytes))
    parted_by = delimiter.decode("ascii", "replace") if isinstance(delimiter, bytes) and delimiter else None
    return Mailbox(name=decode_mailbox(name), delimiter=parted_by, attributes=words)


STATUS_ITEMS = b" (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)\r\n"


class Statuses:
    """The counts of mailboxes, all asked for in one flight. `answer` is set at the end.

    `failure` is then the first one's that could not be had; the others are in the answer all the same. Raises
    UsageError for a name that no mailbox can have.
    """

    def __init__(self, mailboxes: Sequence[str]) -> None:
        for mailbox in mailboxes:
            check_mailbox(mailbox, "")
        self.answer: tuple[MailboxStatus, ...] | None = None
        self._mailboxes = mailboxes
        self._found: list[MailboxStatus] = []
        # What was said of each mailbox, and of the one whose name the server writes in another way (inbox).
        self._counts: dict[str, dict[bytes, int]] = {}
        self._unnamed: dict[bytes, int] = {}
        self.failure: TwError | None = None
        self._left = len(mailboxes)
        self._session: ImapSession | None = None

    def begin(self, session: ImapSession) -> None:
        self._session = session
        session.phase = Phase.STATUS
        for mailbox in self._mailboxes:
            chunks = command(b"STATUS", [encode_mailbox(mailbox)])
            chunks[-1] = chunks[-1].removesuffix(b"\r\n") + STATUS_ITEMS
            session.send(chunks, self._counted(mailbox))
        session.log_out()

    def take(self, data: Data) -> None:
        if data.name != "STATUS":
            return
        name, counts = counts_of(data)
        if name in self._mailboxes:
            self._counts[name] = counts
        else:
            self._unnamed = counts

    def _counted(self, mailbox: str) -> Callable[[Status], None]:
        """Takes the tagged answer for one mailbox: answers come in the order of the commands."""

        def counted(status: Status) -> None:
            assert self._session is not None
            counts, self._unnamed = self._counts.get(mailbox, self._unnamed), {}
            if status.name == "OK":
                self._found.append(
                    MailboxStatus(
                        mailbox=mailbox,
                        messages=counts.get(b"MESSAGES"),
                        unseen=counts.get(b"UNSEEN"),
                        uid_next=counts.get(b"UIDNEXT"),
                        uid_validity=counts.get(b"UIDVALIDITY"),
                    )
                )
            elif self.failure is None:
                self.failure = self._session.wording.not_opened(status, mailbox, Phase.STATUS)
            self._left -= 1
            if not self._left:
                self.answer = tuple(self._found)
                self._session.finish()

        return counted


def counts_of(data: Data) -> tuple[str, dict[bytes, int]]:
    """What a STATUS counts, and in which mailbox. Raises MalformedError for one that is none."""
    match data.values():
        case (bytes(), *_, tuple() as listed) as values:
            # Some do not quote a name with a space in it; Twisted is one of them.
            name = decode_mailbox(b" ".join(word for word in values if isinstance(word, bytes)))
            return name, _counts(listed)
        case _:
            raise MalformedError("a STATUS that is none", data.line)


def _counts(listed: tuple[Value, ...]) -> dict[bytes, int]:
    return {
        key.upper(): int(value)
        for key, value in zip(listed[::2], listed[1::2], strict=False)
        if isinstance(key, bytes) and isinstance(value, bytes) and value.isdigit() and len(value) <= NUMBER_LIMIT_DIGITS
    }
