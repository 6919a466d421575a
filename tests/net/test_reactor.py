"""The lean reactor dispatches as the stock one does: by hand, and running in a process of its own."""

import json
import platform
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import LogEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from reactor_loop import Loop, Program
from tw.net import reactor as lean
from tw.net.reactor import usable


@pytest.mark.usefixtures("quiet")
def test_every_event_of_a_batch_reaches_its_connection(loop: Loop) -> None:
    for _ in range(3):
        loop.connect()
    for end in loop.ends:
        end.send(b"x")
    assert sorted(loop.poll()) == ["0 got x", "1 got x", "2 got x"]
    assert loop.poll() == []


@pytest.mark.usefixtures("quiet")
def test_a_connection_that_an_earlier_event_of_the_batch_closed_is_passed_over(loop: Loop) -> None:
    class Closer(Program):
        other: Any

        def act(self) -> None:
            self.other.connectionLost(Failure(ConnectionLost()))

    first, second = loop.connect(Closer), loop.connect(Closer)
    assert isinstance(first, Closer)
    assert isinstance(second, Closer)
    first.other, second.other = second.transport, first.transport
    for end in loop.ends:
        end.send(b"x")
    assert loop.poll() in (["0 got x", "1 lost: ConnectionLost"], ["1 got x", "0 lost: ConnectionLost"])


@pytest.mark.usefixtures("quiet")
def test_a_number_that_belongs_to_a_new_connection_by_now_costs_it_nothing(loop: Loop) -> None:
    class Replacer(Program):
        other: Any

        def act(self) -> None:
            number = self.other.fileno()
            self.other.connectionLost(Failure(ConnectionLost()))
            again: Any = loop.connect()
            assert again.transport.fileno() == number
            self.story.append(f"{again.name} is there")

    first, second = loop.connect(Replacer), loop.connect(Replacer)
    assert isinstance(first, Replacer)
    assert isinstance(second, Replacer)
    first.other, second.other = second.transport, first.transport
    for end in loop.ends:
        end.send(b"x")
    assert loop.poll()[1:] in (["1 lost: ConnectionLost", "2 is there"], ["0 lost: ConnectionLost", "2 is there"])
    loop.ends[2].send(b"y")
    assert loop.poll() == ["2 got y"]


def test_a_fault_costs_one_connection_and_is_logged(loop: Loop, logged: list[LogEvent]) -> None:
    class Faulty(Program):
        def act(self) -> None:
            raise RuntimeError("a bug of its own")

    loop.connect(Faulty)
    loop.connect()
    for end in loop.ends:
        end.send(b"x")
    assert sorted(loop.poll()) == ["0 got x", "0 lost: RuntimeError", "1 got x"]
    (event,) = logged
    assert str(event["log_failure"].value) == "a bug of its own"
    loop.ends[1].send(b"y")
    assert loop.poll() == ["1 got y"]


def test_a_fault_at_the_end_of_a_connection_leaves_the_others_alone(loop: Loop, logged: list[LogEvent]) -> None:
    class Faulty(Program):
        def connectionLost(self, reason: Failure = connectionDone) -> None:
            raise RuntimeError("at the end")

    loop.connect(Faulty)
    loop.connect()
    loop.ends[0].close()
    loop.ends[1].send(b"x")
    assert loop.poll() == ["1 got x"]
    (event,) = logged
    assert str(event["log_failure"].value) == "at the end"


@pytest.mark.usefixtures("quiet")
def test_a_reset_ends_the_connection(loop: Loop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        far = socket.create_connection(server.getsockname())
        near, peer = server.accept()
    program = Program("0", loop.story)
    no_port: Any = None
    program.makeConnection(tcp.Server(near, program, peer, no_port, 1, loop.reactor))
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    far.close()
    assert loop.poll() == ["0 lost: ConnectionLost"]


@pytest.mark.usefixtures("quiet")
def test_half_closing_and_writing_work_as_in_the_stock_reactor(loop: Loop) -> None:
    @implementer(IHalfCloseableProtocol)
    class Half(Program):
        def readConnectionLost(self) -> None:
            self.story.append("read lost")
            assert self.transport is not None
            self.transport.write(b"goodbye")
            self.transport.loseConnection()

        def writeConnectionLost(self) -> None:
            self.story.append("write lost")

    loop.connect(Half)
    (far,) = loop.ends
    far.shutdown(socket.SHUT_WR)
    assert loop.poll() == ["read lost"]
    assert loop.poll() == ["0 lost: ConnectionDone"]
    assert far.recv(100) == b"goodbye"
    assert far.recv(100) == b""


def test_waiting_ends_when_something_happens(loop: Loop) -> None:
    loop.connect()
    later = threading.Timer(0.05, loop.ends[0].send, [b"x"])
    later.start()
    loop.reactor.doPoll(None)
    assert loop.story == ["0 got x"]
    later.join()


def test_it_is_usable_with_this_twisted() -> None:
    assert usable()


@pytest.mark.parametrize("name", ["_doReadOrWrite", "_disconnectSelectable"])
def test_it_is_not_usable_where_a_name_that_it_needs_has_gone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in EPollReactor.__mro__:
        if name in vars(kind):
            monkeypatch.delattr(kind, name)
    assert not usable()


def test_it_is_not_usable_where_polling_is_done_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(EPollReactor, "doPoll")
    assert not usable()


RUN = """
import json, socket, sys
from tw.net import reactor as lean
if sys.argv[1] == "missing":
    lean.NEEDED += ("_a_name_of_a_later_twisted",)
from tw.options import CommonOptions
from tw.runtime import run
from twisted.internet.protocol import Factory, Protocol

class Faulty(Protocol):
    def dataReceived(self, data):
        if data == b"bug":
            raise RuntimeError("a bug of its own")
        self.transport.write(data)

async def main(reactor, stop):
    port = reactor.listenTCP(0, Factory.forProtocol(Faulty), interface="127.0.0.1")
    ends = [socket.create_connection(("127.0.0.1", port.getHost().port)) for _ in range(2)]
    got = []
    def ask():
        got.extend([ends[0].recv(10), ends[1].recv(10)])
        reactor.callFromThread(stop.fire)
    ends[0].send(b"bug")
    ends[1].send(b"fine")
    reactor.callInThread(ask)
    await stop.wait()
    await port.stopListening()
    print(json.dumps([type(reactor).__name__, got[0].decode(), got[1].decode()]))
    return 0

sys.exit(run(CommonOptions(), main))
"""


@pytest.mark.parametrize(("how", "expected"), [("present", "LeanReactor"), ("missing", "EPollReactor")])
def test_it_runs_where_it_can_and_the_stock_one_where_not(how: str, expected: str) -> None:
    """The same program on both: a fault ends one connection, and another is served."""
    assert "_a_name_of_a_later_twisted" not in lean.NEEDED
    done = subprocess.run([sys.executable, "-c", RUN, how], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [expected, "", "fine"]
    assert b"a bug of its own" in done.stderr


READS = """
import resource, socket
from tw.net.reading import READ_BYTES
from tw.net.reactor import LeanReactor

LeanReactor()
ours, theirs = socket.socketpair()
for read in range(1100):
    if read == 100:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    theirs.send(b"x")
    ours.recv(READ_BYTES)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif("glibc" not in platform.libc_ver(), reason="other allocators decide in other ways")
def test_a_read_maps_no_memory_of_its_own() -> None:
    result = subprocess.run([sys.executable, "-c", READS], capture_output=True, text=True, check=True, timeout=60)
    assert int(result.stdout) < 500  # a page fault for each of 1,000 reads otherwise
