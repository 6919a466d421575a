"""What `tw imap check --accounts` runs: every account of a file, concurrently and bounded."""

import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, FirstError, ensureDeferred, gatherResults
from twisted.internet.threads import deferToThreadPool

from tw.errors import TwError
from tw.mail_check import Look, code_of, show
from tw.mail_check_options import CheckAllOptions, CheckOptions
from tw.mail_check_report import CheckResult, CheckSummary
from tw.mail_clients import secrets_of, shown
from tw.mail_runs import display_of, ended
from tw.options import CommonOptions
from tw.output import Output
from tw.password import running
from tw.probes.imap import MailRun
from tw.runtime import Stop, run, spawn, until_stopped


def check_all(common: CommonOptions, options: CheckAllOptions) -> int:
    """Look at every account of a file. Gives the exit code: 0 where all are fine, else 1, or Nagios's."""

    async def main(reactor: Any, stop: Stop) -> int:
        display = display_of(common, options.json, stop)
        began_s = reactor.seconds()
        told = _InOrder(display.mail if not (options.json or options.nagios) else lambda result: None)
        done = await until_stopped(stop, spawn(_Round(reactor, options, told.take).run()))
        if done is None:
            for command in list(running):
                command.kill()
        summary = CheckSummary(tuple(told.results), reactor.seconds() - began_s)
        if done is not None and stop.signal is None:
            show(display, summary, nagios=options.nagios)
            if not (options.json or options.nagios or common.quiet):
                Output(sys.stderr).line(f"tw: {summary.text}")
        code = ended(display, stop)
        return code if done is None else code_of(summary, nagios=options.nagios)

    return run(common, main)


class _InOrder:
    """Tells of results in the order of the accounts, each as soon as those before it are in."""

    def __init__(self, tell: Callable[[CheckResult], None]) -> None:
        self.results: list[CheckResult] = []
        self._tell = tell
        self._early: dict[int, CheckResult] = {}

    def take(self, number: int, result: CheckResult) -> None:
        self._early[number] = result
        while (following := self._early.pop(len(self.results), None)) is not None:
            self.results.append(following)
            self._tell(following)


class _Round:
    """All accounts, at most `jobs` of them at a time. `told` gets each result with its number, from 0 on."""

    def __init__(self, reactor: Any, options: CheckAllOptions, told: Callable[[int, CheckResult], None]) -> None:
        self._reactor = reactor
        self._accounts = enumerate(options.accounts)
        self._jobs = min(options.jobs, len(options.accounts))
        self._told = told

    async def run(self) -> bool:
        """Whether it came to its end, which it always does unless it is cancelled."""
        # A file, a descriptor and a command are waited for in threads: one that is slow keeps nobody else.
        self._reactor.suggestThreadPoolSize(max(10, self._jobs))
        workers = [ensureDeferred(self._work()) for _ in range(self._jobs)]
        together: Deferred[list[None]] = gatherResults(workers, consumeErrors=True)
        try:
            await together
        except FirstError as first:
            # Wrapped, it would not be known for what it is: that the run was cancelled, as a signal has it.
            raise (first.subFailure.value or first) from None
        return True

    async def _work(self) -> None:
        for number, account in self._accounts:
            self._told(number, await self._one(account))

    async def _one(self, account: CheckOptions) -> CheckResult:
        began_s = self._reactor.seconds()
        try:
            imap, secrets = await deferToThreadPool(
                self._reactor, self._reactor.getThreadPool(), secrets_of, account.imap, ask=False
            )
            look = Look(account, self._reactor.seconds)
            visit = MailRun(self._reactor, imap, look.errand, show=shown(imap), **secrets)
            await visit.run()
            return look.result(visit.certificate_end_s)
        except TwError as error:
            return CheckResult(
                account=account.name,
                is_one_of_many=True,
                now_s=time.time(),
                expected=account.expected,
                error=error,
                duration_s=self._reactor.seconds() - began_s,
            )
