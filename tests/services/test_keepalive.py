"""Dead peers are noticed: every connection that a listener accepts has TCP keepalive on."""

import socket
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from served import Served
from sockets import HandReactor
from tw.errors import UsageError
from tw.net.keepalive import IDLE_S, INTERVAL_S, PROBES
from tw.serve_options import ServeEchoOptions
from tw.services.echo import EchoService


def options_of(accepted: Any) -> tuple[int, ...]:
    names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    on: int = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    return (bool(on), *(accepted.getsockopt(socket.IPPROTO_TCP, name) for name in names))


def accepted(**options: Any) -> tuple[int, ...]:
    """What a connection has that a server with these options has accepted."""
    reactor = HandReactor()
    served = Served(lambda reactor, emit: EchoService(reactor, ServeEchoOptions(**options), emit), reactor).start()
    with socket.create_connection((served.listening[0].host, served.listening[0].port)):
        reactor.turns()
        (connection,) = served.service.listener.connections.values()
        transport = connection.transport
        below = getattr(transport, "transport", transport)
        found = options_of(below.socket)
        below.connectionLost(Failure(ConnectionLost()))
    served.stop()
    return found


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
    assert accepted(**options) == (True, IDLE_S, INTERVAL_S, PROBES)


@pytest.mark.parametrize(("asked_s", "idle_s"), [(5.0, 5), (0.2, 1), (32_767.0, 32_767)])
def test_it_is_asked_after_as_long_as_the_user_says(asked_s: float, idle_s: int) -> None:
    assert accepted(port=0, tcp_keepalive_s=asked_s) == (True, idle_s, INTERVAL_S, PROBES)


def test_nobody_is_asked_where_a_path_is_to_fall_asleep() -> None:
    assert accepted(port=0, tcp_keepalive_s=0.0)[0] is False


def test_the_kernel_takes_no_longer_time() -> None:
    with pytest.raises(UsageError, match="--tcp-keepalive above 32767 s"):
        ServeEchoOptions(tcp_keepalive_s=32_768.0)


def test_what_is_not_tcp_is_left_alone(tmp_path: Path) -> None:
    options = ServeEchoOptions(listen=(f"unix:{tmp_path}/socket",))
    served = Served(lambda reactor, emit: EchoService(reactor, options, emit), HandReactor()).start()
    served.stop()
    udp = Served(lambda reactor, emit: EchoService(reactor, ServeEchoOptions(port=0, udp=True), emit), HandReactor())
    udp.start().stop()
