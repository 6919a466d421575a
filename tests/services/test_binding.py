"""The listener binds all that is asked for or nothing, tells where, and leaves no file behind."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.endpoints import TCP4ServerEndpoint, clientFromString
from twisted.internet.error import CannotListenError

from e2e.certificates import make_certificates
from handshakes import shake_hands
from served import Served
from sockets import HandReactor
from tw.errors import ConnectError, LocalError, UsageError
from tw.net.pem import load_chain
from tw.net.tls import client_creator, pin_of
from tw.options import TlsClientOptions
from tw.serve_options import ServeEchoOptions as Options
from tw.services.echo import EchoService
from tw.services.ports import UDP_PORT_TRIES

pytestmark = pytest.mark.usefixtures("quiet")


def echo(options: Options, reactor: HandReactor | None = None) -> Served:
    return Served(lambda reactor, emit: EchoService(reactor, options, emit), reactor or HandReactor())


def unix(*paths: Path) -> Options:
    return Options(listen=tuple(f"unix:{path}" for path in paths))


# What is told ---------------------------------------------------------------------------------------------------------


def test_a_tcp_listener_tells_the_port_that_it_got() -> None:
    served = echo(Options(port=0)).start()
    (told,) = served.listening
    assert told.port
    with socket.create_connection(("127.0.0.1", told.port)) as client:
        client.send(b"really there")
        served.reactor.turns()
        assert client.recv(100) == b"really there"
        served.reactor.turns()
        assert (told.service, told.transport, told.host, told.path) == ("echo", "tcp", "127.0.0.1", None)
        assert (told.endpoint, told.tls, told.pin, told.pid) == (f"tcp:127.0.0.1:{told.port}", False, None, os.getpid())
    served.reactor.turns()
    served.stop()


def test_an_endpoint_is_told_in_a_form_that_twisteds_clients_take(tmp_path: Path) -> None:
    odd = tmp_path / "a:b=c\\d"
    quoted = str(odd).replace("\\", "\\\\").replace(":", "\\:").replace("=", "\\=")
    served = echo(Options(listen=(f"unix:{quoted}", "tcp6:0:interface=\\:\\:1"))).start()
    of_unix, of_tcp6 = served.listening
    assert (of_unix.transport, of_unix.path, of_unix.port) == ("unix", str(odd), None)
    client: Any = clientFromString(served.reactor, of_unix.endpoint)
    assert client._path == str(odd)
    client = clientFromString(served.reactor, of_tcp6.endpoint)
    assert (client._host, client._port) == ("::1", of_tcp6.port)
    served.stop()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("given", ["self-signed", "files"])
def test_over_tls_the_pin_is_told_and_it_is_the_right_one(tmp_path: Path, given: str) -> None:
    files = make_certificates(tmp_path, "localhost")
    options = Options(port=0, tls_self_signed=True)
    if given == "files":
        options = Options(port=0, tls_cert=files.cert, tls_key=files.key)
    served = echo(options).start()
    (told,) = served.listening
    assert (told.transport, told.tls, told.endpoint) == ("tcp", True, f"tls:127.0.0.1:{told.port}")
    if given == "files":
        assert told.pin == pin_of(load_chain(files.cert)[0])
    factory = served.service.listener.ports[0].factory
    client = shake_hands(factory, client_creator("localhost", TlsClientOptions(pin=told.pin)), served.reactor)
    assert client.got == client.says  # it echoes inside TLS
    stopping = served.stopping()
    client.pump.flush()
    summary = stopping.result
    assert (summary.connections, summary.cut_off, summary.sent_bytes) == (1, 0, len(client.says))


def test_tls_that_cannot_be_had_is_told_before_anything_is_bound(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="cannot read the certificate"):
        echo(Options(port=0, tls_cert=str(tmp_path / "none"), tls_key=str(tmp_path / "none")))


def test_an_ssl_endpoint_is_tls_by_itself_and_not_twice(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, "localhost")
    text = f"ssl:0:privateKey={files.key}:certKey={files.cert}:interface=127.0.0.1"
    served = echo(Options(listen=(text,))).start()
    (told,) = served.listening
    assert (told.tls, told.pin, told.endpoint.partition(":")[0]) == (True, None, "tls")
    served.stop()
    error = echo(Options(listen=("tcp:0", text), tls_self_signed=True)).attempt().error
    assert isinstance(error, UsageError)
    assert error.what == "TLS asked for twice"


@pytest.mark.parametrize("text", ["tls:0", "TLS:0", "Ssl:0"])
def test_an_endpoint_of_a_plugins_that_is_tls_by_its_name_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def plugin(reactor: Any, description: str) -> TCP4ServerEndpoint:
        assert description == text
        return TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")

    monkeypatch.setattr("tw.services.ports.server_endpoint", plugin)
    served = echo(Options(listen=(text,))).start()
    (told,) = served.listening
    assert (told.tls, told.endpoint) == (True, f"tls:127.0.0.1:{told.port}")
    served.stop()
    error = echo(Options(listen=(text,), tls_self_signed=True)).attempt().error
    assert isinstance(error, UsageError)
    assert error.hint.startswith(f"leave out {text[:3]}: or")


# All or nothing -------------------------------------------------------------------------------------------------------


def refused(served: Served) -> ConnectError:
    """The error of a start that must fail, and that must leave nothing bound."""
    error = served.attempt().error
    assert isinstance(error, ConnectError)
    assert served.service.listener.ports == []
    assert served.reactor.getReaders() == []
    assert served.reactor.getDelayedCalls() == []
    return error


def test_where_one_cannot_be_bound_those_before_are_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listen = (f"unix:{tmp_path}/first", "tcp:0:interface=127.0.0.1", f"tcp:{port}:interface=127.0.0.1")
        error = refused(echo(Options(listen=listen)))
    assert error.what == "cannot listen: address already in use"
    assert error.where == listen[2]
    assert os.listdir(tmp_path) == []


def test_a_host_and_port_that_are_taken_are_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused(echo(Options(port=port))).where == f"127.0.0.1:{port}"


def test_a_port_that_cannot_be_is_told() -> None:
    for text in ("tcp:99999", "tcp:-1"):
        served = echo(Options(listen=("tcp:0:interface=127.0.0.1", text)))
        error = served.attempt().error
        assert isinstance(error, UsageError)
        assert str(error) == f"port out of range ({text}); a port is 0 to 65535"
        assert served.service.listener.ports == []


def test_a_host_with_a_line_end_is_told_on_one_line() -> None:
    assert refused(echo(Options(host="a\nb", port=7))).where == "a\\x0ab:7"


def test_a_unix_path_that_is_too_long_leaves_no_lock_behind(tmp_path: Path) -> None:
    error = refused(echo(unix(tmp_path / ("x" * 150))))
    assert error.what == "cannot listen: AF_UNIX path too long"
    assert os.listdir(tmp_path) == []


def test_an_empty_unix_path_is_a_usage_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = echo(Options(listen=("unix:",))).attempt().error
    assert isinstance(error, UsageError)
    assert os.listdir(tmp_path) == []


def test_a_file_in_the_way_stays_and_no_lock_beside_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    assert "in use" in refused(echo(unix(tmp_path / "file"))).what
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "precious"


def test_a_path_that_another_process_holds_keeps_its_lock(tmp_path: Path) -> None:
    (tmp_path / "socket.lock").symlink_to(str(os.getppid()))
    assert "cannot acquire lock" in refused(echo(unix(tmp_path / "socket"))).what
    assert os.listdir(tmp_path) == ["socket.lock"]


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    assert refused(echo(unix(tmp_path / "none" / "socket"))).what == "cannot listen: no such file or directory"


def test_the_same_path_twice_is_given_up_as_a_whole(tmp_path: Path) -> None:
    assert "cannot acquire lock" in refused(echo(unix(tmp_path / "same", tmp_path / "same"))).what
    assert os.listdir(tmp_path) == []


def test_what_a_crash_has_left_is_taken_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(str(tmp_path / "socket"))
    (tmp_path / "socket.lock").symlink_to("4194305")  # no process has such a number: above the kernel's limit
    served = echo(unix(tmp_path / "socket")).start()
    assert os.readlink(tmp_path / "socket.lock") == str(os.getpid())
    served.stop()
    assert os.listdir(tmp_path) == []


def test_a_socket_whose_file_is_removed_meanwhile_stops_as_ever(tmp_path: Path) -> None:
    served = echo(Options(listen=(f"unix:{tmp_path}/socket", "tcp:0:interface=127.0.0.1"))).start()
    port = served.service.listener.ports[0]
    os.unlink(tmp_path / "socket")
    visitor = served.visit()
    assert served.stop().connections == 1
    assert visitor.transport.disconnecting
    assert os.listdir(tmp_path) == []
    port.socket.close()  # Twisted has given up in the middle


# The same port over UDP -----------------------------------------------------------------------------------------------


class Crowded(HandReactor):
    """The next `taken` ports are free for TCP alone."""

    def __init__(self, taken: int) -> None:
        super().__init__()
        self.taken = taken
        self.tried: list[int] = []

    def listenUDP(self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> Any:
        self.tried.append(port)
        if len(self.tried) <= self.taken:
            raise CannotListenError(interface, port, OSError(98, os.strerror(98)))
        return super().listenUDP(port, protocol, interface, maxPacketSize)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_udp_is_served_on_the_port_that_tcp_got(host: str) -> None:
    served = echo(Options(port=0, host=host, udp=True)).start()
    tcp, udp = served.listening
    assert (tcp.transport, udp.transport) == ("tcp", "udp")
    assert (tcp.host, tcp.port) == (udp.host, udp.port)
    assert udp.endpoint == tcp.endpoint.replace("tcp:", "udp:", 1)
    served.stop()


def test_a_free_port_is_one_that_is_free_for_both() -> None:
    reactor = Crowded(taken=3)
    served = echo(Options(port=0, udp=True), reactor).start()
    tcp, udp = served.listening
    assert tcp.port == udp.port == reactor.tried[3]
    assert len(reactor.getReaders()) == 2  # those that were tried are closed
    served.stop()


def test_after_some_tries_it_gives_up() -> None:
    reactor = Crowded(taken=1000)
    error = refused(echo(Options(port=0, udp=True), reactor))
    assert error.what == "cannot listen: address already in use"
    assert error.where == f"127.0.0.1:{reactor.tried[-1]}/udp"
    assert len(reactor.tried) == UDP_PORT_TRIES


OTHER_LOOPBACK = "127.0.0.77"
"""Where nobody else's connections take a port meanwhile."""


def test_a_port_that_was_asked_for_is_not_exchanged_for_another() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((OTHER_LOOPBACK, 0))
        port = taken.getsockname()[1]
        reactor = Crowded(taken=0)
        error = refused(echo(Options(host=OTHER_LOOPBACK, port=port, udp=True), reactor))
    assert error.where == f"{OTHER_LOOPBACK}:{port}/udp"
    assert reactor.tried == [port]
