"""What `tw imap check` runs for one account: what is looked up, how long that takes, and what is made of it."""

import time
from collections.abc import Callable

from tw.core.imap_check import Check
from tw.core.imap_judgement import judge
from tw.core.imap_types import Phase
from tw.errors import ExitCode
from tw.mail_check_options import CheckOptions
from tw.mail_check_report import CheckResult, CheckSummary
from tw.mail_clients import secrets_of, visit
from tw.mail_display import MailDisplay
from tw.options import CommonOptions

Clock = Callable[[], float]


def check(common: CommonOptions, options: CheckOptions, clock: Clock = time.monotonic) -> int:
    """Look at one account. Gives the exit code: 1 where something is not as expected, or Nagios's under `--nagios`.

    `clock` gives the seconds that it is timed by.
    """
    imap, secrets = secrets_of(options.imap)
    look = Look(options, clock)

    def done(display: MailDisplay, certificate_end_s: float | None) -> int:
        result = look.result(certificate_end_s)
        show(display, result, nagios=options.nagios)
        return code_of(result, nagios=options.nagios)

    return visit(common, imap, secrets, look.errand, done)


class Look:
    """One look at one account, from now on: its `errand`, and the result once that is done."""

    def __init__(self, options: CheckOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._now_s = time.time()
        self._began_s = clock()
        self._entered_s: dict[Phase, float] = {}
        self.errand = Check(
            options.imap.mailbox,
            now_s=self._now_s,
            with_subjects=options.expected.subject is not None,
            entered=self._enter,
        )

    def _enter(self, phase: Phase) -> None:
        self._entered_s.setdefault(phase, self._clock() - self._began_s)

    def result(self, certificate_end_s: float | None) -> CheckResult:
        """What was found, judged. `certificate_end_s`: when the server's certificate expires, None without TLS."""
        options, found = self._options, self.errand.answer
        assert found is not None
        return CheckResult(
            account=options.name,
            is_one_of_many=options.is_one_of_many,
            now_s=self._now_s,
            expected=options.expected,
            findings=found,
            problems=judge(options.expected, found, now_s=self._now_s, cert_end_s=certificate_end_s),
            cert_end_s=certificate_end_s,
            login_s=self._entered_s.get(Phase.OPEN),
            duration_s=self._entered_s.get(Phase.LOGOUT, self._clock() - self._began_s),
        )


def show(display: MailDisplay, result: CheckResult | CheckSummary, *, nagios: bool) -> None:
    if nagios:
        display.out.line(result.nagios())
    else:
        display.mail(result)


def code_of(result: CheckResult | CheckSummary, *, nagios: bool) -> int:
    if nagios:
        return int(result.state)
    return ExitCode.OK if result.ok else ExitCode.BAD_VERDICT
