"""SIGHUP: certificate, key and client authority are read again, and nobody who is connected notices."""

import json
import shutil
import signal
import socket
import ssl
from pathlib import Path

import pytest

from e2e.certificates import Certificates, make_certificates
from e2e.harness import TIMEOUT_S, tw
from e2e.lifecycle import Manager, Service, service, wait_until

pytestmark = pytest.mark.measured


@pytest.fixture
def live(tmp_path: Path) -> Certificates:
    """The files that the server is given."""
    (tmp_path / "live").mkdir()
    return make_certificates(tmp_path / "live", "localhost", "127.0.0.1")


@pytest.fixture
def fresh(tmp_path: Path) -> Certificates:
    (tmp_path / "fresh").mkdir()
    return make_certificates(tmp_path / "fresh", "localhost", "127.0.0.1")


def tls_options(files: Certificates) -> list[str]:
    return ["--port", "0", "--tls-cert", files.cert, "--tls-key", files.key]


def replace(live: Certificates, fresh: Certificates, *names: str) -> None:
    for name in names:
        shutil.copy(getattr(fresh, name), getattr(live, name))


def connect(server: Service, ca: str, client: tuple[str, str] | None = None) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=ca)
    if client is not None:
        context.load_cert_chain(*client)
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S)
    return context.wrap_socket(plain, server_hostname="localhost")


def echoes(connection: ssl.SSLSocket, words: bytes) -> bool:
    connection.sendall(words)
    got = b""
    while len(got) < len(words):
        data = connection.recv(100)
        if not data:
            return False
        got += data
    return got == words


def served(server: Service, ca: str, client: tuple[str, str]) -> bool:
    """Whether this client gets anything: under TLS 1.3 it is told only after its handshake that it may not."""
    try:
        with connect(server, ca, client) as connection:
            return echoes(connection, b"x")
    except (ssl.SSLError, ConnectionError):
        return False


def test_new_connections_get_the_new_certificate_and_old_ones_go_on(
    tmp_path: Path, live: Certificates, fresh: Certificates
) -> None:
    old_ca = shutil.copy(live.ca, tmp_path / "old-ca.pem")
    ready = tmp_path / "ready"
    with service(tmp_path, "echo", *tls_options(live), "--ready-file", str(ready)) as server:
        with connect(server, old_ca) as before:
            assert echoes(before, b"one")
            replace(live, fresh, "cert", "key")
            server.process.send_signal(signal.SIGHUP)
            told = server.wait_for("reloaded")
            assert told["pin"] != server.listening[0]["pin"]
            with connect(server, fresh.ca) as after:
                assert echoes(after, b"two")
            assert echoes(before, b"three")
            with pytest.raises(ssl.SSLCertVerificationError):
                connect(server, old_ca)
            assert json.loads(ready.read_text())["pin"] == told["pin"]
        assert server.stop()["received_bytes"] == len(b"onetwothree")
        assert not ready.exists()


@pytest.mark.parametrize("broken", ["no PEM", "another's key", "gone"])
def test_a_broken_file_is_one_line_and_the_old_one_stays(
    tmp_path: Path, live: Certificates, fresh: Certificates, broken: str
) -> None:
    with service(tmp_path, "echo", *tls_options(live)) as server:
        if broken == "no PEM":
            Path(live.cert).write_text("-----BEGIN CERTIFICATE-----\nhalf of it")
        elif broken == "gone":
            Path(live.cert).unlink()
        else:
            replace(live, fresh, "cert")
        before = len(server.said)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(server.said) > before, "an error line")
        with connect(server, live.ca) as after:
            assert echoes(after, b"still there")
        server.stop()
        (line,) = server.said[before:]
        assert line.startswith("tw: SIGHUP: ")
        assert line.endswith("; what was there before stays")
        assert live.cert in line


def test_a_new_client_authority_counts_for_who_comes_now(
    tmp_path: Path, live: Certificates, fresh: Certificates
) -> None:
    theirs = shutil.copy(live.client_cert, tmp_path / "c.pem"), shutil.copy(live.client_key, tmp_path / "k.pem")
    clients_ca = shutil.copy(live.ca, tmp_path / "clients-ca.pem")
    with service(tmp_path, "echo", *tls_options(live), "--tls-client-ca", clients_ca) as server:
        with connect(server, live.ca, theirs) as before:
            assert echoes(before, b"one")
            shutil.copy(fresh.ca, clients_ca)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for("reloaded")
            assert served(server, live.ca, (fresh.client_cert, fresh.client_key))
            assert not served(server, live.ca, theirs)
            assert echoes(before, b"four")
        server.stop()


def test_a_throw_away_certificate_stays_while_the_client_authority_changes(
    tmp_path: Path, live: Certificates, fresh: Certificates
) -> None:
    clients_ca = shutil.copy(live.ca, tmp_path / "clients-ca.pem")
    args = ("--port", "0", "--tls-self-signed", "--tls-client-ca", clients_ca)
    with service(tmp_path, "echo", *args) as server:
        shutil.copy(fresh.ca, clients_ca)
        server.process.send_signal(signal.SIGHUP)
        assert server.wait_for("reloaded")["pin"] == server.listening[0]["pin"]
        for files, code in ((fresh, 0), (live, 5)):
            identity = ("--client-cert", files.client_cert, "--client-key", files.client_key)
            ran = tw("probe", "echo", server.target, "--tls", "--insecure", "--count", "1", *identity)
            assert ran.code == code, ran
        server.stop()


@pytest.mark.parametrize("args", [("--port", "0"), ("--port", "0", "--tls-self-signed")])
def test_without_files_a_sighup_does_nothing_and_says_so(tmp_path: Path, args: tuple[str, ...]) -> None:
    manager = Manager(str(tmp_path / "notify"))
    with service(tmp_path, "echo", *args, NOTIFY_SOCKET=manager.address) as server:
        manager.wait_for("READY=1")
        server.process.send_signal(signal.SIGHUP)
        manager.wait_for("READY=1")
        assert server.said == ["tw: SIGHUP: there are no TLS files to read again; nothing has changed"]
        with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S):
            pass
        server.stop()
    manager.close()


def test_a_key_that_others_can_read_is_told_at_the_start_and_at_each_reload(tmp_path: Path, live: Certificates) -> None:
    Path(live.key).chmod(0o640)
    with service(tmp_path, "echo", *tls_options(live)) as server:
        warning = f"tw: the key can be read by others ({live.key}, mode 0640); chmod 600 it"
        assert server.said == [warning]
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("reloaded")
        assert server.said == [warning] * 2
        Path(live.key).chmod(0o600)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("reloaded")
        assert server.said == [warning] * 2
        server.stop()


def test_a_reload_is_told_to_the_service_manager(tmp_path: Path, live: Certificates) -> None:
    manager = Manager(str(tmp_path / "notify"))
    with service(tmp_path, "counter", *tls_options(live), NOTIFY_SOCKET=manager.address) as server:
        manager.wait_for("READY=1")
        moments = []
        for _ in range(2):
            server.process.send_signal(signal.SIGHUP)
            name, moment = manager.wait_for("RELOADING=1")[1].split("=")
            assert name == "MONOTONIC_USEC"
            moments.append(int(moment))
            assert manager.next()[0] == "READY=1"
        assert 0 < moments[0] < moments[1]
        server.stop()
        assert manager.next()[0] == "STOPPING=1"
    manager.close()
