"""Getting a connection: where to, from where, and under which name in TLS."""

import errno
from typing import Any

import pytest
from twisted.internet.error import getConnectError
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from connecting_rig import HERE, HERE_TLS, PORT, Rig, insecure, over_tls
from ends import Peer
from memory import Network
from tw.core.target import EndpointTarget, HostTarget, Target, UnixTarget
from tw.errors import ConnectError, ProtocolError, TlsError, TwError, UsageError
from tw.options import TlsClientOptions
from tw.probe_options import ProbeEchoOptions
from tw.probes.connecting import UNANSWERED, Connector, Route

# Where to ------------------------------------------------------------------------------------------------------------


def test_a_connection_is_measured_and_ready(net: Network) -> None:
    net.scripted(PORT)
    rig = Rig(net)
    assert rig.running.result is rig.built[0]
    assert rig.built[0].is_ready
    assert (rig.connector.where, rig.connector.tls, rig.connector.connect_times.count) == ("127.0.0.1:7", False, 1)
    assert net.dialled == [(("127.0.0.1", PORT), None)]
    rig.leave()


def test_the_time_that_it_takes_is_the_measuring_clocks_and_includes_tls(net: Network) -> None:
    net.scripted(PORT, wrapped=over_tls(net))
    net.names["slow"] = ["127.0.0.1"]
    net.silent.add("slow")
    rig = Rig(net, HostTarget("slow", PORT, tls=True), **insecure())
    net.pass_s(2.0)
    net.silent.clear()
    net.nameResolver.resolveHostName(net.lookups.pop(), "slow", PORT)
    net.settle()
    assert rig.running.over
    assert rig.connector.connect_times.min_s == 2.0
    rig.leave()


@pytest.mark.parametrize(
    ("family", "bind", "dialled"),
    [
        (None, None, ("::1", None)),
        (4, None, ("127.0.0.1", None)),
        (6, None, ("::1", None)),
        (None, "127.0.0.9", ("127.0.0.1", ("127.0.0.9", 0))),
        (6, "fd00::9", ("::1", ("fd00::9", 0))),
    ],
)
def test_the_family_is_what_was_asked_for_or_the_source_addresss(
    net: Network, family: int | None, bind: str | None, dialled: tuple[str, Any]
) -> None:
    net.names["both"] = ["::1", "127.0.0.1"]
    net.scripted(PORT)
    rig = Rig(net, HostTarget("both", PORT), family=family, bind=bind)
    assert [(host, source) for (host, _), source in net.dialled] == [dialled]
    rig.leave()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"bind": "eth\x1b0"}, "not an IP address (--bind eth\\x1b0); name a local address"),
        ({"bind": "::1", "family": 4}, "the source address is of the other family (--bind ::1)"),
    ],
)
def test_a_source_address_that_makes_no_sense(net: Network, options: dict[str, Any], what: str) -> None:
    rig = Rig(net, **options)
    assert isinstance(rig.running.error, UsageError)
    assert str(rig.running.error) == what


RESOLVE = (("h", 7, "192.0.2.1"), ("*", 9, "192.0.2.2"), ("other", 7, "192.0.2.3"))


@pytest.mark.parametrize(
    ("host", "port", "dialled"),
    [
        ("h", 7, "192.0.2.1"),
        ("H", 7, "192.0.2.1"),
        ("anything", 9, "192.0.2.2"),
        ("h", 8, "127.0.0.1"),
        ("localhost", 7, "127.0.0.1"),
    ],
)
def test_a_given_address_stands_for_a_name_and_port(net: Network, host: str, port: int, dialled: str) -> None:
    net.names["h"] = ["127.0.0.1"]
    net.scripted(port)
    rig = Rig(net, HostTarget(host, port), resolve=RESOLVE)
    assert net.dialled[0][0] == (dialled, port)
    rig.leave()


