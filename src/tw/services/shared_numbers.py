"""The counter's numbers from a Redis or Valkey that several servers share: unique over all of them.

Numbers are what INCRBY adds: those of one block are nobody else's. Nothing is asked for twice. Where no answer came,
the block may have been counted, and nobody has its numbers: a gap, never a repetition.
"""

import secrets
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.logger import Logger
from twisted.python.failure import Failure

from tw.core.redis_rules import LinkLost, Refusal, refusal_error
from tw.core.shared_count import Lease, SharedCount
from tw.errors import LocalError, TwError, UsageError
from tw.net.reactor import at_turn_end
from tw.net.redis import RedisLink
from tw.net.redis_access import RedisAccess
from tw.protocols.late import LateAnswer, LateSite

MAX_WAITING = 100_000
"""Requests that wait for a number, 300 bytes each: ten of each connection that `--max-connections` has by default."""

OTHER_SERVER = frozenset(("READONLY", "MASTERDOWN", "LOADING"))
"""Refusals that another connection, to whoever has the name by then, may not meet."""

LOOK_S = 1.0
"""How often a server looks how far the others are: it may be all that is known, where Redis forgets."""

START_S = 1.0
"""So long one that starts anyhow waits for Redis: whoever its sockets have accepted is to wait for 2 s at most."""

AWAY = "the shared count is out of reach"
FULL = "too many requests are waiting"


