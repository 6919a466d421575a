"""Ping mode: numbered payloads at a steady pace, each awaited for `--timeout`, and the verdict over all of them."""

import secrets
from collections import Counter
from collections.abc import Callable
from itertools import chain
from math import inf
from typing import Any

from tw.core.counted import counted
from tw.core.histogram import Histogram
from tw.core.likeness import most_alike
from tw.core.payload import TOKEN_BYTES, PayloadFormat
from tw.core.verdict import Kind, Outcome, Verdict
from tw.errors import AnswerTimeout, ExitCode, TwError
from tw.probe_options import ProbeOptions
from tw.probes.failures import nothing_ours
from tw.probes.timing import Bell
from tw.report import Delivery, Distribution, FirstFault, HarmFigures, PhaseFigures, ProbeReport, Sample

WINDOW = 1024
"""Samples that may be under way at once: `--interval 0` would otherwise send all of `--count` at a stalled server."""

WINDOW_BYTES = 64 * 1024 * 1024
"""And bytes of them: a stalled server leaves them in this process's memory."""

GOOD = frozenset({Kind.OK, Kind.REORDERED})
"""What came back unharmed for the first time: its round trip counts."""


def fresh_token() -> bytes:
    """A token that no other run has."""
    return secrets.token_hex(TOKEN_BYTES // 2).encode()


class Ping:
    """Keeps the pace and the books of one ping run; how a payload travels is the caller's.

    `send` puts a payload on its way; what comes back goes to `arrived`, and a broken connection to `fail`. `clock`
    gives seconds for measuring; it never jumps, as the reactor's own may. No more than `window` samples, and no more
    than `window_bytes` of them (but always one), are under way at once.
    """

    def __init__(
        self,
        reactor: Any,
        options: ProbeOptions,
        form: PayloadFormat,
        show: Callable[[Sample], None],
        clock: Callable[[], float],
        *,
        exclusive: bool = True,
        window: int = WINDOW,
        window_bytes: int = WINDOW_BYTES,
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._form = form
        self._exclusive = exclusive
        self._show = show
        self._clock = clock
        self._bell = Bell(reactor)
        self._window = max(1, min(window, window_bytes // form.size_bytes))
        self._sent_at: dict[int, float] = {}
        self._timers: dict[int, Any] = {}
        self._failed: TwError | None = None
        self._ended_s: float | None = None
        # Samples that were given up when nothing at all had come in the second half of their wait: where answers still
        # come, the next one is in by then, as it was sent an interval later. They are in `_sent_at` as well.
        self._silent: set[int] = set()
        # Whether something came that was once sent, or may have been; and whether something did that cannot have been.
        self._recognised = self._strange = False
        self.verdict = Verdict(form, exclusive=exclusive)
        self.first_fault: FirstFault | None = None
        self.heard_s = -inf
        """When something, whatever it was, came last, on the measuring clock."""
        self.times = Histogram()
        self.errors: Counter[str] = Counter()
        self.sent_bytes = 0
        self.received_bytes = 0
        self.unsettled = 0
        """Samples that were still waited for when a signal cut the run short: neither received nor lost."""

    async def run(self, send: Callable[[bytes], None], where: str) -> None:
        """Send every sample and wait for the answers.

        Raises what `fail` was given, AnswerTimeout where not one answer came from `where`, and ProtocolError where
        none can have been one.
        """
        last = self._options.count
        try:
            for number in range(1, last + 1):
                await self._room_for(self._window)
                due_s = self._reactor.seconds() + self._options.interval_s
                self._depart(number)
                send(self._form.payload(number))
                while number < last and not self._failed and (left := due_s - self._reactor.seconds()) > 0:
                    await self._bell.heard(left)
            await self._room_for(1)
        finally:
            self._ended_s = self._clock()
            self._stop_timers()
        if self._strange and not self._recognised:
            raise nothing_ours(where)
        if self.verdict.received == 0 and self.verdict.corrupted == 0:
            waited = f"waited {self._options.timeout_s:g} s for each; --timeout gives them longer"
            raise AnswerTimeout("connected, and not one answer came", where, waited)

    async def _room_for(self, most: int) -> None:
        """Wait until fewer than `most` samples are under way."""
        while self._failed is None and len(self._timers) >= most:
            await self._bell.heard()
        if self._failed is not None:
            raise self._failed

    def fail(self, error: TwError) -> None:
        """Nothing more will come. The first error counts."""
        if self._failed is None:
            self._failed = error
        self._bell.ring()

    def _depart(self, number: int) -> None:
        self.verdict.sent(number)
        self.sent_bytes += self._form.size_bytes
        self._sent_at[number] = self._clock()
        self._timers[number] = self._reactor.callLater(self._options.timeout_s, self._give_up, number)

    def arrived(self, payload: bytes) -> Outcome:
        """Judge what came back, measure it, and show it."""
        now = self.heard_s = self._clock()
        truncated = self.verdict.truncated
        outcome = self.verdict.receive(payload)
        if outcome.kind is Kind.FOREIGN:
            return outcome
        self.received_bytes += len(payload)
        if outcome.kind is Kind.CORRUPTED:
            self._note_harm(outcome, payload, truncated=self.verdict.truncated > truncated)
            return outcome
        self._recognised = True
        sent_at = self._sent_at.pop(outcome.number, None) if outcome.number is not None else None
        rtt_s = now - sent_at if sent_at is not None and outcome.kind in GOOD else None
        if rtt_s is not None:
            self.times.record(rtt_s)
        word = outcome.kind.value
        if outcome.number is not None and not self._settle(outcome.number) and rtt_s is not None:
            self.errors["late"] += 1
            self._take_back_timeout(outcome.number)
            word = "late"
        self._show(Sample(number=outcome.number or 0, rtt_s=rtt_s, outcome=word))
        self._bell.ring()
        return outcome

    def _note_harm(self, outcome: Outcome, payload: bytes, *, truncated: bool) -> None:
        """Find out which sample it was: that one came, in a way, and is waited for no longer."""
        number = most_alike(self._form, payload, outcome.number, chain(self._timers, self._sent_at))
        if number is None:
            self._strange = True
        else:
            self._recognised = True
        start = 0 if self._exclusive else payload.find(self._form.mark)
        expected = b"" if number is None else self._form.payload(number)
        fault = FirstFault.between(expected, payload[start:], number, truncated=truncated)
        if self.first_fault is None:
            self.first_fault = fault
        waited_for = number is not None and self._sent_at.pop(number, None) is not None
        if number is not None and waited_for and not self._settle(number):
            self._take_back_timeout(number)
        detail = f"{counted(len(payload), 'bytes')} that no payload begins with" if number is None else fault.detail
        self._show(Sample(number=number or 0, rtt_s=None, outcome=fault.kind, detail=detail))
        self._bell.ring()

    def _give_up(self, number: int) -> None:
        """Nothing came in time. Should it come before the run ends, it counts as late rather than lost."""
        del self._timers[number]
        self.errors["timeout"] += 1
        if self._clock() - self.heard_s > self._options.timeout_s / 2:
            self._silent.add(number)
        self._show(Sample(number=number, rtt_s=None, outcome="timeout"))
        self._bell.ring()

    def _take_back_timeout(self, number: int) -> None:
        """An answer came that had been given up: it is no longer one that never came."""
        self._silent.discard(number)
        self.errors["timeout"] -= 1
        if not self.errors["timeout"]:
            del self.errors["timeout"]

    def _settle(self, number: int) -> bool:
        """Stop waiting for a sample; whether it was being waited for."""
        timer = self._timers.pop(number, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def _stop_timers(self) -> None:
        # A connection that broke has lost what was under way on it; a run that was stopped has not.
        self.unsettled = len(self._timers) if self._failed is None else 0
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    @property
    def ok(self) -> bool:
        return self.verdict.ok and not self.errors

    def report(
        self,
        probe: str,
        where: str,
        connect_times: Histogram,
        began_s: float,
        error: TwError | None,
        delivery: Delivery | None = None,
        phases: PhaseFigures | None = None,
    ) -> ProbeReport:
        """What is known now; `began_s` is on the measuring clock."""
        verdict = self.verdict
        return ProbeReport(
            probe=probe,
            target=where,
            ok=self.ok and error is None,
            sent=verdict.sent_count,
            received=verdict.received,
            lost=max(0, verdict.lost - self.unsettled),
            duplicated=verdict.duplicated,
            reordered=verdict.reordered,
            corrupted=verdict.corrupted,
            errors=dict(self.errors),
            rtt_ms=Distribution.of(self.times),
            connect_ms=Distribution.of(connect_times),
            duration_s=max(0.0, (self._ended_s or self._clock()) - began_s),
            sent_bytes=self.sent_bytes,
            received_bytes=self.received_bytes,
            delivery=delivery,
            phases=phases,
            harm=HarmFigures(truncated=verdict.truncated, stalled=len(self._silent), first_fault=self.first_fault),
            error=error,
        )


def verdict_code(report: ProbeReport) -> ExitCode:
    return ExitCode.OK if report.ok else ExitCode.BAD_VERDICT
