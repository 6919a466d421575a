"""What all parts of a simulation share."""

from dataclasses import dataclass, field

from .engine import Clock
from .ledger import Ledger
from .model import Costs, Setting


@dataclass(frozen=True)
class Conditions:
    """What the closed form has no need of."""

    way_s: float = 50e-6
    """From a node to Redis, or back."""
    wake_s: float = 20e-6
    """Until a process that sleeps looks at what has arrived."""
    cold_s: float = 45e-6
    """What a node that has slept spends more on its first turn than one that is busy: waking, and cold caches."""
    redis_cold_s: float = 15e-6
    """Redis the same. (At 300 lines a second through one node it took 60 us for each, two wakes; busy, 26.)"""


@dataclass(frozen=True)
class World:
    costs: Costs
    setting: Setting
    conditions: Conditions = field(default_factory=Conditions)
    clock: Clock = field(default_factory=Clock)
    ledger: Ledger = field(default_factory=Ledger)

    def after_way(self, spent_s: float) -> float:
        """When something is there that leaves when so much of a turn has passed."""
        return self.clock.now + spent_s + self.conditions.way_s
