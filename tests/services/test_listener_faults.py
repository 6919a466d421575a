"""A fault in one connection keeps no other from being ended, and no stop from coming to its end."""

from typing import Any

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.logger import LogEvent

from running import Running
from served import Served
from sockets import HandReactor
from tw.serve_options import ServeEchoOptions
from tw.services.echo import EchoService
from tw.services.listener import ABORT_S


@pytest.mark.parametrize("method", ["drain", "abort"])
def test_who_cannot_be_ended_is_told_of_and_given_up(method: str, logged: list[LogEvent]) -> None:
    def raises(*_: Any) -> None:
        raise RuntimeError("boom")

    options = ServeEchoOptions(port=0, drain_timeout_s=2.0)
    served = Served(lambda reactor, emit: EchoService(reactor, options, emit), HandReactor()).start()
    broken, good = served.visit(), served.visit()
    broken.protocol.drain = raises
    if method == "abort":
        broken.transport.abortConnection = raises
    stopping = Running(ensureDeferred(served.service.stop()))
    served.settle()
    assert not good.there
    assert not stopping.over
    served.reactor.advance(2.0)
    served.settle()
    assert stopping.over == (method == "drain")
    served.reactor.advance(ABORT_S)
    served.settle()
    assert stopping.result.cut_off == 1
    assert served.reactor.getDelayedCalls() == []
    assert len(logged) == (1 if method == "drain" else 2)


def test_who_never_tells_of_its_end_is_not_waited_for_for_ever() -> None:
    served = Served(
        lambda reactor, emit: EchoService(reactor, ServeEchoOptions(port=0, drain_timeout_s=2.0), emit), HandReactor()
    ).start()
    silent = served.visit()
    silent.there = False  # its end raised before the listener heard of it
    stopping = Running(ensureDeferred(served.service.stop()))
    served.settle()
    served.reactor.advance(2.0)
    served.settle()
    assert not stopping.over
    served.reactor.advance(ABORT_S)
    assert stopping.result.cut_off == 1
    assert served.service.listener.connections == {}
    assert served.reactor.getDelayedCalls() == []
