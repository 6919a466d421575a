"""The echo service: one summary over TCP and UDP, and a start that fails whole."""

import socket

import pytest

from served import Served
from sockets import HandReactor
from tw.errors import ConnectError
from tw.serve_options import ServeEchoOptions as Options
from tw.services.echo import EchoService

pytestmark = pytest.mark.usefixtures("quiet")


def made(options: Options) -> Served:
    return Served(lambda reactor, emit: EchoService(reactor, options, emit), HandReactor())


def test_without_udp_the_summary_is_silent_about_datagrams() -> None:
    served = made(Options(port=0)).start()
    visitor = served.visit()
    visitor.says(b"abc")
    assert visitor.reads() == b"abc"
    visitor.leaves()
    summary = served.stop()
    assert summary.more == {}
    assert (summary.received_bytes, summary.sent_bytes) == (3, 3)


def test_with_udp_the_summary_counts_both() -> None:
    served = made(Options(port=0, udp=True)).start()
    visitor = served.visit()
    visitor.says(b"abc")
    visitor.leaves()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", served.listening[1].port or 0))
        for size in (0, 10, 65_507):
            client.send(bytes(size))
            served.reactor.turns()
            assert client.recv(65_536) == bytes(size)
    summary = served.stop()
    assert summary.more == {"datagrams": 3, "ignored_datagrams": 0}
    assert (summary.connections, summary.received_bytes, summary.sent_bytes) == (1, 65_520, 65_520)


def test_a_start_that_fails_tells_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        error = made(Options(port=taken.getsockname()[1], udp=True)).attempt().error
    assert isinstance(error, ConnectError)
