"""Faults on demand, as a service has them: their seed, and their place in what it tells."""

import secrets
from dataclasses import replace

from tw.core.faults import Faults
from tw.events import FaultsAsked, ServerSummary
from tw.fault_options import FaultOptions
from tw.services.listener import Listener

SEEDS = 2**32


def asked_faults(listener: Listener, options: FaultOptions | None) -> Faults | None:
    """What was asked for, None for nothing; the seed is told when `listener` is bound."""
    if options is None:
        return None
    seed = options.seed if options.seed is not None else secrets.randbelow(SEEDS)
    listener.announced.append(FaultsAsked(seed=seed))
    return Faults(options, seed)


def with_faults(summary: ServerSummary, faults: Faults | None) -> ServerSummary:
    """The summary with what was made of them."""
    return summary if faults is None else replace(summary, faults=dict(faults.made), seed=faults.seed)
