"""Resolving and dialling, on a reactor in memory."""

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from tw.core.client_rules import STAGGER_S, interleaved
from tw.errors import ConnectError
from tw.net.dial import dial, resolve


def v4(number: int) -> IPv4Address:
    return IPv4Address("TCP", f"192.0.2.{number}", 80)


def v6(number: int) -> IPv6Address:
    return IPv6Address("TCP", f"2001:db8::{number}", 80)


class NamedReactor(MemoryReactorClock):
    """Knows one name, and remembers which families were asked for."""

    def __init__(self, *addresses: Any) -> None:
        super().__init__()
        self.known = addresses
        self.asked: list[Any] = []
        self.receivers: list[Any] = []
        self.nameResolver: Any = self

    def resolveHostName(self, receiver: Any, host: str, port: int, addressTypes: list[Any]) -> None:
        self.asked.append(addressTypes)
        self.receivers.append(receiver)
        receiver.resolutionBegan(None)
        for address in self.known:
            if type(address) in addressTypes:
                receiver.addressResolved(address)
        receiver.resolutionComplete()


def result_of(deferred: Deferred[Any]) -> Any:
    results: list[Any] = []
    deferred.addBoth(results.append)
    assert results, "it has not fired"
    return results[0]


def refuse(reactor: MemoryReactorClock, index: int) -> None:
    factory = reactor.tcpClients[index][2]
    factory.clientConnectionFailed(reactor.connectors[index], Failure(ConnectionRefusedError()))


def accept(reactor: MemoryReactorClock, index: int) -> Any:
    protocol = reactor.tcpClients[index][2].buildProtocol(v4(index))
    protocol.makeConnection(StringTransport())
    return protocol


def tried(reactor: MemoryReactorClock) -> list[str]:
    return [client[0] for client in reactor.tcpClients]


def test_families_take_turns_in_the_resolvers_order() -> None:
    assert interleaved([v6(1), v6(2), v4(1), v6(3)], type) == [v6(1), v4(1), v6(2), v6(3)]
    assert interleaved([v4(1), v4(2)], type) == [v4(1), v4(2)]


def test_a_name_becomes_its_addresses() -> None:
    reactor = NamedReactor(v6(1), v4(1), v4(2))
    assert result_of(resolve(reactor, "name", 80, None)) == [v6(1), v4(1), v4(2)]
    assert result_of(resolve(reactor, "name", 80, 4)) == [v4(1), v4(2)]
    assert result_of(resolve(reactor, "name", 80, 6)) == [v6(1)]


def test_a_name_without_an_address_is_no_such_host() -> None:
    failure = result_of(resolve(NamedReactor(v4(1)), "name", 80, 6))
    assert isinstance(failure.value, ConnectError)
    assert "no such host (name)" in str(failure.value)


def test_an_answer_that_comes_after_it_was_given_up_is_dropped() -> None:
    class Slow(NamedReactor):
        def resolveHostName(self, receiver: Any, host: str, port: int, addressTypes: list[Any]) -> None:
            self.receivers.append(receiver)

    reactor = Slow()
    resolving = resolve(reactor, "name", 80, None)
    resolving.cancel()
    assert isinstance(result_of(resolving), Failure)
    reactor.receivers[0].addressResolved(v4(1))
    reactor.receivers[0].resolutionComplete()


@pytest.mark.parametrize(("host", "family"), [("192.0.2.7", 4), ("192.0.2.7", None), ("2001:db8::7", 6)])
def test_an_address_stands_for_itself(host: str, family: int | None) -> None:
    reactor = NamedReactor()
    (address,) = result_of(resolve(reactor, host, 80, family))
    assert (address.host, address.port) == (host, 80)
    assert reactor.asked == []


@pytest.mark.parametrize(("host", "family"), [("192.0.2.7", 6), ("2001:db8::7", 4)])
def test_an_address_of_the_other_family_is_refused(host: str, family: int) -> None:
    failure = result_of(resolve(NamedReactor(), host, 80, family))
    assert f"not an IPv{family} address" in str(failure.value)


def test_a_refusal_leads_on_at_once() -> None:
    reactor = MemoryReactorClock()
    dialling = dial(reactor, [v6(1), v4(1)], Factory.forProtocol(Protocol), 5.0, None)
    refuse(reactor, 0)
    assert tried(reactor) == ["2001:db8::1", "192.0.2.1"]
    protocol = accept(reactor, 1)
    assert result_of(dialling) is protocol._wrappedProtocol
    assert reactor.getDelayedCalls() == []


def test_a_silent_address_gets_company_and_loses_when_the_other_answers() -> None:
    reactor = MemoryReactorClock()
    dialling = dial(reactor, [v4(1), v4(2), v4(3)], Factory.forProtocol(Protocol), 5.0, "192.0.2.99")
    reactor.advance(STAGGER_S)
    assert tried(reactor) == ["192.0.2.1", "192.0.2.2"]
    assert [client[4] for client in reactor.tcpClients] == [("192.0.2.99", 0)] * 2
    protocol = accept(reactor, 1)
    assert result_of(dialling) is protocol._wrappedProtocol
    assert reactor.connectors[0].stoppedConnecting
    assert reactor.getDelayedCalls() == []


def test_the_last_failure_is_told_once_nobody_is_left() -> None:
    reactor = MemoryReactorClock()
    dialling = dial(reactor, [v4(1), v4(2)], Factory.forProtocol(Protocol), 5.0, None)
    reactor.advance(STAGGER_S)
    refuse(reactor, 0)
    fired: list[Any] = []
    dialling.addBoth(fired.append)
    assert fired == []
    refuse(reactor, 1)
    assert fired[0].check(ConnectionRefusedError)


def test_cancelling_gives_up_every_attempt() -> None:
    reactor = MemoryReactorClock()
    dialling = dial(reactor, [v4(1), v4(2), v4(3)], Factory.forProtocol(Protocol), 5.0, None)
    reactor.advance(STAGGER_S)
    dialling.cancel()
    assert isinstance(result_of(dialling), Failure)
    assert all(connector.stoppedConnecting for connector in reactor.connectors)
    assert reactor.getDelayedCalls() == []
