"""Faulty servers' connections in memory."""

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from counter_memory import Keeper, TcpTransport, take_turns
from tw.core.faults import Faults
from tw.fault_options import FaultOptions
from tw.protocols.answers import CounterSite
from tw.protocols.faulty_counter import FaultyCounterServer
from tw.protocols.faulty_echo import FaultyEchoServer
from tw.services.state import Numbers


class ShutTransport(TcpTransport):
    """Tells its protocol, as Twisted's does, that the sending side is shut."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Any = None

    def loseWriteConnection(self) -> None:
        super().loseWriteConnection()
        self.protocol.writeConnectionLost()


class FaultyRig:
    """Connections that share their faults, on a clock that is moved."""

    def __init__(self, *, seed: int = 1, **options: Any) -> None:
        self.clock = Clock()
        self.faults = Faults(FaultOptions(**options), seed)
        self.site = CounterSite(self.clock, Numbers(), lambda: 0.0)
        self.keeper = Keeper()

    def echo(self) -> tuple[FaultyEchoServer, ShutTransport]:
        return self._made(FaultyEchoServer(self.clock, self.faults, self.keeper))

    def counter(self) -> tuple[FaultyCounterServer, ShutTransport]:
        return self._made(FaultyCounterServer(self.site, self.faults, self.keeper))

    def _made(self, server: Any) -> Any:
        transport = ShutTransport()
        transport.protocol = server
        server.makeConnection(transport)
        return server, transport

    def turn(self) -> None:
        take_turns(self.clock)

    def pass_s(self, seconds: float) -> None:
        """Let time pass in small steps, as a reactor would wake."""
        until = self.clock.seconds() + seconds
        while (due := [call.getTime() for call in self.clock.getDelayedCalls() if call.getTime() <= until]) != []:
            self.clock.advance(max(0.0, min(due) - self.clock.seconds()))
        self.clock.advance(until - self.clock.seconds())

    def made(self) -> dict[str, int]:
        """The faults that were made, without those that were not."""
        return {name: count for name, count in self.faults.made.items() if count}


def lose(server: Any) -> None:
    server.connectionLost(Failure(ConnectionDone()))