class SharedNumbers:
    """Fetches numbers for a `LateSite`: as many as were asked for in a turn, or blocks of `lease`, ahead of need.

    `failed(why)` is told when there are none any more, `recovered()` when there are again.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        access: RedisAccess,
        *,
        lease: int | None = None,
        failed: Callable[[str], object] = lambda why: None,
        recovered: Callable[[], object] = lambda: None,
    ) -> None:
        self._reactor = reactor
        self._link = RedisLink(reactor, access, away=self._is_away, back=self._is_back)
        self._key = access.place.name
        self._lease = Lease(lease) if lease is not None else None
        self._size = lease or 0
        self._failed = failed
        self._recovered = recovered
        self._count = SharedCount(-1)
        self._waiting: list[LateAnswer] = []  # of this turn, or for a lease
        self._under_way = 0
        self._turn_noted = False
        self._is_well = True
        self._is_setting_on = False
        self._timer: Any = None
        self.site: LateSite | None = None
        self.instance = secrets.token_hex(8)
        self.problem: str | None = None

    async def start(self, start: int | None) -> None:
        """Connect, and see that the key is a count, which begins at `start` where it is new. Raises TwError: LocalError
        where it is none, UsageError where it stands below what `start` says; otherwise as RedisLink does."""
        try:
            await self._begin(start)
        except BaseException:
            await self._link.stop()
            raise
        self._fetch()
        self._timer = self._reactor.callLater(LOOK_S, self._look)

    async def start_anyhow(self) -> None:
        """As `start`, but where Redis is away, or of no use, that is as if it had become so later."""
        try:
            await Deferred.fromCoroutine(self._begin(None)).addTimeout(START_S, self._reactor)
        except (TwError, TimeoutError) as error:
            why = error.what if isinstance(error, TwError) else f"no answer within {START_S:g} s"
            self._is_away(why)
            self._link.keep_trying(why)
        self._fetch()
        self._timer = self._reactor.callLater(LOOK_S, self._look)

    async def _begin(self, start: int | None) -> None:
        await self._link.start()
        await self._look_at_key(start)

    async def _look_at_key(self, start: int | None) -> None:
        where = self._link.where
        try:
            if start is not None:
                await self._link.call("SET", self._key, start - 1, "NX")
            # It adds nothing, and meets all that a real one would: another type, no right to, a replica, a full memory.
            value = await self._add(0)
        except Refusal as refusal:
            raise refusal_error(refusal.text, where) from None
        except LinkLost as lost:
            raise self._link.lost_error(str(lost)) from None
        if value < -1:
            raise LocalError("the key holds a negative number", where, "choose another name in the URL")
        if start is not None and value < start - 1:
            what = f"--start {start} contradicts the count, which stands at {value}"
            raise UsageError(what, where, "leave --start out, or choose another name in the URL")
        self._count = SharedCount(value)

    async def stop(self) -> None:
        """No number is taken any more. What a lease has left is a gap."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        await self._link.stop()

    # What a site asks -----------------------------------------------------------------------------------------------

    @property
    def at_hand(self) -> bool:
        return self._lease is not None and self._lease.left > 0

    def take(self) -> int:
        """A number of the lease. Raises LocalError where none is at hand."""
        lease = self._lease
        if lease is None or not lease.left:
            raise LocalError("no number at hand", self._link.where)
        number = lease.take()
        if lease.is_low:
            self._fetch()
        return number

    def want(self, answer: LateAnswer) -> None:
        if self._under_way + len(self._waiting) >= MAX_WAITING:
            assert self.site is not None
            answer.deny(self.site, FULL)
            return
        self._waiting.append(answer)
        if not self._turn_noted:
            self._turn_noted = True
            at_turn_end(self._reactor, self._end_turn)

    def _add(self, count: int) -> Deferred[int]:
        """Where the count stands with so many more."""
        return self._link.call("INCRBY", self._key, count).addCallback(self._whole)

    def _whole(self, reply: object) -> int:
        if isinstance(reply, int):
            return reply
        what = "INCRBY was answered with something else"
        self._link.reset(what)
        raise LinkLost(what)

    # Fetching -------------------------------------------------------------------------------------------------------

    def _end_turn(self) -> None:
        self._turn_noted = False
        if self._lease is not None:
            if self.problem is not None:
                self._deny_waiting(self.problem)
            self._fetch()
            return
        answers, self._waiting = self._waiting, []
        if answers:
            self._under_way += len(answers)
            self._add(len(answers)).addCallbacks(
                self._granted, self._missed, callbackArgs=(answers,), errbackArgs=(answers,)
            ).addErrback(self._bug)

    def _granted(self, end: int, answers: list[LateAnswer]) -> None:
        assert self.site is not None
        self._under_way -= len(answers)
        numbers = self._count.block(end, len(answers))
        if numbers is None:
            self._catch_up(end)
            self.site.deny(answers, "the shared count went back")
            return
        self._note_well()
        self.site.grant(answers, numbers)

    def _missed(self, failure: Failure, answers: list[LateAnswer]) -> None:
        assert self.site is not None
        self._under_way -= len(answers)
        self._note(failure)
        self.site.deny(answers, AWAY)

    def _fetch(self) -> None:
        """Have the next lease come, where it is time to."""
        if self._lease is not None and self.problem is None and self._lease.begin(len(self._waiting)):
            size = max(self._size, len(self._waiting))
            fetched = self._add(size)
            fetched.addCallbacks(self._leased, self._no_lease, callbackArgs=(size,)).addErrback(self._bug)

    def _leased(self, end: int, size: int) -> None:
        assert self._lease is not None
        numbers = self._count.block(end, size)
        if numbers is None:
            self._lease.miss()
            self._catch_up(end)
            self._deny_waiting("the shared count went back")
            return
        self._lease.add(numbers)
        self._note_well()
        self._serve_waiting()
        self._fetch()

    def _serve_waiting(self) -> None:
        assert self._lease is not None
        assert self.site is not None
        count = min(len(self._waiting), self._lease.left)
        answers, self._waiting = self._waiting[:count], self._waiting[count:]
        if answers:
            self.site.grant(answers, [self._lease.take() for _ in answers])

    def _no_lease(self, failure: Failure) -> None:
        assert self._lease is not None
        self._lease.miss()
        self._note(failure)
        self._deny_waiting(AWAY)

    def _deny_waiting(self, why: str) -> None:
        assert self.site is not None
        answers, self._waiting = self._waiting, []
        if answers:
            self.site.deny(answers, why)

    # What becomes of the link ---------------------------------------------------------------------------------------

    def _is_away(self, reason: str) -> None:
        self.problem = AWAY
        self._note_ill(f"{self._link.where}: {reason}")

    def _is_back(self) -> None:
        """Before anybody is given a number: whether the count is where it was."""
        self._add(0).addCallbacks(self._seen_again, self._note).addErrback(self._bug)

    def _seen_again(self, value: int) -> None:
        self._seen(value)
        self.problem = None
        self._note_well()
        self._fetch()

    def _look(self) -> None:
        self._timer = self._reactor.callLater(LOOK_S, self._look)
        if self.problem is None:
            self._add(0).addCallbacks(self._seen, self._note).addErrback(self._bug)

    def _seen(self, value: int) -> None:
        if not self._count.seen(value):
            self._catch_up(value)

    def _catch_up(self, value: int) -> None:
        """The count stands below what this server has seen of it. What it has not seen, others may have handed out."""
        if self._is_setting_on:
            return  # this was asked for before
        self._is_setting_on = True
        missing = self._count.missing(value)
        self._log.error(
            "{where}: the count went back to {value}, and is set on by {missing}; is Redis durable (appendonly yes)?",
            where=self._link.where,
            value=value,
            missing=missing,
        )
        self._add(missing).addBoth(self._is_set_on).addErrback(self._note).addErrback(self._bug)

    def _is_set_on(self, result: Any) -> Any:
        self._is_setting_on = False
        return result

    def _note(self, failure: Failure) -> None:
        """Why there is no number. A lost link is told of by `_is_away`."""
        if failure.check(Refusal):
            refusal: Any = failure.value
            self._note_ill(f"{self._link.where}: {refusal.text}")
            if refusal.code in OTHER_SERVER or self.problem is not None:
                self._link.reset(refusal.text)
        else:
            failure.trap(LinkLost)

    def _note_ill(self, why: str) -> None:
        if self._is_well:
            self._is_well = False
            self._failed(why)

    def _note_well(self) -> None:
        if not self._is_well:
            self._is_well = True
            self._recovered()

    def _bug(self, failure: Failure) -> None:
        self._log.failure("unhandled error with shared numbers", failure)
