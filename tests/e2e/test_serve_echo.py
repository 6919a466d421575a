"""`tw serve echo` against nc, ncat, socat and openssl."""

import json
import os
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from e2e.badpeers import fill
from e2e.harness import TIMEOUT_S, TW, Server, environment, serving, tw
from e2e.programs import need

MIB = 1024 * 1024


def through(command: list[str], data: bytes) -> bytes:
    """What a program prints that gets `data` on stdin."""
    done = subprocess.run(command, input=data, capture_output=True, timeout=TIMEOUT_S, check=True)
    return done.stdout


def send_until_stuck(server: Server, client: socket.socket) -> None:
    """Until the server takes nothing more, since nothing is read from it."""
    client.setblocking(False)
    fill(server, [client], bytes(MIB))


@pytest.mark.parametrize("size", [0, 1, 2, 1000, 65_535, 65_536, 65_537, 131_073, 8 * MIB])
@pytest.mark.parametrize("reactor", ["auto", "stock"])
def test_every_byte_comes_back_after_the_client_half_closes(size: int, reactor: str) -> None:
    need("nc")
    data = os.urandom(size)
    with serving("echo", "--reactor", reactor) as server:
        assert through(["nc", "-N", "127.0.0.1", str(server.port)], data) == data
        summary = server.stop()
        assert (summary["received_bytes"], summary["sent_bytes"]) == (size, size)


def test_ncat_and_socat_get_their_bytes_back() -> None:
    need("ncat", "socat")
    data = os.urandom(MIB)
    with serving("echo") as server:
        assert through(["ncat", "127.0.0.1", str(server.port)], data) == data
        assert through(["socat", "-t", str(TIMEOUT_S), "-", f"TCP:127.0.0.1:{server.port}"], data) == data


def test_a_unix_socket_is_served_and_removed_at_the_end(tmp_path: Path) -> None:
    need("nc")
    path = tmp_path / "echo:1.sock"
    data = os.urandom(8 * MIB)
    with serving("echo", "--listen", f"unix:{tmp_path}/echo\\:1.sock", place=()) as server:
        assert server.listening[0]["path"] == str(path)
        assert through(["nc", "-N", "-U", str(path)], data) == data
        server.stop()
    assert os.listdir(tmp_path) == []


def test_a_reader_that_stalls_keeps_memory_flat_and_loses_nothing() -> None:
    """Hundreds of MB from a client that stops reading: reading from it stops, and goes on where it stood."""
    block = bytes(range(256)) * 4096
    total = 300 * MIB
    with serving("echo") as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.setblocking(False)
        before = server.resident_bytes()
        sent = received = 0
        stalled = time.monotonic()
        # Send without reading until nothing more is taken for a while: the buffers of both sides are full.
        while time.monotonic() - stalled < 0.5:
            try:
                sent += client.send(block[sent % len(block) :])
                stalled = time.monotonic()
            except BlockingIOError:
                pass
        assert sent < 32 * MIB, "the server went on reading although nothing was read from it"
        grown = server.resident_bytes() - before
        client.setblocking(True)
        client.settimeout(TIMEOUT_S)
        while received < total:
            data = client.recv(MIB)
            assert data == (block * 2)[received % len(block) :][: len(data)]
            received += len(data)
            while sent < total and sent - received < MIB:
                sent += client.send(block[sent % len(block) :][: total - sent])
        grown = max(grown, server.resident_bytes() - before)
        assert grown < 8 * MIB


