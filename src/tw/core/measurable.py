"""What a run measures, by its options: what an assertion about it may name."""

from tw.core.assertions import FAULTS, NUMBERS, Measurable
from tw.probe_options import ProbeCounterOptions, ProbeEchoOptions, ProbeOptions, ProbePubSubOptions

PUBLISHED = ("lost", "reordered", "errors", "timeouts")
"""What `--publish` tells apart: its lines are the user's, and have neither number nor checksum."""


def measurable(options: ProbeOptions) -> Measurable:
    """What a run with these options measures, where all goes well."""
    if options.survey is not None:
        # It asks about the path: what it sends are no samples, and a connection that ends is what it looks for.
        return Measurable(distributions=("rtt", "connect"), counts=("sent", "received"))
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
