"""What `tw imap check` runs: one account, or all of a file, concurrently and bounded."""

import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, FirstError, ensureDeferred, gatherResults
from twisted.internet.threads import deferToThreadPool

from tw.core.imap_check import Check
from tw.core.imap_judgement import judge
from tw.core.imap_types import Phase
from tw.display import Output, Screen
from tw.errors import ExitCode, TwError
from tw.mail_check_options import CheckAllOptions, CheckOptions
from tw.mail_check_report import CheckResult, CheckSummary
from tw.mail_clients import Secrets, display_of, ended, secrets_of, shown
from tw.mail_options import ImapOptions
from tw.options import CommonOptions
from tw.password import running
from tw.probes.imap import MailRun
from tw.runtime import Stop, run, spawn, until_stopped


def check(common: CommonOptions, options: CheckOptions) -> int:
    """Look at one account. Gives the exit code: 1 where something is not as expected, or Nagios's under `--nagios`."""
    imap, secrets = secrets_of(options.imap)

    async def main(reactor: Any, stop: Stop) -> int:
        display = display_of(common, imap.json, stop)
        result = await until_stopped(stop, spawn(_look(reactor, imap, options, secrets)))
        if result is not None and stop.signal is None:
            _show(display, result, nagios=options.nagios)
        code = ended(display, stop)
        return code if result is None else _code(result, nagios=options.nagios)

    return run(common, main)


def _show(display: Screen, result: CheckResult | CheckSummary, *, nagios: bool) -> None:
    if nagios:
        display.out.line(result.nagios())
    else:
        display.mail(result)


def _code(result: CheckResult | CheckSummary, *, nagios: bool) -> int:
    if nagios:
        return int(result.state)
    return ExitCode.OK if result.ok else ExitCode.BAD_VERDICT


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
            _show(display, summary, nagios=options.nagios)
            if not (options.json or options.nagios or common.quiet):
                Output(sys.stderr).line(f"tw: {summary.text}")
        code = ended(display, stop)
        return code if done is None else _code(summary, nagios=options.nagios)

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
            return await _look(self._reactor, imap, account, secrets)
        except TwError as error:
            return CheckResult(
                account=account.name,
                is_one_of_many=True,
                now_s=time.time(),
                expected=account.expected,
                error=error,
                duration_s=self._reactor.seconds() - began_s,
            )


async def _look(reactor: Any, imap: ImapOptions, options: CheckOptions, secrets: Secrets) -> CheckResult:
    """Log in, look, and judge. Raises TwError where that cannot be done."""
    began_s = reactor.seconds()
    entered_s: dict[Phase, float] = {}

    def entered(phase: Phase) -> None:
        entered_s.setdefault(phase, reactor.seconds() - began_s)

    now_s = time.time()
    errand = Check(
        imap.mailbox,
        now_s=now_s,
        with_subjects=options.expected.subject is not None,
        entered=entered,
    )
    visit = MailRun(reactor, imap, errand, show=shown(imap), **secrets)
    await visit.run()
    assert errand.answer is not None
    return CheckResult(
        account=options.name,
        is_one_of_many=options.is_one_of_many,
        now_s=now_s,
        expected=options.expected,
        findings=errand.answer,
        problems=judge(options.expected, errand.answer, now_s=now_s, cert_end_s=visit.certificate_end_s),
        cert_end_s=visit.certificate_end_s,
        login_s=entered_s.get(Phase.OPEN),
        duration_s=entered_s.get(Phase.LOGOUT, reactor.seconds() - began_s),
    )