def test_tls_with_a_throw_away_certificate_names_its_pin() -> None:
    need("openssl", "socat")
    with serving("echo", "--tls-self-signed") as server:
        event = server.listening[0]
        assert event["tls"] is True
        shown = subprocess.run(
            ["openssl", "s_client", "-connect", server.target, "-tls1_2"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=True,
        ).stdout
        public = through(["openssl", "x509", "-pubkey", "-noout"], shown)
        der = through(["openssl", "pkey", "-pubin", "-outform", "DER"], public)
        digest = through(["openssl", "dgst", "-sha256", "-binary"], der)
        pin = "sha256//" + through(["openssl", "base64"], digest).decode().strip()
        assert event["pin"] == pin
        data = os.urandom(100_000)
        talked = ssl.create_default_context()
        talked.check_hostname = False
        talked.verify_mode = ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", server.port)) as raw, talked.wrap_socket(raw) as client:
            client.sendall(data)
            got = b""
            while len(got) < len(data):
                got += client.recv(65_536)
        assert got == data


def test_a_client_that_offers_protocols_nobody_speaks_is_served() -> None:
    need("openssl")
    with serving("echo", "--tls-self-signed") as server:
        command = ["openssl", "s_client", "-connect", server.target, "-alpn", "h2,foo", "-quiet", "-no_ign_eof"]
        done = subprocess.run(command, input=b"hello\n", capture_output=True, timeout=TIMEOUT_S, check=False)
        assert b"alert" not in done.stderr


def test_old_tls_versions_are_refused() -> None:
    need("openssl")
    with serving("echo", "--tls-self-signed") as server:
        old = ["openssl", "s_client", "-connect", server.target, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
        done = subprocess.run(old, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
        assert done.returncode != 0
        assert b"alert" in done.stderr


def test_several_endpoint_strings_are_served_at_once(tmp_path: Path) -> None:
    need("nc")
    listen = (
        "--listen",
        "tcp:0:interface=127.0.0.1",
        "--listen",
        f"unix:{tmp_path}/e",
        "--listen",
        "tcp6:0:interface=\\:\\:1",
    )
    with serving("echo", *listen, place=(), listeners=3) as server:
        assert through(["nc", "-N", "127.0.0.1", str(server.port)], b"one") == b"one"
        assert through(["nc", "-N", "-U", f"{tmp_path}/e"], b"two") == b"two"
        assert through(["nc", "-N", "::1", str(server.listening[2]["port"])], b"three") == b"three"
        assert server.listening[2]["endpoint"] == f"tcp:\\:\\:1:{server.listening[2]['port']}"


def test_udp_is_served_on_the_same_port() -> None:
    need("socat")
    with serving("echo", "--udp", listeners=2) as server:
        tcp, udp = server.listening
        assert (tcp["transport"], udp["transport"]) == ("tcp", "udp")
        assert tcp["port"] == udp["port"]
        sent = os.urandom(9000)
        place = f"UDP:127.0.0.1:{udp['port']},readbytes={len(sent)}"  # a datagram has no end that socat could wait for
        assert through(["socat", "-b", "65507", "-t", str(TIMEOUT_S), "-", place], sent) == sent
        assert server.stop()["datagrams"] == 1


def test_datagrams_from_privileged_ports_are_ignored() -> None:
    def datagrams() -> socket.socket:
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    with serving("echo", "--udp", listeners=2) as server, datagrams() as low, datagrams() as other:
        for port in range(1023, 600, -1):
            try:
                low.bind(("127.0.0.1", port))
                break
            except OSError:
                continue
        low.sendto(b"loop", ("127.0.0.1", server.port))
        other.settimeout(TIMEOUT_S)
        other.sendto(b"later", ("127.0.0.1", server.port))
        assert other.recv(100) == b"later"  # what came before it has been looked at
        low.setblocking(False)
        with pytest.raises(BlockingIOError):
            low.recv(100)
        assert server.stop()["ignored_datagrams"] == 1


def test_an_attached_idle_client_does_not_delay_the_stop() -> None:
    patient = ("--drain-timeout", "10m")  # `stop` would give up long before
    with serving("echo", "--access-log", *patient) as server, socket.create_connection(("127.0.0.1", server.port)):
        server.wait_for("open")
        assert server.stop()["connections"] == 1


def test_a_client_that_reads_nothing_is_cut_off_after_the_drain_timeout() -> None:
    with serving("echo", "--drain-timeout", "300ms") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            send_until_stuck(server, client)
            assert server.stop()["cut_off"] == 1


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with serving("echo", "--drain-timeout", "60s", "--ready-file", str(ready)) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            send_until_stuck(server, client)
            server.process.send_signal(signal.SIGINT)
            assert server.wait_for("stopping")["signal"] == "SIGINT"
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(TIMEOUT_S) == 143
    assert not ready.exists()


def test_duration_stops_it_by_itself() -> None:
    done = tw("serve", "echo", "--port", "0", "--duration", "200ms", "--json")
    assert done.code == 0
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event["event"] for event in events] == ["listening", "stopping", "summary"]
    assert events[1]["signal"] is None
    assert done.err == ""


def test_the_ready_file_holds_the_listening_events_and_goes_at_the_end(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with serving("echo", "--ready-file", str(ready), "--udp", listeners=2) as server:
        told = [json.loads(line) for line in ready.read_text().splitlines()]
        assert [event["port"] for event in told] == [server.port, server.port]
        assert os.listdir(tmp_path) == ["ready"]
        server.stop()
    assert os.listdir(tmp_path) == []


def test_the_access_log_tells_of_each_connection() -> None:
    with serving("echo", "--access-log") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            me = f"127.0.0.1:{client.getsockname()[1]}"
            opened = server.wait_for("open")
            client.sendall(b"12345")
            client.recv(5)
        closed = server.wait_for("close")
    assert opened["peer"] == closed["peer"] == me
    assert (closed["received_bytes"], closed["sent_bytes"], closed["reason"]) == (5, 5, "closed")
    assert closed["duration_s"] > 0


def test_people_are_told_on_stderr_and_nothing_goes_to_stdout() -> None:
    done = tw("serve", "echo", "--port", "0", "--duration", "100ms")
    assert done.out == ""
    assert done.err.startswith("tw: echo listening on tcp:127.0.0.1:")
    quiet = tw("-q", "serve", "echo", "--port", "0", "--duration", "100ms")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_a_reader_of_the_events_that_leaves_ends_the_server_quietly() -> None:
    command = f"{TW} serve echo --port 0 --json --access-log | head -1"
    process = subprocess.Popen(["bash", "-o", "pipefail", "-c", command], stdout=subprocess.PIPE, env=environment())
    assert process.stdout is not None
    event = json.loads(process.stdout.readline())
    with socket.create_connection(("127.0.0.1", event["port"])):
        assert process.wait(TIMEOUT_S) == 0
    process.stdout.close()
