"""Results of `tw imap check`: what one account's look found, all of them together, as lines, as JSON, for Nagios.

Texts are not yet safe for a terminal: the display, and `core.nagios`, see to that.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tw.core.imap_judgement import Findings, Level, Problem, age_s, days_left, duration_text
from tw.core.nagios import Metric, State, number, state_of, status, worst
from tw.errors import TwError
from tw.mail_check_options import Expectations
from tw.mail_report import Row, message_json
from tw.schema import VERSION, Json, error_json

STATES = {State.OK: "ok", State.WARNING: "warning", State.CRITICAL: "bad", State.UNKNOWN: "unknown"}
"""The first word of a line. What could not be looked at is an `error`, whatever its state."""


class _NoTable:
    """What a `MailResult` has for those that are lines everywhere."""

    __slots__ = ()

    header: Row = ()

    def rows(self) -> list[Row]:
        return []

    def raw(self) -> list[bytes]:
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult(_NoTable):
    """A look at one account, at `now_s` since the epoch: what was found and what is wrong with it, or why nothing was.

    `login_s` counts up to the login's end, `duration_s` up to the answer. `cert_end_s` is when the server's certificate
    expires; None without TLS.
    """

    account: str
    is_one_of_many: bool = False
    """Whether its line begins with the account."""
    now_s: float
    expected: Expectations
    findings: Findings | None = None
    problems: tuple[Problem, ...] = ()
    error: TwError | None = None
    cert_end_s: float | None = None
    login_s: float | None = None
    duration_s: float = 0.0

    @property
    def state(self) -> State:
        if self.error is not None:
            return state_of(self.error)
        return worst(State.CRITICAL if one.level is Level.CRITICAL else State.WARNING for one in self.problems)

    @property
    def ok(self) -> bool:
        """Whether all is as expected, or at most a warning's distance from it."""
        return self.state in (State.OK, State.WARNING)

    @property
    def text(self) -> str:
        """What is wrong, and then what was found."""
        if self.error is not None:
            return str(self.error)
        found = ", ".join(self._found(self.findings)) if self.findings is not None else ""
        if not self.problems:
            return found
        return f"{'; '.join(one.message for one in self.problems)} ({found})"

    def _found(self, found: Findings) -> list[str]:
        parts = [f"{found.exists} messages" if found.exists != 1 else "1 message"]
        if found.unseen is not None:
            parts.append(f"{found.unseen} unread")
        age = None if found.newest is None else age_s(found.newest, self.now_s)
        if age is not None:
            parts.append(f"the newest {duration_text(age)} old")
        days = days_left(self.cert_end_s, self.now_s)
        if days is not None:
            parts.append(f"certificate for {days}d")
        return parts

    def lines(self) -> list[str]:
        """The one line that people read."""
        word = "error" if self.error is not None else STATES[self.state]
        return [f"{word} {self.account}: {self.text}" if self.is_one_of_many else f"{word}: {self.text}"]

    def metrics(self) -> list[Metric]:
        """The performance data."""
        metrics = [Metric(label="time", value=self.duration_s, unit="s")]
        if self.login_s is not None:
            metrics.append(Metric(label="login", value=self.login_s, unit="s"))
        found, expected = self.findings, self.expected
        if found is not None:
            metrics.append(Metric(label="messages", value=found.exists))
            if found.unseen is not None:
                most = "" if expected.max_unread is None else str(expected.max_unread)
                metrics.append(Metric(label="unread", value=found.unseen, critical=most))
            age = None if found.newest is None else age_s(found.newest, self.now_s)
            if age is not None:
                oldest = "" if expected.max_age_s is None else number(expected.max_age_s)
                metrics.append(Metric(label="age", value=round(age), unit="s", critical=oldest))
        days = days_left(self.cert_end_s, self.now_s)
        if days is not None:
            warning, critical = ("", "") if expected.cert_days is None else (f"{day}:" for day in expected.cert_days)
            metrics.append(Metric(label="cert_days", value=days, warning=warning, critical=critical, least=""))
        return metrics

    def nagios(self) -> str:
        return status(self.state, self.text, self.metrics())

    def to_json(self) -> Json:
        """The object of a check; `account_json` leaves out what only stands at the top."""
        return {"v": VERSION, **self.account_json()}

    def account_json(self) -> Json:
        found = self.findings
        newest = None if found is None else found.newest
        age = None if newest is None else age_s(newest, self.now_s)
        document: Json = {
            "ok": self.ok,
            "account": self.account,
            "mailbox": None if found is None else found.mailbox,
            "exists": None if found is None else found.exists,
            "unseen": None if found is None else found.unseen,
            "newest": None if newest is None else message_json(newest),
            "age_s": None if age is None else round(age, 3),
            "cert_days": days_left(self.cert_end_s, self.now_s),
            "login_s": None if self.login_s is None else round(self.login_s, 6),
            "duration_s": round(self.duration_s, 6),
            "problems": [_problem_json(problem) for problem in self.problems],
        }
        return document if self.error is None else document | {"error": error_json(self.error)}


def _problem_json(problem: Problem) -> Json:
    return {"check": problem.check, "level": problem.level.value, "message": problem.message}


@dataclass(frozen=True, slots=True)
class CheckSummary(_NoTable):
    """All accounts of a file, in its order."""

    results: tuple[CheckResult, ...]
    duration_s: float

    @property
    def state(self) -> State:
        return worst(result.state for result in self.results)

    @property
    def ok(self) -> bool:
        return all(result.ok for result in self.results)

    def _count(self, *states: State) -> int:
        return sum(result.state in states for result in self.results)

    def lines(self) -> list[str]:
        """None: each account has told of itself by now."""
        return []

    @property
    def text(self) -> str:
        fine = sum(result.ok for result in self.results)
        return f"{fine} of {len(self.results)} accounts fine in {self.duration_s:.1f} s"

    def nagios(self) -> str:
        """The first line counts; the others name every account that is not fine."""
        counted = [f"{self._count(State.OK)} of {len(self.results)} accounts ok"]
        worse = (State.CRITICAL, State.WARNING, State.UNKNOWN)
        counted += [f"{self._count(state)} {state.name.lower()}" for state in worse if self._count(state)]
        metrics = [Metric(label="time", value=self.duration_s, unit="s")]
        metrics += [Metric(label=state.name.lower(), value=self._count(state)) for state in State]
        return status(self.state, ", ".join(counted), metrics, self._not_fine())

    def _not_fine(self) -> Iterable[str]:
        return (f"{one.state.name} {one.account}: {one.text}" for one in self.results if one.state is not State.OK)

    def to_json(self) -> Json:
        return {
            "v": VERSION,
            "ok": self.ok,
            "accounts": [result.account_json() for result in self.results],
            "checked": len(self.results),
            "failed": sum(not result.ok for result in self.results),
            "duration_s": round(self.duration_s, 6),
        }
