"""How long a path keeps a silent connection."""

from dataclasses import dataclass
from typing import Literal

from tw.schema import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleTimeout:
    """How long the path keeps a silent connection.

    One lived through a silence of `kept_s`, one did not live through `lost_s` (None: all did). `how`: it was closed
    or reset while it was silent or when it was used again; or dropped, so that nothing came back any more.
    """

    kept_s: float
    lost_s: float | None = None
    how: Literal["closed", "reset", "dropped"] | None = None

    def to_json(self) -> Json:
        lost_s = None if self.lost_s is None else round(self.lost_s, 3)
        return {"kept_s": round(self.kept_s, 3), "lost_s": lost_s, "how": self.how}
