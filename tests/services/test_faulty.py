"""Services with faults on demand: their seed is told, and what was made is in the summary."""

import socket

import pytest

from counter_memory import get
from served import Served
from sockets import HandReactor
from tw.events import FaultsAsked
from tw.fault_options import FaultOptions
from tw.protocols.counter import CounterServer
from tw.protocols.echo import EchoServer
from tw.serve_options import ServeCounterOptions, ServeEchoOptions
from tw.services.counter import CounterService
from tw.services.echo import EchoService

pytestmark = pytest.mark.usefixtures("quiet")
NONE = {"delay": 0, "reset": 0, "corrupt": 0, "truncate": 0, "status": 0, "close": 0}


def echo(faults: FaultOptions | None, *, udp: bool = False) -> Served:
    options = ServeEchoOptions(port=0, udp=udp, faults=faults)
    return Served(lambda reactor, emit: EchoService(reactor, options, emit), HandReactor()).start()


def counter(faults: FaultOptions | None) -> Served:
    options = ServeCounterOptions(port=0, faults=faults)
    return Served(lambda reactor, emit: CounterService(reactor, options, emit), HandReactor()).start()


@pytest.mark.parametrize("make", [echo, counter])
def test_a_seed_that_was_given_is_the_one_that_is_told(make: object) -> None:
    served = make(FaultOptions(reset_percent=100, seed=7))  # type: ignore[operator]
    assert served.service.listener.announced == [FaultsAsked(seed=7)]
    visitor = served.visit()
    visitor.says(get())
    assert visitor.transport.aborted
    served.settle()
    summary = served.stop()
    assert (summary.faults, summary.seed) == ({**NONE, "reset": 1}, 7)


def test_without_one_every_start_has_its_own() -> None:
    runs = [echo(FaultOptions(corrupt_percent=1)) for _ in range(3)]
    seeds = {event.seed for served in runs for event in served.service.listener.announced}  # type: ignore[attr-defined]
    assert len(seeds) == 3
    assert {served.stop().seed for served in runs} == seeds


@pytest.mark.parametrize(("make", "kind"), [(echo, EchoServer), (counter, CounterServer)])
def test_without_faults_nothing_is_told_and_the_protocol_is_the_plain_one(make: object, kind: type) -> None:
    served = make(None)  # type: ignore[operator]
    assert type(served.visit().protocol) is kind
    served.visitors[0].leaves()
    assert served.service.listener.announced == []
    assert "faults" not in served.stop().to_json(0.0)


def test_datagrams_are_harmed_and_counted_with_the_rest() -> None:
    served = echo(FaultOptions(truncate_percent=100), udp=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", served.listening[1].port or 0))
        client.send(bytes(10))
        served.reactor.turns()
        assert len(client.recv(100)) < 10
    visitor = served.visit()
    visitor.says(b"a line\n")
    assert b"a line\n".startswith(visitor.reads())
    visitor.leaves()
    summary = served.stop()
    assert summary.faults == {**NONE, "truncate": 2}
    assert summary.more == {"datagrams": 1, "ignored_datagrams": 0, "dropped_datagrams": 0}
