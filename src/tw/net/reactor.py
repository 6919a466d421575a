"""A lean epoll reactor: Twisted's own, with a short way for plain read events.

Stock `EPollReactor` sends every event through `log.callWithLogger` (three context layers) and a chain of checks. Most
events of a busy server are "there is something to read" on a socket that is alive, and those are read here, or by
`doRead` where that is not a TCP connection's. Everything else takes the stock path, and so does every end.
"""

from collections.abc import Callable
from contextlib import suppress
from select import EPOLLIN, select
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.tcp import Client, Server
from twisted.logger import Logger
from twisted.python.failure import Failure

from tw.net.accepted import Accepted
from tw.net.reading import FIRST_READ_BYTES, READ_BYTES, SMALL_BYTES

PR_SET_TIMERSLACK = 29

DONE = Failure(CONNECTION_DONE)

NEEDED = ("_poller", "_selectables", "_reads", "_writes", "_doReadOrWrite", "_disconnectSelectable")
"""Private names of `EPollReactor` that the short way leans on; where one is missing, the stock reactor serves."""


class LeanReactor(EPollReactor):
    """`EPollReactor` with a direct dispatch of plain read events."""

    _log = Logger()
    _poller: Any
    _disconnectSelectable: Any
    _doReadOrWrite: Any
    _reads: set[int]
    _writes: set[int]
    _selectables: dict[int, Any]

    def __init__(self) -> None:
        super().__init__()
        # glibc maps a block of this size afresh for each read, which costs 10 us, until it has seen a larger one go
        # (mallopt(3), M_MMAP_THRESHOLD). Mostly some import has done that, but none has to.
        bytearray(2 * READ_BYTES)
        self._turn_ends: list[Callable[[], object]] = []
        self._events: list[tuple[int, int]] = []
        self._cut_off: list[tuple[int, int]] = []
        self.exact_waits = False
        """Whether to wait for delayed calls to the microsecond: epoll_wait(2) counts milliseconds, and they come up to
        one late. It costs another system call for each wait."""

    def at_turn_end(self, call: Callable[[], object]) -> None:
        """Call it once the events of this turn are dispatched, or before the reactor waits for others."""
        self._turn_ends.append(call)

    def end_turn_early(self) -> None:
        """Dispatch no more of this turn's events: they come again with the next turn's, and first. Outside of their
        dispatch it does nothing."""
        self._cut_off += self._events
        self._events.clear()  # a `for` over a list looks at its length at each step: this costs nothing while unused

    def close_at_turn_end(self, connection: Any) -> None:
        """Close a TCP or unix connection that has nothing to send, as soon as its protocol has returned."""
        connection.disconnecting = True
        self.at_turn_end(lambda: self._close(connection))

    def _close(self, connection: Any) -> None:
        if not connection.connected or connection._aborting:
            return  # it is gone already, or will be, and otherwise than in order
        if connection.dataBuffer or connection._tempDataLen:
            connection.disconnecting = False
            connection.loseConnection()
        else:
            connection.connectionLost(DONE)  # which has it forgotten as well

    def attend(self, fd: int, connection: Any) -> None:
        """`addReader` for a new socket."""
        self._poller.register(fd, EPOLLIN)
        self._reads.add(fd)
        self._selectables[fd] = connection

    def forget(self, fd: int) -> None:
        """`removeReader` and `removeWriter` for a socket that is about to be closed."""
        if self._selectables.pop(fd, None) is not None:
            self._poller.unregister(fd)
            self._reads.discard(fd)
            self._writes.discard(fd)

    def doPoll(self, timeout: float | None) -> None:
        """Wait at most `timeout` seconds (None: for ever) for events, and dispatch them."""
        if self._turn_ends:
            # Asked for by delayed calls. These calls may ask for others: how long there is to wait must be asked again.
            self._end_turn()
            timeout = 0
        elif self.exact_waits and timeout:
            select([self._poller], [], [], timeout)
            timeout = 0
        selectables = self._selectables
        # A signal does not end it early with EINTR, as it did before PEP 475.
        self._events = self._poller.poll(-1 if timeout is None else timeout, len(selectables))
        if self._cut_off:
            self._put_in_order()
        for fd, event in self._events:
            # Looked up at each event: an earlier one of this batch may have closed the socket, and its number may
            # even belong to a new one by now.
            selectable = selectables.get(fd)
            if selectable is None:
                continue
            if event == EPOLLIN:
                self._read(selectable)
            else:
                self._dispatch(selectable, fd, event)
        self._events = []
        if self._cut_off:
            del self._cut_off[: self._cut_off.index((fd, event)) + 1]  # what was dispatched before the cut
        if self._turn_ends:
            self._end_turn()

    doIteration = doPoll

    def _put_in_order(self) -> None:
        """Those that an early end has cut off come first, in the order in which they stood. The kernel names all who
        are ready in one order, always: the last ones would starve."""
        places = {fd: place for place, (fd, _) in enumerate(self._cut_off)}
        self._cut_off = []
        self._events.sort(key=lambda event: places.get(event[0], len(places)))

    def _end_turn(self) -> None:
        calls, self._turn_ends = self._turn_ends, []
        for call in calls:
            try:
                call()
            except Exception:
                self._log.failure("unhandled error at the end of a turn")

    def _read(self, selectable: Any) -> None:
        """Read once. Everything is in one place, since a call would cost a hundredth of an echo."""
        kind = type(selectable)
        try:
            if kind is Accepted:
                size = selectable.read_bytes
            elif kind is Server or (kind is Client and selectable.connected):  # until then it reads to connect
                size = getattr(selectable, "read_bytes", FIRST_READ_BYTES)
            else:
                # In its own way: a unix socket may receive descriptors.
                self._end(selectable, selectable.doRead())
                return
            try:
                data = selectable.socket.recv(size)
            except BlockingIOError:
                return
            except OSError:
                self._end(selectable, CONNECTION_LOST)
                return
            if len(data) >= SMALL_BYTES:
                if size != READ_BYTES:
                    selectable.read_bytes = READ_BYTES
            elif not data:
                self._end(selectable, CONNECTION_DONE)
                return
            elif size != SMALL_BYTES:
                selectable.read_bytes = size - 1 if size > FIRST_READ_BYTES else SMALL_BYTES
            selectable.protocol.dataReceived(data)
        except Exception as error:
            # One protocol's fault costs that connection alone.
            self._log.failure("unhandled error while reading")
            self._end(selectable, error)

    def _end(self, selectable: Any, why: Any) -> None:
        if why:
            self._disconnectSelectable(selectable, why, True)

    def _dispatch(self, selectable: Any, fd: int, event: int) -> None:
        try:
            self._doReadOrWrite(selectable, fd, event)
        except Exception:
            self._log.failure("unhandled error in the reactor")


