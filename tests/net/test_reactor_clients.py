"""The lean reactor for those who connect: their reads, and waits that are exact."""

import socket
import threading
import time

import pytest
from twisted.internet.protocol import ClientFactory
from twisted.internet.tcp import Client

from reactor_loop import Loop, Program
from tw.net.reactor import wait_exactly
from tw.net.reading import READ_BYTES

pytestmark = pytest.mark.usefixtures("quiet")

STOCK_READ_BYTES = 65_536


def connected(loop: Loop, program: Program) -> socket.socket:
    """Connect a client by hand; gives the far end."""
    factory = ClientFactory()
    factory.noisy = False
    factory.protocol = lambda: program  # type: ignore[assignment] # any callable will do
    with socket.create_server(("127.0.0.1", 0)) as listener:
        loop.reactor.connectTCP("127.0.0.1", listener.getsockname()[1], factory)
        while not program.connected:
            loop.reactor.runUntilCurrent()
            loop.reactor.doPoll(0.01)
        far, _ = listener.accept()
    loop.ends.append(far)
    return far


def test_a_client_is_read_as_an_accepted_connection_is(loop: Loop) -> None:
    sizes: list[int] = []

    class Sizes(Program):
        def dataReceived(self, data: bytes) -> None:
            sizes.append(len(data))

    program = Sizes("client", loop.story)
    far = connected(loop, program)
    assert type(program.transport) is Client
    whole = b"x" * READ_BYTES
    sending = threading.Thread(target=far.sendall, args=(whole,))
    sending.start()
    while sum(sizes) < len(whole):
        loop.poll()
        time.sleep(0.001)  # for more than a stock read to come in
    sending.join()
    assert max(sizes) > STOCK_READ_BYTES


def test_the_end_of_a_client_is_seen(loop: Loop) -> None:
    program = Program("client", loop.story)
    connected(loop, program).close()
    while "client lost: ConnectionDone" not in loop.poll():
        pass


def waited_s(loop: Loop, seconds: float) -> float:
    began = time.perf_counter()
    loop.reactor.doPoll(seconds)
    return time.perf_counter() - began


def test_a_wait_is_as_long_as_asked_for_where_that_was_asked_for(loop: Loop) -> None:
    """The shortest of many: a busy machine makes some longer."""
    asked_s = 0.0002
    rounded = min(waited_s(loop, asked_s) for _ in range(20))
    assert rounded >= 0.001
    wait_exactly(loop.reactor)
    exact = min(waited_s(loop, asked_s) for _ in range(200))
    assert asked_s <= exact < 0.001


def test_an_exact_wait_ends_when_something_happens(loop: Loop) -> None:
    wait_exactly(loop.reactor)
    loop.connect()
    loop.ends[0].send(b"x")
    loop.story.clear()
    loop.reactor.doPoll(30)
    assert loop.story == ["0 got x"]


def test_other_reactors_wait_as_they_do() -> None:
    wait_exactly(object())
