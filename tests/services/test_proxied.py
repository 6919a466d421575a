"""With `--proxy-protocol` a service takes a connection for one from the header's source, wherever it names it."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from e2e.certificates import make_certificates
from proxied import V1, V2
from served import Served
from sockets import HandReactor
from tw.core.proxy import HostAddress, v1_header, v2_header
from tw.errors import UsageError
from tw.events import Closed, Opened, Refused, Requested
from tw.net.proxy import HEADER_TIMEOUT_S
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServeOptions, ServePubSubOptions
from tw.services.counter import CounterService
from tw.services.echo import EchoService
from tw.services.pubsub import PubSubService

pytestmark = pytest.mark.usefixtures("quiet")

SERVICES: dict[type[ServeOptions], Any] = {
    ServeEchoOptions: EchoService,
    ServeCounterOptions: CounterService,
    ServePubSubOptions: PubSubService,
}


def started(kind: type[ServeOptions], **more: Any) -> Served:
    options = kind(port=0, proxy_protocol=True, access_log=True, **more)
    return Served(lambda reactor, emit: SERVICES[kind](reactor, options, emit), HandReactor()).start()


def connect(served: Served, number: int = 0) -> socket.socket:
    """A client over a real socket, which does not block."""
    told = served.listening[number]
    kind = socket.AF_UNIX if told.path is not None else socket.AF_INET
    client = socket.socket(kind)
    client.connect(told.path if told.path is not None else (told.host, told.port))
    client.setblocking(False)
    return client


def says(served: Served, client: socket.socket, data: bytes) -> bytes:
    """Say it, and give what comes back."""
    if data:
        client.send(data)
    served.reactor.turns()
    try:
        return client.recv(65_536)
    except BlockingIOError:
        return b""


def leave(served: Served, *clients: socket.socket) -> None:
    for client in clients:
        client.close()
    served.reactor.turns()


# The header's source is named everywhere ------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [V1, V2])
def test_the_access_log_names_it(header: bytes) -> None:
    served = started(ServeEchoOptions)
    client = connect(served)
    assert says(served, client, header + b"hello") == b"hello"
    leave(served, client)
    opened, closed = served.events
    assert opened == Opened(id=1, peer="192.0.2.1:4711")
    assert isinstance(closed, Closed)
    # The header is the proxy's: it does not count.
    assert (closed.peer, closed.received_bytes, closed.sent_bytes) == ("192.0.2.1:4711", 5, 5)
    served.stop()


def test_a_request_names_it() -> None:
    served = started(ServeCounterOptions)
    client = connect(served)
    assert says(served, client, V2 + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").endswith(b"I am request #1\n")
    request = next(event for event in served.events if isinstance(event, Requested))
    assert request.peer == "192.0.2.1:4711"
    leave(served, client)
    served.stop()


@pytest.mark.parametrize(
    ("host", "prefix"),
    [("2001:db8::7", b"<[2001:db8::7]:4711> "), ("::ffff:192.0.2.7", b"<192.0.2.7:4711> ")],
)
def test_a_published_line_is_prefixed_with_it(host: str, prefix: bytes) -> None:
    source = HostAddress(host, 4711)
    for write in (v1_header, v2_header):
        served = started(ServePubSubOptions)
        client = connect(served)
        assert says(served, client, write(source, source) + b"line\n") == prefix + b"line\n"
        leave(served, client)
        served.stop()


def test_a_health_check_of_the_proxys_is_the_proxys_own() -> None:
    served = started(ServePubSubOptions)
    client = connect(served)
    here = client.getsockname()[1]
    assert says(served, client, v2_header(None, None) + b"line\n") == b"<127.0.0.1:%d> line\n" % here
    leave(served, client)
    served.stop()


def test_over_a_unix_socket_as_well(tmp_path: Path) -> None:
    served = started(ServePubSubOptions, listen=(f"unix:{tmp_path}/s",))
    client, own = connect(served), connect(served)
    assert says(served, client, V1 + b"line\n") == b"<192.0.2.1:4711> line\n"
    assert says(served, own, b"PROXY UNKNOWN\r\nmine\n") == b"<unix:2> mine\n"
    leave(served, client, own)
    served.stop()


def test_the_header_comes_before_tls(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, "localhost")
    served = started(ServePubSubOptions, tls_cert=files.cert, tls_key=files.key)
    client = connect(served)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    inside = ssl.create_default_context(cafile=files.ca).wrap_bio(incoming, outgoing, server_hostname="localhost")

    def step(act: Callable[[], Any], header: bytes = b"") -> Any:
        """Do it as far as it goes, and let the bytes cross: the header is in one segment with what TLS says."""
        done = None
        with suppress(ssl.SSLWantReadError):
            done = act()
        incoming.write(says(served, client, header + outgoing.read()))
        return done

    step(inside.do_handshake, header=V2)
    step(inside.do_handshake)
    step(lambda: inside.write(b"line\n"))
    assert step(lambda: inside.read(100)) == b"<192.0.2.1:4711> line\n"
    leave(served, client)
    served.stop()


# A stranger cannot choose his own -------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [V1, V2])
def test_without_the_option_a_header_is_what_the_client_sent(header: bytes) -> None:
    options = ServePubSubOptions(port=0, access_log=True)
    served = Served(lambda reactor, emit: PubSubService(reactor, options, emit), HandReactor()).start()
    client = connect(served)
    got = says(served, client, header + b"line\n")
    own = f"127.0.0.1:{client.getsockname()[1]}"
    *lines, end = got.split(b"\n")
    assert len(lines) > 1
    assert end == b""
    assert [line for line in lines if not line.startswith(f"<{own}> ".encode())] == []
    assert served.events == [Opened(id=1, peer=own)]
    leave(served, client)
    served.stop()


@pytest.mark.parametrize("header", [V1, V2])
def test_a_second_header_is_the_clients_own_words(header: bytes) -> None:
    """What a client sends through the proxy comes behind the proxy's header, and changes nothing."""
    served = started(ServePubSubOptions)
    client = connect(served)
    forged = v1_header(HostAddress("203.0.113.9", 1), HostAddress("203.0.113.9", 1))
    got = says(served, client, header + forged + b"line\n")
    assert got == b"<192.0.2.1:4711> " + forged.replace(b"\r", b"") + b"<192.0.2.1:4711> line\n"
    leave(served, client)
    served.stop()


