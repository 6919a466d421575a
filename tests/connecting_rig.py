"""A connection in the making, over plain TCP or TLS."""

from typing import Any

from twisted.protocols.tls import TLSMemoryBIOFactory

from memory import Network
from running import Running
from tw.core.target import HostTarget, Target
from tw.net.tls import self_signed_tls
from tw.options import TlsClientOptions
from tw.probes.connecting import Connector, Route
from tw.protocols.client import ClientConnection

PORT = 7
HERE = HostTarget("127.0.0.1", PORT)
HERE_TLS = HostTarget("127.0.0.1", PORT, tls=True)


class Rig:
    def __init__(self, net: Network, target: Target = HERE, **route: Any) -> None:
        self.net = net
        self.connector = Connector(net, Route(target=target, timeout_s=5.0, **route), net.measured)
        self.built: list[ClientConnection] = []
        self.running: Running = net.run(self.connector.connect(self._build))

    def _build(self) -> ClientConnection:
        self.built.append(ClientConnection(tls=self.connector.tls))
        return self.built[-1]

    def leave(self) -> None:
        """Close what there is."""
        self.running.result.stream.close()
        self.net.settle()


def insecure(**more: Any) -> dict[str, Any]:
    return {"verify": TlsClientOptions(insecure=True, **more)}


def over_tls(net: Network) -> Any:
    tls = self_signed_tls("127.0.0.1")
    return lambda factory: TLSMemoryBIOFactory(tls.context, False, factory, net)