@pytest.mark.parametrize(
    ("target", "dialled"),
    [(UnixTarget("/run/s"), "/run/s"), (EndpointTarget("tcp:127.0.0.1:7:timeout=3"), ("127.0.0.1", 7))],
)
def test_paths_and_endpoint_strings(net: Network, target: Target, dialled: object) -> None:
    net.scripted("/run/s")
    net.scripted(PORT)
    rig = Rig(net, target)
    assert rig.running.over
    assert net.dialled[0][0] == dialled
    rig.leave()


@pytest.mark.parametrize(
    ("options", "name"),
    [({"bind": "127.0.0.1"}, "--bind"), ({"family": 4}, "-4 or -6"), ({"resolve": RESOLVE}, "--resolve")],
)
def test_options_that_would_do_nothing_are_refused(net: Network, options: dict[str, Any], name: str) -> None:
    with pytest.raises(UsageError, match=name):
        Rig(net, UnixTarget("/run/s"), **options)


CERTIFICATE_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"pin": "sha256//x"}, "--pin"),
    ({"pin": ""}, "--pin"),
    ({"ca_file": "/ca"}, "--ca-file"),
    ({"server_name": "h"}, "--server-name"),
    ({"client_cert": "/c", "client_key": "/k"}, "--client-cert"),
    ({"insecure": True}, "--insecure"),
]


@pytest.mark.parametrize("target", [HERE, UnixTarget("/run/s"), EndpointTarget("x:y")])
@pytest.mark.parametrize(("verify", "option"), CERTIFICATE_OPTIONS)
def test_certificate_options_do_nothing_without_tls(
    net: Network, target: Target, verify: dict[str, Any], option: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Rig(net, target, verify=TlsClientOptions(**verify))
    assert str(caught.value) == f"{option} without TLS ({target}); add --tls"


def test_a_standing_certificate_setting_waits_for_tls(net: Network) -> None:
    net.scripted(PORT)
    rig = Rig(net, HERE, verify=TlsClientOptions(ca_file="/none.pem", settled=frozenset({"ca_file"})))
    assert rig.running.over
    rig.leave()


@pytest.mark.parametrize("wait_for_s", [None, 5.0])
@pytest.mark.parametrize(("path", "length"), [("/" + "x" * 107, 108), ("/" + "é" * 54, 109)])
def test_a_path_that_no_socket_can_have_is_told_at_once(
    net: Network, path: str, length: int, wait_for_s: float | None
) -> None:
    rig = Rig(net, UnixTarget(path), wait_for_s=wait_for_s)
    assert isinstance(rig.running.error, ConnectError)
    assert rig.running.error.what == f"the socket's path has {length} bytes, and 107 is the most"
    assert net.dialled == []
    other = Rig(net, EndpointTarget(f"unix:{path}:timeout=3"))
    assert other.running.error.args[0] == rig.running.error.what


def test_the_longest_path_is_tried(net: Network) -> None:
    path = "/" + "x" * 106
    net.scripted(path)
    Rig(net, UnixTarget(path)).leave()


def test_an_endpoint_string_that_nobody_can_read(net: Network) -> None:
    rig = Rig(net, EndpointTarget("tcp:h:port=x"))
    assert isinstance(rig.running.error, UsageError)


def test_what_the_user_typed_is_one_safe_line_in_every_error(net: Network) -> None:
    rig = Rig(net, UnixTarget("/run/a\nb\x1b[2J"))
    assert str(rig.running.error) == "connection refused (unix:/run/a\\x0ab\\x1b[2J); is the server running there?"


@pytest.mark.parametrize(
    ("target", "options", "kind", "what"),
    [
        (HERE, {}, ProtocolError, "the peer broke the connection in the middle"),
        (HERE_TLS, insecure(), TlsError, "the peer left during the TLS handshake"),
    ],
)
def test_a_connection_that_is_reset_as_soon_as_it_is_made_is_no_refused_one(
    net: Network, target: Target, options: dict[str, Any], kind: type[TwError], what: str
) -> None:
    """The same as where the reset comes a moment later, which is chance."""
    net.refusal = getConnectError((errno.ECONNRESET, "reset"))
    error = Rig(net, target, **options).running.error
    assert isinstance(error, kind)
    assert (error.what, error.hint.endswith(UNANSWERED[-40:])) == (what, True)


def test_a_route_takes_what_the_options_say() -> None:
    verify = TlsClientOptions(insecure=True)
    options = ProbeEchoOptions(timeout_s=2.0, wait_for_s=9.0, verify=verify, family=6, bind="::1")
    assert Route.of(options, HERE, RESOLVE) == Route(
        target=HERE, timeout_s=2.0, wait_for_s=9.0, verify=verify, family=6, bind="::1", resolve=RESOLVE
    )


def test_a_connection_is_told_of_in_the_log(net: Network) -> None:
    told: list[LogEvent] = []
    globalLogPublisher.addObserver(told.append)
    net.scripted(PORT, wrapped=over_tls(net))
    rig = Rig(net, HERE_TLS, **insecure())
    globalLogPublisher.removeObserver(told.append)
    (event,) = [event for event in told if event["log_level"] is LogLevel.info and "peer" in event]
    assert (event["peer"], event["tls"][:8]) == ("127.0.0.1:7", " (TLSv1.")
    rig.leave()


# The name in TLS -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "options", "name"),
    [
        (HostTarget("h", PORT, tls=True), {}, b"h"),
        (HostTarget("h", PORT, tls=True), {"server_name": "other"}, b"other"),
        (HostTarget("127.0.0.1", PORT, tls=True), {}, None),
        (UnixTarget("/run/s", tls=True), {}, b"localhost"),
        (UnixTarget("/run/s", tls=True), {"server_name": "other"}, b"other"),
    ],
)
def test_the_name_that_the_server_is_asked_for(
    net: Network, target: Target, options: dict[str, Any], name: bytes | None
) -> None:
    seen: list[bytes | None] = []
    net.names["h"] = ["127.0.0.1"]

    def note(peer: Peer, data: bytes) -> None:
        transport: Any = peer.transport
        seen.append(transport.getHandle().get_servername())

    net.scripted(PORT, note, wrapped=over_tls(net))
    net.scripted("/run/s", note, wrapped=over_tls(net))
    rig = Rig(net, target, **insecure(**options))
    rig.running.result.stream.write(b"x")
    net.settle()
    assert seen == [name]
    rig.leave()