@pytest.mark.parametrize("header", [V1, V2])
def test_a_peer_that_is_not_trusted_has_no_say(header: bytes) -> None:
    served = started(ServePubSubOptions, proxy_trust=("192.0.2.0/24", "::1"))
    client = connect(served)
    own = f"127.0.0.1:{client.getsockname()[1]}"
    client.send(header + b"line\n")
    served.reactor.turns()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert served.events == [Refused(peer=own, reason="not trusted to send a PROXY header")]
    leave(served, client)
    summary = served.stop()
    assert (summary.refused, summary.connections) == (1, 0)


def test_who_sends_no_header_is_counted_and_told() -> None:
    served = started(ServeEchoOptions)
    client, silent = connect(served), connect(served)
    client.send(b"hello")
    served.reactor.turns()
    served.reactor.advance(HEADER_TIMEOUT_S)
    served.reactor.turns()
    for gone in (client, silent):
        with pytest.raises(ConnectionResetError):
            gone.recv(1)
    reasons = [event.reason for event in served.events if isinstance(event, Refused)]
    assert reasons == ["no PROXY header: it begins with something else", "no PROXY header within 10 s"]
    leave(served, client, silent)
    assert served.stop().refused == 2


# Where it does not go -------------------------------------------------------------------------------------------------


def test_an_endpoint_that_speaks_tls_by_itself_is_refused(tmp_path: Path) -> None:
    """Its header would have to come inside TLS, where no proxy puts it."""
    files = make_certificates(tmp_path, "localhost")
    options = ServeEchoOptions(listen=(f"ssl:0:privateKey={files.key}:certKey={files.cert}",), proxy_protocol=True)
    served = Served(lambda reactor, emit: EchoService(reactor, options, emit), HandReactor())
    problem = served.attempt().error
    assert isinstance(problem, UsageError)
    assert problem.what == "the PROXY header comes before TLS"


# The end --------------------------------------------------------------------------------------------------------------


def test_a_stop_does_not_wait_for_a_header() -> None:
    served = started(ServeEchoOptions)
    client, silent = connect(served), connect(served)
    assert says(served, client, V1 + b"hello") == b"hello"
    silent.send(V1[:9])
    served.reactor.turns()
    summary = served.stop()  # on a clock that has not moved, and nothing is left on it
    assert (summary.connections, summary.refused, summary.cut_off) == (1, 0, 0)
    with pytest.raises(ConnectionResetError):
        silent.recv(1)
    assert client.recv(1) == b""
    leave(served, client, silent)


# Limits: the real peer first, then the source of the header -----------------------------------------------------------


def refused(served: Served, data: bytes) -> list[tuple[str, str]]:
    """Who is refused, and why, when a client connects and says this."""
    client = connect(served)
    with suppress(BrokenPipeError, ConnectionResetError):
        assert says(served, client, data) == b""
    leave(served, client)
    return [(event.peer, event.reason) for event in served.events if isinstance(event, Refused)]


def test_a_denied_proxy_is_turned_away_unheard() -> None:
    served = started(ServeEchoOptions, deny=("127.0.0.1",))
    ((peer, reason),) = refused(served, V1 + b"hello")
    assert (peer.startswith("127.0.0.1:"), reason) == (True, "denied")
    served.stop()


@pytest.mark.parametrize(
    ("lists", "reason"),
    [({"deny": ("192.0.2.0/24",)}, "denied"), ({"allow": ("127.0.0.0/8", "198.51.100.0/24")}, "not allowed")],
)
def test_a_source_that_may_not_come_in_is_turned_away_by_its_name(lists: dict[str, Any], reason: str) -> None:
    served = started(ServeEchoOptions, **lists)
    assert refused(served, V1 + b"hello") == [("192.0.2.1:4711", reason)]
    served.stop()


def test_whose_header_is_still_to_come_takes_room_as_all_others_do() -> None:
    served = started(ServeEchoOptions, max_connections=1)
    waiting = connect(served)
    served.reactor.turns()
    ((_, reason),) = refused(served, V1 + b"hello")
    assert reason == "too many connections (max 1)"
    assert says(served, waiting, V1 + b"hello") == b"hello"
    leave(served, waiting)
    served.stop()


def test_who_waits_for_room_comes_in_when_a_pending_header_is_given_up() -> None:
    served = started(ServeEchoOptions, max_connections=1, on_full="wait")
    silent, patient = connect(served), connect(served)
    served.reactor.turns()
    assert says(served, patient, V1 + b"hello") == b""
    leave(served, silent)
    assert says(served, patient, b"") == b"hello"
    leave(served, patient)
    served.stop()


def test_a_host_is_counted_by_its_source_and_not_by_the_proxy() -> None:
    served = started(ServeEchoOptions, max_per_host=1)
    first, other = connect(served), connect(served)
    assert says(served, first, V1 + b"a") == b"a"
    assert says(served, other, v1_header(HostAddress("192.0.2.2", 1), HostAddress("192.0.2.9", 2)) + b"b") == b"b"
    assert refused(served, V1 + b"c") == [("192.0.2.1:4711", "too many connections of one host (max 1)")]
    leave(served, first, other)
    served.stop()
