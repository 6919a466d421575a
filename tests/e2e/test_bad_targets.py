"""A bad target costs a probe one line on stderr, the right exit code, and one object with `--json`."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from e2e.certificates import make_certificates
from e2e.harness import CONNECTED, serving, tw
from ports import held_port
from tw.errors import ExitCode


@contextmanager
def answering(say: bytes, *, close: bool = False) -> Iterator[str]:
    """A server that says the same to everyone, whatever it is asked, and then closes or stays."""
    kept: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError):  # it may have left already
                client.sendall(say)
            if close:
                client.close()
            else:
                kept.append(client)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for client in kept:
                client.close()


PROBES = ["echo", "counter", "pubsub"]


@pytest.mark.parametrize("probe", PROBES)
def test_a_target_that_refuses(probe: str) -> None:
    with held_port() as port:
        ran = tw("probe", probe, f":{port}", "--json")
    assert ran.code == ExitCode.CONNECT
    assert "connection refused" in ran.error_line
    assert (ran.json["ok"], ran.json["error"]["kind"], ran.json["error"]["exit"]) == (False, "connect", 3)


@pytest.mark.parametrize("probe", PROBES)
def test_a_target_that_hangs(probe: str) -> None:
    with answering(b"") as target:
        short = ("--timeout", "300ms", *CONNECTED)
        ran = tw("probe", probe, target, *short, "--interval", "10ms", "--count", "2", "--json")
        assert ran.code == ExitCode.TIMEOUT, ran
        assert ran.json["error"]["kind"] == "timeout"
        assert target in ran.error_line


@pytest.mark.parametrize("probe", PROBES)
def test_a_silent_tls_handshake(probe: str) -> None:
    with answering(b"") as target:
        ran = tw("probe", probe, target, "--timeout", "300ms", *CONNECTED, "--tls", "--json")
        assert (ran.code, ran.json["error"]["kind"]) == (ExitCode.TIMEOUT, "timeout")
        assert "TLS handshake" in ran.error_line


@pytest.mark.parametrize("probe", PROBES)
def test_a_target_that_is_not_tls(probe: str) -> None:
    with answering(b"220 mail.example.org ESMTP\r\n" * 10) as target:
        ran = tw("probe", probe, target, "--tls", "--json")
        assert (ran.code, ran.json["error"]["kind"]) == (ExitCode.TLS, "tls")
        assert "does not speak TLS" in ran.error_line


@pytest.mark.parametrize("probe", PROBES)
def test_a_target_that_leaves_at_once(probe: str) -> None:
    with answering(b"", close=True) as target:
        ran = tw("probe", probe, target, "--json")
        assert (ran.code, ran.json["error"]["kind"]) == (ExitCode.PROTOCOL, "protocol"), ran
        ran = tw("probe", probe, target, "--json", "--tls")
        assert (ran.code, ran.json["error"]["kind"]) == (ExitCode.TLS, "tls"), ran


@pytest.mark.parametrize("probe", ["echo", "counter"])
def test_a_target_that_speaks_another_protocol(probe: str) -> None:
    with answering(b"\x1b[31m220 mail.example.org ESMTP\r\n", close=True) as target:
        ran = tw("probe", probe, target, "--json", "--interval", "0")
        assert ran.code in (ExitCode.PROTOCOL, ExitCode.BAD_VERDICT), ran
        assert "\x1b" not in ran.err
        assert ran.json["ok"] is False


def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    ours = make_certificates(tmp_path, "localhost", "127.0.0.1")
    with serving("echo", "--tls-self-signed") as server:
        untrusted = tw("probe", "echo", server.target, "--tls", "--json")
        assert (untrusted.code, untrusted.json["error"]["kind"]) == (ExitCode.TLS, "tls")
        assert "not trusted" in untrusted.error_line
        other = tw("probe", "echo", server.target, "--tls", "--ca-file", ours.ca)
        assert other.code == ExitCode.TLS
        wrong = "sha256//" + "A" * 43 + "="
        pinned = tw("probe", "echo", server.target, "--tls", "--pin", wrong)
        assert pinned.code == ExitCode.TLS
        assert server.listening[0]["pin"] in pinned.err
        assert server.stop()["received_bytes"] == 0, "bytes were sent to a server that was not verified"


def test_a_certificate_for_another_name(tmp_path: Path) -> None:
    ours = make_certificates(tmp_path, "example.org")
    with serving("echo", "--tls-cert", ours.cert, "--tls-key", ours.key) as server:
        ran = tw("probe", "echo", server.target, "--tls", "--ca-file", ours.ca)
        assert ran.code == ExitCode.TLS
        assert "another name" in ran.err
        both = tw("probe", "echo", server.target, "--tls", "--ca-file", ours.ca, "--pin", server.listening[0]["pin"])
        assert both.code == ExitCode.TLS
        assert server.stop()["received_bytes"] == 0


def test_a_name_that_does_not_exist() -> None:
    check_code = tw("probe", "echo", "no-such-host.invalid:1234", "--timeout", "20s", "--json")
    assert (check_code.code, check_code.json["error"]["kind"]) == (ExitCode.CONNECT, "connect")
