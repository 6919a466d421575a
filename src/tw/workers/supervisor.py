"""A server of several processes, as one service: starts them, replaces one that ends, drains them, adds them up."""

import signal
import socket
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from tw.core.workers import Outage, Restarts
from tw.errors import LocalError, TwError
from tw.events import Listening, ServerEvent, ServerSummary, ViaChanged, WorkerEnded, WorkerStarted
from tw.net.descriptors import raise_limit_to
from tw.net.redis_access import RedisAccess, hand_over_access
from tw.options import CommonOptions
from tw.serve_options import ServeCounterOptions, ServeOptions
from tw.services.counter import make_numbers
from tw.services.descriptors import OWN_DESCRIPTORS
from tw.services.listener import Emit
from tw.services.state import Numbers
from tw.workers.doors import Doors
from tw.workers.messages import Job, blocks_of, error_of, event_of, options_of_one, sum_of, summary_of
from tw.workers.numbers import Desk
from tw.workers.process import WorkerProcess

GRACE_S = 3.0
"""Beyond the drain: a worker's own cutting off takes a second, and its last words some time on a loaded machine."""


class Place:
    """What one worker after the other has: its listening sockets, and the wait for the next one."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self.sockets = sockets
        self.restarts = Restarts()
        self.worker: WorkerProcess | None = None
        self.next: Any = None
        self.counts: dict[int, ServerSummary] = {}
        """What each of them has counted, by its number."""


class Supervisor:
    """Start, stop, as the services that it stands for. `fail` is called where it cannot go on. `access` is to what the
    workers share with other servers; with that, each of them is one more of those."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        service: str,
        common: CommonOptions,
        options: ServeOptions,
        emit: Emit,
        fail: Callable[[TwError], None],
        access: RedisAccess | None = None,
    ) -> None:
        self.listener = Doors(reactor, service, options, self._show)
        self._reactor = reactor
        self._service = service
        self._common = common
        self._options = options
        self._theirs = options_of_one(options, options.workers)
        self._emit = emit
        self._fail = fail
        self._access = access
        self._outage = Outage()
        self._numbers: Numbers | None = None
        self._places: list[Place] = []
        self._place_of: dict[WorkerProcess, Place] = {}
        """Of every worker that lives, those too that are leaving and whose place another has."""
        self._desks: dict[WorkerProcess, Desk] = {}
        self._unused: list[range] = []
        self._started = 0
        self._all_serve: Deferred[None] | None = None
        self._stopping = False
        self._began_at_s = reactor.seconds()

    # Starting -------------------------------------------------------------------------------------------------------

    async def start(self) -> list[Listening]:
        """Bind, and wait until every worker serves. Raises TwError; nothing is bound or runs then."""
        self._began_at_s = self._reactor.seconds()
        if isinstance(self._options, ServeCounterOptions) and self._access is None:
            self._numbers = make_numbers(self._options)
        # A worker takes the parent a socket for each place, one to speak on, and one for numbers.
        raise_limit_to(OWN_DESCRIPTORS + self._options.workers * (len(self._options.listen) + 3))
        try:
            listening = self.listener.bind()
            self._places = [Place(sockets) for sockets in self.listener.sockets]
            serving = self._all_serve = Deferred()
            for place in self._places:
                self._fill(place)
            await serving
        except BaseException:
            await self._abandon()
            raise
        finally:
            self._all_serve = None
        pids = tuple(place.worker.pid for place in self._places if place.worker is not None)
        return [event.of_workers(pids) for event in listening]

    async def _abandon(self) -> None:
        await self._end_all(lambda worker: worker.kill(), GRACE_S)
        if self._numbers is not None:
            self._numbers.discard()

    def _fill(self, place: Place) -> None:
        """Have a worker in this place, now or later."""
        place.next = None
        self._started += 1
        try:
            self._hire(place)
        except OSError as error:
            self._worker_failed(place, LocalError(f"cannot start a worker: {error.strerror}", "--workers"))

    def _hire(self, place: Place) -> None:
        """Raises OSError; nothing is left behind then."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) if self._numbers else (None, None)
        listeners = [each.fileno() for each in place.sockets]
        try:
            desk = [] if theirs is None else [theirs.fileno()]
            worker = WorkerProcess(self._reactor, self._started, self, [*listeners, *desk])
        except OSError:
            if ours is not None:
                ours.close()
            raise
        finally:
            if theirs is not None:
                descriptor = theirs.fileno()
                theirs.close()
        if ours is not None and self._numbers is not None:
            self._desks[worker] = Desk(self._reactor, ours, self._numbers)
        place.worker = worker
        self._place_of[worker] = place
        worker.begin(
            Job(
                service=self._service,
                common=self._common,
                options=self._theirs,
                listeners=tuple(listeners),
                numbers=None if ours is None else descriptor,
                tls=self.listener.handed(),
                via=None if self._access is None else hand_over_access(self._access),
                replaces=self._all_serve is None,
            )
        )

    # What workers say (process.Boss) ---------------------------------------------------------------------------------

    def heard(self, worker: WorkerProcess, name: str, content: Any) -> None:
        if name == "event":
            self._tell(worker, event_of(content, worker.number))
        elif name == "counts":
            self._place_of[worker].counts[worker.number] = summary_of(content)
        elif name == "ready":
            self._ready(worker)
        elif name == "leaving":
            self._leaving(worker)
        elif name == "last":
            self._place_of[worker].counts[worker.number] = summary_of(content["summary"])
            self._unused += blocks_of(content["unused"])
        elif name == "failed":
            worker.error = error_of(content)

    def _tell(self, worker: WorkerProcess, event: ServerEvent) -> None:
        """What all of them lose is told once: when the first of them has lost it, and when the last has it again."""
        if not isinstance(event, ViaChanged):
            self._emit(event)
            return
        place = self._place_of[worker]
        if place.worker is worker and self._outage.changes(place, is_away=event.problem is not None):
            self._emit(ViaChanged(problem=event.problem))

    def _ready(self, worker: WorkerProcess) -> None:
        worker.serves_since_s = self._reactor.seconds()
        if self._all_serve is None:
            if not self._stopping:
                self._emit(WorkerStarted(worker=worker.number, pid=worker.pid))
        elif all(place.worker is not None and place.worker.serves_since_s is not None for place in self._places):
            self._all_serve.callback(None)

    def _leaving(self, worker: WorkerProcess) -> None:
        """It was asked to end, and not by us: another takes its sockets now, and does not wait until it has drained."""
        place = self._place_of[worker]
        if not self._stopping and place.worker is worker:
            self._replace(place, worker, "was asked to end")

    def gone(self, worker: WorkerProcess) -> None:
        place = self._place_of.pop(worker)
        desk = self._desks.pop(worker, None)
        if desk is not None:
            desk.close()
        if place.worker is worker and not self._stopping:
            self._replace(place, worker, _reason(worker))

    def _replace(self, place: Place, worker: WorkerProcess, reason: str) -> None:
        place.worker = None
        serves = worker.serves_since_s
        error = worker.error
        if serves is None and error is not None and self._all_serve is not None:
            self._give_up(error)
            return
        wait_s = place.restarts.after(None if serves is None else self._reactor.seconds() - serves)
        if wait_s is None:
            self._give_up(error or LocalError(f"no worker comes to serve: it {reason}", "--workers"))
            return
        if error is not None:
            self._log.error("worker {number}: {error}", number=worker.number, error=error)
        if self._all_serve is None:
            self._emit(WorkerEnded(worker=worker.number, pid=worker.pid, reason=reason, again_s=wait_s))
        place.next = self._reactor.callLater(wait_s, self._fill, place)

    def _worker_failed(self, place: Place, error: LocalError) -> None:
        """There is not even a process."""
        wait_s = None if self._all_serve is not None else place.restarts.after(None)
        if wait_s is None:
            self._give_up(error)
            return
        self._log.error("{error}", error=error)
        place.next = self._reactor.callLater(wait_s, self._fill, place)

    def _give_up(self, error: TwError) -> None:
        if self._all_serve is None:
            self._fail(error)
        elif not self._all_serve.called:
            self._all_serve.errback(error)

    def _show(self, handed: object) -> None:
        """There are new certificates."""
        for worker in self._place_of:
            worker.tell("tls", handed)

    # Ending ---------------------------------------------------------------------------------------------------------

    async def stop(self) -> ServerSummary:
        """Have every worker drain, and tell what all of them did."""
        await self._end_all(lambda worker: worker.tell("stop"), self._options.drain_timeout_s + GRACE_S)
        if self._numbers is not None:
            self._numbers.take_back(self._unused)
            try:
                self._numbers.close()
            except LocalError as error:
                self._log.error("{error}; the numbers will have a gap", error=error)
        workers = self._options.workers
        more = {"workers": workers, "restarts": self._started - workers}
        duration_s = self._reactor.seconds() - self._began_at_s
        counts = [list(place.counts.values()) for place in self._places]
        return sum_of(self._service, counts, more, duration_s)

    async def _end_all(self, end: Callable[[WorkerProcess], None], at_most_s: float) -> None:
        """End every worker in this way, and after so many seconds with a SIGKILL. Whoever connects is refused."""
        self._stopping = True
        for place in self._places:
            if place.next is not None and place.next.active():
                place.next.cancel()
        self.listener.close()
        workers = list(self._place_of)
        for worker in workers:
            end(worker)
        deadline = self._reactor.callLater(at_most_s, _kill_all, workers)
        await DeferredList([worker.ended for worker in workers])
        if deadline.active():
            deadline.cancel()


def _kill_all(workers: Iterable[WorkerProcess]) -> None:
    for worker in workers:
        worker.kill()


def _reason(worker: WorkerProcess) -> str:
    code = worker.code or 0
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended by itself with code {code}"
