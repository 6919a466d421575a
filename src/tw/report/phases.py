"""Where the time of connections and answers went."""

from dataclasses import dataclass

from tw.report.distribution import Distribution
from tw.schema import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseFigures:
    """A distribution for each phase; None for one that did not occur, or cannot be told apart.

    `dns` is the name's resolution, `connect` TCP's (a unix socket's) alone, `tls` the handshake; `first_byte` is from a
    request to the first byte of its answer, `body` from there to the last.
    """

    dns: Distribution | None = None
    connect: Distribution | None = None
    tls: Distribution | None = None
    first_byte: Distribution | None = None
    body: Distribution | None = None

    def measured(self) -> dict[str, Distribution]:
        """Those that occurred, in the order in which they do."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {name: times for name, times in found.items() if times is not None}

    def to_json(self) -> Json:
        measured = self.measured()
        return {name: measured[name].to_json() if name in measured else None for name in self.__slots__}
