"""What a run measures, by its options: what an assertion about it may name."""

from tw.core.assertions import FAULTS, IDLE_TIMEOUT, NUMBERS, Assertion, Measurable
from tw.errors import UsageError
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions, ProbeOptions, ProbePubSubOptions

PUBLISHED = ("lost", "reordered", "errors", "timeouts")
"""What `--publish` tells apart: its lines are the user's, and have neither number nor checksum."""


def measurable(options: ProbeOptions) -> Measurable:
    """What a run with these options measures, where all goes well."""
    if options.survey is not None:
        # It asks about the path: what it sends are no samples, and a connection that ends is what it looks for.
        idle = (IDLE_TIMEOUT,) if options.survey.kind == "idle" else ()
        return Measurable(distributions=("rtt", "connect"), counts=("sent", "received", *idle))
    distributions = ["rtt"]
    if not (isinstance(options, ProbeEchoOptions) and options.udp):
        distributions += ["connect", "dns", "tcp", "tls"]
    if options.load is not None and options.load.rate_per_s is not None:
        distributions += ["service", "late"]
    counts = ["sent", "received", *FAULTS]
    if "late" in distributions:
        counts.append("unsent")
    if isinstance(options, ProbeCounterOptions):
        counts += NUMBERS
        distributions += ["first_byte", "body"]
    elif isinstance(options, ProbePubSubOptions):
        if options.publish:
            counts = ["sent", "received", *(PUBLISHED if options.wait else ())]
        if options.publish and not options.wait:
            distributions.remove("rtt")
        else:
            counts.append("foreign")
    return Measurable(distributions=tuple(distributions), counts=tuple(counts))


def refuse_beyond_reach(assertion: Assertion, options: ProbeOptions) -> None:
    """Raises UsageError for an assertion that cannot hold, whatever is found: of longer silences than are tried."""
    if assertion.name != IDLE_TIMEOUT or options.survey is None or assertion.op not in (">", ">="):
        return
    longest_s = options.survey.max_idle_s
    if not assertion.holds(longest_s):
        least = f"of {assertion.limit:g}s" if assertion.op == ">=" else f"of more than {assertion.limit:g}s"
        what = f"silences of {longest_s:g}s at most are tried"
        raise UsageError(what, f"--assert {assertion.expr}", f"give it a --max-idle {least}")