@pytest.mark.parametrize("target", [UnixTarget("/run/s", tls=True), EndpointTarget("x:y", tls=True)])
def test_without_a_name_nothing_can_be_verified(net: Network, target: Target) -> None:
    with pytest.raises(UsageError, match="TLS needs a name to verify"):
        Rig(net, target)
    assert Connector(net, Route(target=target, timeout_s=1.0, **insecure()), net.measured).tls


# Itself --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "options"), [(HERE, {}), (HERE_TLS, insecure())])
def test_who_meets_itself_has_met_nobody(net: Network, target: Target, options: dict[str, Any]) -> None:
    net.scripted(PORT, hears=Peer.say)
    net.mirrors.add(PORT)
    rig = Rig(net, target, **options)
    assert isinstance(rig.running.error, ConnectError)
    assert str(rig.running.error) == "connection refused (127.0.0.1:7); is the server running there?"
    net.settle()
    assert [end.connected for end in net.ends] == [False, False]


def test_who_waits_for_a_server_goes_on_after_meeting_itself(net: Network) -> None:
    net.scripted(PORT)
    net.mirrors.add(PORT)
    rig = Rig(net, wait_for_s=5.0)
    assert not rig.running.over
    net.mirrors.clear()
    net.pass_s(0.2)
    assert rig.running.result is rig.built[-1]
    rig.leave()
