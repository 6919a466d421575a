"""A network in memory with threads, and mail servers on it: shared by the tests of `tw imap check`."""

import time
from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure

from ends import Peer
from imap_script import GREETING
from memory import Network
from tw.mail_check_options import CheckOptions, Expectations
from tw.mail_options import ImapOptions
from tw.options import CommonOptions

COMMON = CommonOptions(reactor="stock")
TIMEOUT_S = 5.0
AGE_S = 30 * 3600.0


class Pooled(Network):
    """With threads, whose work is done at once, and comes back when the network next moves."""

    def __init__(self) -> None:
        super().__init__()
        self.pool_size = 0

    def getThreadPool(self) -> Any:
        return self

    def suggestThreadPoolSize(self, size: int) -> None:
        self.pool_size = size

    def callInThreadWithCallback(self, told: Callable[..., None], work: Any, *args: Any, **named: Any) -> None:
        try:
            result = work(*args, **named)
        except Exception:
            told(False, Failure())
        else:
            told(True, result)

    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        self.callLater(0, call, *args)

    def hear_thread(self) -> None:
        self.settle()


def message(subject: bytes = b"hello") -> bytes:
    """It arrived 30 hours ago, which stays so for as long as the tests take."""
    date = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(time.time() - AGE_S)).encode()
    header = b"Subject: %s\r\n\r\n" % subject
    start = b'* 1 FETCH (UID 7 INTERNALDATE "%s" BODY[HEADER.FIELDS (SUBJECT FROM DATE)]' % date
    return start + b" {%d}\r\n%s)\r\n" % (len(header), header)


ANSWERS = {
    b"AUTHENTICATE": b"",
    b"STATUS": b"* STATUS INBOX (UNSEEN 1)\r\n",
    b"EXAMINE": b"* 1 EXISTS\r\n",
    b"FETCH": message(),
    b"LOGOUT": b"* BYE see you\r\n",
}


def serves(peer: Peer, data: bytes) -> None:
    """A mailbox with one unread message."""
    for line in data.splitlines():
        tag, word, *_ = line.split()
        peer.say(ANSWERS[word] + tag + b" OK\r\n")
        if word == b"LOGOUT":
            peer.leave()


def refuses(peer: Peer, data: bytes) -> None:
    peer.say(data.split()[0] + b" NO who are you\r\n")


def greets(peer: Peer) -> None:
    peer.say(GREETING)


def place(net: Pooled, port: int, hears: Any = serves, meets: Any = greets) -> None:
    net.scripted(port, hears, meets)


def account(port: int, *, many: bool = True, nagios: bool = False, **more: Any) -> CheckOptions:
    expected = Expectations(**{name: more.pop(name) for name in ("subject", "max_age_s", "max_unread") if name in more})
    values = {"user": "me", "host": "127.0.0.1", "port": port, "security": "plain", "timeout_s": TIMEOUT_S, **more}
    return CheckOptions(imap=ImapOptions(**values), expected=expected, is_one_of_many=many, nagios=nagios)


def one(**more: Any) -> CheckOptions:
    return account(1, many=False, **more)