def at_turn_end(reactor: Any, call: Callable[[], object]) -> None:
    """Have `call` made at the end of this reactor turn: directly, or in the next turn where `reactor` is another kind.

    A delayed call of no delay costs 3 us, for its object, the heap and another look at the clock.
    """
    if isinstance(reactor, LeanReactor):
        reactor.at_turn_end(call)
    else:
        reactor.callLater(0, call)


def end_turn_early(reactor: Any) -> bool:
    """Leave what has not been read in this turn to the next one. Returns whether `reactor` can do that."""
    if not isinstance(reactor, LeanReactor):
        return False
    reactor.end_turn_early()
    return True


def wait_exactly(reactor: Any) -> None:
    """Have delayed calls come as exactly as the kernel's timers are, where `reactor` can do that."""
    if not isinstance(reactor, LeanReactor):
        return
    reactor.exact_waits = True
    with suppress(OSError, AttributeError):
        # The kernel lets a thread's timers be 50 us late, to wake it less often (prctl(2)). Without that a wait of
        # 300 us ends 28 us late in place of 79.
        from ctypes import CDLL

        CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)


def usable() -> bool:
    """Whether this Twisted still has the private names that `LeanReactor` needs."""
    reactor = EPollReactor.__dict__
    return "doPoll" in reactor and all(hasattr(EPollReactor, name) for name in NEEDED[4:])
