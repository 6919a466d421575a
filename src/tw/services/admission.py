"""Who is let in, and when: the limits of a server, held by the listener at every door.

What is refused is accepted and closed at once, since only then is it known who it is. What must wait (`--on-full wait`,
`--accept-rate`, descriptors that run out) is not accepted, and stays in the kernel's queue: see `net.gate`.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from tw.core.bucket import TokenBucket
from tw.core.networks import Networks, host_group
from tw.errors import UsageError
from tw.net.gate import UNTIL_TOLD, Gate
from tw.serve_options import ServeOptions

DENIED = "denied"
NOT_ALLOWED = "not allowed"


class Admission:
    """The limits of one server over all its listeners. A `host` is the text of an IP address, None for a unix peer.

    Raises UsageError where it is built, for a network that is none.
    """

    def __init__(self, reactor: Any, options: ServeOptions) -> None:
        self._reactor = reactor
        self._most = options.max_connections
        self._waits = options.on_full == "wait"
        self._most_per_host = options.max_per_host
        self._allow = _networks("--allow", options.allow)
        self._deny = _networks("--deny", options.deny)
        self._per_host: Counter[str | int] = Counter()
        self._bucket: TokenBucket | None = None
        if options.accept_rate is not None:
            # One second's worth may come at once: clients come in flocks, and their average is what is meant.
            self._bucket = TokenBucket(options.accept_rate, options.accept_rate, reactor.seconds())
        self.connections = 0
        self.beside: Callable[[], int] = lambda: 0
        """How many were accepted that are no connections yet, and take a place all the same. Whoever sets it opens the
        gate again when one of them goes (`gate.reopen`)."""
        self.gate = Gate(reactor, self._wait_s, self._took)

    # Who ------------------------------------------------------------------------------------------------------------

    @property
    def lists(self) -> bool:
        """Whether addresses are looked at."""
        return bool(self._allow or self._deny)

    def turned_away(self, host: str | None) -> str | None:
        """Why this address may not talk to us at all, or None. `--deny` goes first."""
        if host is None:
            return None
        if self._deny and host in self._deny:
            return DENIED
        if self._allow and host not in self._allow:
            return NOT_ALLOWED
        return None

    @property
    def full(self) -> bool:
        return self.connections + self.beside() >= self._most

    def refusal(self, host: str | None) -> str | None:
        """Why a connection from `host` is not let in, or None to let it in."""
        reason = self.turned_away(host)
        if reason is not None:
            return reason
        if self.full:
            # With `--on-full wait` too: where no gate stands before `accept` (a plugin's port), this is the limit.
            return f"too many connections (max {self._most})"
        most = self._most_per_host
        if most is not None and host is not None and self._per_host[host_group(host)] >= most:
            return f"too many connections of one host (max {most})"
        return None

    def entered(self, host: str | None) -> None:
        """A connection from `host` is open. Each is told again by `left`."""
        self.connections += 1
        if self._most_per_host is not None and host is not None:
            self._per_host[host_group(host)] += 1

    def left(self, host: str | None) -> None:
        """It is closed, and its descriptor free: whoever waits may come in."""
        self.connections -= 1
        if self._most_per_host is not None and host is not None:
            group = host_group(host)
            self._per_host[group] -= 1
            if not self._per_host[group]:
                del self._per_host[group]
        if self.gate.shut and not self._wait_s():  # where only time helps, the gate opens by itself
            self.gate.reopen()

    # When -----------------------------------------------------------------------------------------------------------

    def _wait_s(self) -> float:
        if self._waits and self.full:
            return UNTIL_TOLD
        return 0.0 if self._bucket is None else self._bucket.wait_s(self._reactor.seconds())

    def _took(self) -> None:
        if self._bucket is not None:
            self._bucket.take(self._reactor.seconds())


def _networks(option: str, texts: tuple[str, ...]) -> Networks | None:
    if not texts:
        return None
    try:
        return Networks.parse(texts)
    except ValueError as problem:
        what, _, hint = str(problem).rpartition("; ")
        raise UsageError(what, option, hint) from None
