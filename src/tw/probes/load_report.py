"""What a load run's books say, as the parts of a report; and whether the probe itself was the limit."""

from tw.core.histogram import Histogram
from tw.load_options import LoadOptions
from tw.probes.books import Books
from tw.probes.spent import Spent
from tw.report import Distribution, LoadFigures, Warmup

BUSY_SHARE = 0.9
"""Of one core: a process with one thread that uses more of it has no time left to send, or to notice answers."""

LATE_SHARE = 0.1
"""Of the round trip: sends that come later than this after they were due show in the latency."""


def load_figures(
    options: LoadOptions, books: Books, warmup: Books | None, spent: Spent, used_up: Histogram | None = None
) -> LoadFigures:
    """How the load was made. `spent` is the process's, and so the server's as well under `--self`; `used_up` is what
    connections took that did not outlive the warm-up."""
    cpu_share, wait_share = _share(spent.cpu_s, books), _share(spent.waited_s, books)
    paced = options.rate_per_s is not None
    return LoadFigures(
        pacing="open" if paced else "closed",
        connections=options.connections,
        rate_asked_per_s=options.rate_per_s,
        service_ms=Distribution.of(books.service) if paced else None,
        late_ms=Distribution.of(books.late) if paced else None,
        cpu_share=cpu_share,
        cpu_wait_share=wait_share,
        limit=limit_of(books, cpu_share, wait_share, with_server=options.with_server),
        held=books.held,
        unsent=books.unsent,
        reconnected=books.reconnected,
        warmup=None if warmup is None else warmup_of(warmup, used_up or Histogram()),
    )


def warmup_of(books: Books, used_up: Histogram) -> Warmup:
    return Warmup(
        sent=books.sent,
        received=books.received,
        duration_s=books.duration_s(books.began_s),
        rtt_ms=Distribution.of(books.latency),
        connect_ms=Distribution.of(used_up),
        errors=dict(books.errors),
    )


def limit_of(
    books: Books, cpu_share: float | None, wait_share: float | None = None, *, with_server: bool
) -> str | None:
    """Why the probe, rather than the server, may have set the figures; None where nothing speaks for it,
    or where there are no figures: a run that was refused at once has used a whole core for a millisecond."""
    if not books.latency.count:
        return None
    whose = "probe and server together" if with_server else "the probe"
    if cpu_share is not None and cpu_share > BUSY_SHARE:
        return f"{whose} used {cpu_share:.0%} of a core, and one thread has no more: the server may be faster"
    if cpu_share is not None and wait_share is not None and cpu_share + wait_share > BUSY_SHARE:
        return (
            f"{whose} used {cpu_share:.0%} of a core and waited for one for {wait_share:.0%} of the time, since other "
            "programs had them: the server may be faster"
        )
    late, rtt = books.late.percentile(99), books.latency.percentile(99)
    if late is not None and rtt is not None and late > LATE_SHARE * rtt and late > 1e-3:
        return (
            f"the probe sent 1 % of its messages {late * 1e3:.1f} ms late or later: the round trip counts that as well"
        )
    return None


def _share(seconds: float | None, books: Books) -> float | None:
    """Seconds of the process's by the seconds of the run."""
    duration_s = books.duration_s(books.began_s)
    return round(seconds / duration_s, 3) if seconds is not None and duration_s > 0 else None
