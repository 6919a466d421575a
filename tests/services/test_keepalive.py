"""Dead peers are noticed: every connection that a listener accepts has TCP keepalive on."""

import socket
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from served import Served
from sockets import HandReactor
from tw.net.keepalive import IDLE_S, INTERVAL_S, PROBES
from tw.serve_options import ServeEchoOptions
from tw.services.echo import EchoService


def options_of(accepted: Any) -> tuple[int, ...]:
    names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    on: int = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    return (bool(on), *(accepted.getsockopt(socket.IPPROTO_TCP, name) for name in names))


@pytest.mark.parametrize(
    "options",
    [
        {"port": 0},
        {"port": 0, "host": "::1"},
        {"port": 0, "tls_self_signed": True},
        {"listen": ("tcp:0:interface=127.0.0.1",)},
    ],
    ids=str,
)
def test_what_is_accepted_is_asked_whether_it_is_still_there(options: dict[str, Any]) -> None:
    reactor = HandReactor()
    served = Served(lambda reactor, emit: EchoService(reactor, ServeEchoOptions(**options), emit), reactor).start()
    with socket.create_connection((served.listening[0].host, served.listening[0].port)):
        reactor.turns()
        (connection,) = served.service.listener.connections.values()
        transport = connection.transport
        below = getattr(transport, "transport", transport)
        assert options_of(below.socket) == (True, IDLE_S, INTERVAL_S, PROBES)
        below.connectionLost(Failure(ConnectionLost()))
    served.stop()


def test_what_is_not_tcp_is_left_alone(tmp_path: Path) -> None:
    options = ServeEchoOptions(listen=(f"unix:{tmp_path}/socket",))
    served = Served(lambda reactor, emit: EchoService(reactor, options, emit), HandReactor()).start()
    served.stop()
    udp = Served(lambda reactor, emit: EchoService(reactor, ServeEchoOptions(port=0, udp=True), emit), HandReactor())
    udp.start().stop()
