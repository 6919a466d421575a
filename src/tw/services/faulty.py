"""Faults on demand, as a service has them: with a seed, which is told. Loaded where faults are asked for."""

import secrets

from tw.core.faults import Faults
from tw.events import FaultsAsked
from tw.fault_options import FaultOptions
from tw.services.listener import Listener

SEEDS = 2**32


def make_faults(listener: Listener, options: FaultOptions) -> Faults:
    """What was asked for. `listener` tells the seed once it is bound, and what was made in its summary."""
    faults = Faults(options, options.seed if options.seed is not None else secrets.randbelow(SEEDS))
    listener.announced.append(FaultsAsked(seed=faults.seed))
    listener.faults = faults
    return faults
