"""How a connection ended on the wire, by a FIN or by an RST: over TLS, Twisted tells both alike, as a lost connection,
where no close_notify came first."""

from collections.abc import Callable
from typing import Any, Literal

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure


class WireEnd:
    """Notes the reason that the transport below TLS gives. Made once the connection is there."""

    def __init__(self, transport: Any) -> None:
        self._below: Failure | None = None
        if isinstance(transport, ProtocolWrapper):
            tell: Callable[[Failure], None] = transport.connectionLost

            def note(reason: Failure = connectionDone) -> None:
                self._below = reason
                tell(reason)

            # In its own names, where it is found first: the transport below asks for it when it ends.
            transport.connectionLost = note  # type: ignore[method-assign]  # of this one object alone

    def how(self, reason: Failure) -> Literal["closed", "reset"]:
        """What `reason`, which the program was given, came of."""
        return "closed" if (self._below or reason).check(ConnectionDone) else "reset"
