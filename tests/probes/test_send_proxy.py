"""A PROXY header in front of a probe's connection: ahead of TLS and of every byte, and no more than once."""

import gc
import weakref
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport

from connecting_rig import HERE, HERE_TLS, PORT, Rig, insecure, over_tls
from memory import Network
from tw.core.proxy import HostAddress, parse_header
from tw.core.proxy_sender import Version
from tw.core.target import EndpointTarget, Target, UnixTarget
from tw.net.proxy import HeaderFirst
from tw.net.send_proxy import HeaderAhead
from tw.probe_options import ProbeEchoOptions
from tw.probes.connecting import Route

versions = pytest.mark.parametrize("version", ["v1", "v2"])


class Everybody:
    """Networks that hold every address."""

    def __contains__(self, host: str) -> bool:
        return True


def behind_header(net: Network, seen: list[object], inside: Any = lambda factory: factory) -> Any:
    """What requires a header in front of what `inside` makes of a server, and notes the address that it names."""

    def wrap(factory: Any) -> Any:
        program = inside(factory)

        class Noting(Factory):
            noisy = False

            def buildProtocol(self, addr: object) -> Any:
                seen.append(addr)
                return program.buildProtocol(addr)

        everybody: Any = Everybody()
        return HeaderFirst(net, Noting(), everybody, lambda address, why: pytest.fail(why))

    return wrap


@versions
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_the_header_comes_first_and_what_follows_is_whole(net: Network, version: Version, tls: bool) -> None:
    seen: list[Any] = []
    net.scripted(PORT, wrapped=behind_header(net, seen, over_tls(net) if tls else lambda factory: factory))
    source = HostAddress("203.0.113.7", 5)
    more = insecure() if tls else {}
    rig = Rig(net, HERE_TLS if tls else HERE, send_proxy=version, proxy_source=source, **more)
    rig.running.result.stream.write(b"hello")
    net.settle()
    assert [(address.host, address.port) for address in seen] == [("203.0.113.7", 5)]
    assert net.peers[0].got == b"hello"
    assert rig.running.result.stream.sent_bytes == 5  # the header is no part of what the probe sends
    rig.leave()


@versions
@pytest.mark.parametrize("target", [HERE, UnixTarget("/run/s"), EndpointTarget("tcp:127.0.0.1:7:timeout=3")])
def test_every_kind_of_target_gets_one(net: Network, version: Version, target: Target) -> None:
    net.scripted(PORT)
    net.scripted("/run/s")
    rig = Rig(net, target, send_proxy=version)
    header = parse_header(net.peers[0].got)
    assert header is not None
    assert header.size == len(net.peers[0].got)
    assert (header.source is None) == (header.destination is None) == isinstance(target, UnixTarget)
    if header.source is not None:
        assert header.destination == HostAddress("127.0.0.1", PORT)
        assert (header.source.host, header.source.port != PORT) == ("127.0.0.1", True)
    rig.leave()


def test_without_being_asked_for_there_is_none(net: Network) -> None:
    net.scripted(PORT)
    rig = Rig(net)
    rig.running.result.stream.write(b"hello")
    net.settle()
    assert net.peers[0].got == b"hello"
    rig.leave()


class Ends(StringTransport):
    """A transport whose two ends are told apart."""

    def getHost(self) -> Any:
        return IPv4Address("TCP", "192.0.2.1", 1)

    def getPeer(self) -> Any:
        return IPv4Address("TCP", "192.0.2.2", 2)


def test_the_source_is_our_end_and_the_destination_the_servers() -> None:
    transport: Any = Ends()
    program = HeaderAhead(Factory.forProtocol(Protocol), "v1").buildProtocol(None)
    program.makeConnection(transport)
    assert transport.value() == b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
    assert program.transport is transport


def test_nothing_of_it_stays_behind() -> None:
    """No cycle of references: thousands of connections come and go."""
    gc.disable()
    try:
        transport: Any = StringTransport(UNIXAddress(None), UNIXAddress(None))
        program = HeaderAhead(Factory.forProtocol(Protocol), "v2").buildProtocol(None)
        program.makeConnection(transport)
        assert "makeConnection" not in vars(program)
        gone = weakref.ref(program)
        del program
        assert gone() is None
    finally:
        gc.enable()


def test_a_route_says_what_the_options_say() -> None:
    route = Route.of(ProbeEchoOptions(send_proxy="v2", proxy_source=("::1", 5)), HERE)
    assert (route.send_proxy, route.proxy_source) == ("v2", HostAddress("::1", 5))
    assert Route.of(ProbeEchoOptions(send_proxy="v1"), HERE).proxy_source is None
