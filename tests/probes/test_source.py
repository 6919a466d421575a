"""The source address (`--bind`): where it cannot be had, the error names it, and not the server."""

import errno
import os
from typing import Any

import pytest
from twisted.internet.error import CannotListenError, ConnectBindError

from connecting_rig import HERE, Rig
from memory import Network
from running import ClientRig, Notes
from tw.errors import ConnectError, UsageError
from tw.probe_options import ProbeEchoOptions
from tw.probes.udp import UdpEchoPing

FOREIGN = (
    "cannot use the source address: cannot assign requested address (--bind 192.0.2.9); name one of this machine's"
)
TAKEN = (
    "cannot use the source address: address already in use (--bind 192.0.2.9); "
    "its ports may all be taken: ask for fewer connections"
)


@pytest.mark.parametrize(("number", "said"), [(errno.EADDRNOTAVAIL, FOREIGN), (errno.EADDRINUSE, TAKEN)])
def test_a_source_that_cannot_be_had_is_named(net: Network, notes: Notes, number: int, said: str) -> None:
    net.refusal = ConnectBindError(number, os.strerror(number))
    net.udp_errors["listen"] = CannotListenError("192.0.2.9", 0, OSError(number, os.strerror(number)))
    for rig in (Rig(net, HERE, bind="192.0.2.9"), udp(net, notes, bind="192.0.2.9")):
        assert isinstance(rig.running.error, ConnectError)
        assert str(rig.running.error) == said


def test_without_one_it_is_the_connection_that_failed(net: Network) -> None:
    net.refusal = ConnectBindError(errno.EMFILE, os.strerror(errno.EMFILE))
    assert str(Rig(net, HERE).running.error) == "cannot connect: too many open files (127.0.0.1:7)"


def test_a_source_of_the_other_family_than_the_servers_address(net: Network, notes: Notes) -> None:
    said = "the source address is of the other family (--bind ::2); name an IPv4 address, as 127.0.0.1 is one"
    for rig in (Rig(net, HERE, bind="::2"), udp(net, notes, bind="::2", target="127.0.0.1:7")):
        assert isinstance(rig.running.error, UsageError)
        assert str(rig.running.error) == said


def test_one_that_a_given_address_stands_for_counts(net: Network) -> None:
    rig = Rig(net, HERE, bind="::2", resolve=(("127.0.0.1", 7, "::1"),))
    assert str(rig.running.error) == "connection refused (127.0.0.1:7); is the server running there?"


def udp(net: Network, notes: Notes, **options: Any) -> ClientRig:
    return ClientRig(net, notes, UdpEchoPing(net, ProbeEchoOptions(udp=True, **options), notes, net.measured))
