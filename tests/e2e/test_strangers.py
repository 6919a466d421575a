"""What strangers say reaches no terminal and no log raw: every command, every way to show it."""

import json
import socket
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from e2e.certificates import make_certificates
from e2e.harness import TIMEOUT_S, TW, environment
from e2e.hostile import EVIL, TEXT, check_harmless, evil_certificate, on_terminal, saying, send_all

REQUESTS = [
    b"GET /" + EVIL + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\xc2\x9b2J\xe2\x80\xae HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n",
    EVIL + b" / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PU\x1bRGE / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PURGE /\x9b\xc2\x9b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: " + EVIL + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + EVIL + b": x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nExpect: " + EVIL + b"\r\n\r\n",
    b"GET / HTTP/" + EVIL + b"\r\n\r\n",
    b"GET http://\x9b\xc2\x85/ HTTP/1.1\r\nHost: a\r\n\r\n",
]

LINES = [EVIL + b"\n", EVIL * 5000 + b"\n", b"<tw> " + EVIL, b"\x1b[2J\n" * 100]

MODES = {
    "plain": (),
    "access log": ("--access-log",),
    "verbose": ("-v", "--access-log"),
    "most verbose": ("-vv", "--access-log"),
    "json": ("--json", "--access-log", "-vv"),
    "colored": ("--color", "always", "--access-log", "-v"),
}


def shown_by_server(service: str, visit: object, *args: str) -> bytes:
    """All that a server writes while it is visited, up to its end."""
    server = subprocess.Popen(
        [TW, "serve", service, "--port", "0", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=environment(),
    )
    try:
        assert server.stdout is not None
        said = b""
        while b"listening" not in said:
            line = server.stdout.readline()
            assert line, said
            said += line
        port = port_of(said)
        visit(port)  # type: ignore[operator]
        server.terminate()
        rest, _ = server.communicate(timeout=TIMEOUT_S)
        assert server.returncode == 0, rest
    finally:
        server.kill()
        server.wait()
    return said + rest


def port_of(said: bytes) -> int:
    for line in said.decode().splitlines():
        if line.startswith("{"):
            return int(json.loads(line)["port"])
        if "listening on" in line:
            return int(line.partition("127.0.0.1:")[2].split()[0].rstrip(",;)"))
    raise AssertionError(said)


@pytest.mark.parametrize("mode", MODES)
def test_the_counter_shows_methods_targets_and_headers_harmlessly(mode: str) -> None:
    shown = shown_by_server("counter", lambda port: send_all(port, *REQUESTS), *MODES[mode])
    check_harmless(shown)
    if mode != "plain":
        assert shown.count(b"GET") >= 3, shown  # it is told, as far as it can be


@pytest.mark.parametrize("mode", ["most verbose", "json"])
@pytest.mark.parametrize("service", ["echo", "pubsub"])
def test_the_other_servers_show_nothing_of_what_comes(service: str, mode: str) -> None:
    shown = shown_by_server(service, lambda port: send_all(port, *LINES), *MODES[mode])
    check_harmless(shown)
    assert b"owned" not in shown


@pytest.mark.parametrize("mode", ["verbose", "most verbose", "json"])
def test_tls_handshakes_with_hostile_names_are_told_harmlessly(tmp_path: Path, mode: str) -> None:
    need = make_certificates(tmp_path, "localhost")
    cert, key = evil_certificate(tmp_path)

    def visit(port: int) -> None:
        send_all(port, EVIL, b"GET /\x1b[2J HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + EVIL * 20)
        for pair in ((cert, key), None):
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            if pair is not None:
                context.load_cert_chain(*pair)
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as raw:
                with context.wrap_socket(raw, server_hostname="a\x1b[2J") as client:
                    client.sendall(b"x")
                    client.recv(1)

    tls = ("--tls-cert", need.cert, "--tls-key", need.key, "--tls-client-ca", need.ca)
    shown = shown_by_server("echo", visit, *tls, *MODES[mode])
    check_harmless(shown)
    assert b"TLS" in shown


def test_a_server_whose_own_certificate_is_hostile_shows_it_harmlessly(tmp_path: Path) -> None:
    pair = evil_certificate(tmp_path)
    own = ("--tls-cert", pair[0], "--tls-key", pair[1], "-vv")
    check_harmless(shown_by_server("echo", lambda port: send_all(port, EVIL), *own))


ANSWERS = {
    "banner": EVIL + b"\r\n",
    "reason": b"HTTP/1.1 200 " + EVIL + b"\r\nContent-Length: 0\r\n\r\n",
    "status": b"HTTP/1.1 " + EVIL + b"\r\n\r\n",
    "body": b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % len(EVIL) + EVIL,
    "instance": b"HTTP/1.1 200 OK\r\nX-Instance: \x9b\xc2\x9b\r\nX-Request-Number: 1\r\nContent-Length: 0\r\n\r\n",
    "number": b"HTTP/1.1 200 OK\r\nX-Request-Number: \x9b2J\x1b[2J\r\nContent-Length: 0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 \x9b\r\nLocation: http://\x1b[2J\x9b/\r\nContent-Length: 0\r\n\r\n",
    "header": b"HTTP/1.1 200 OK\r\n\x1b[2J\x9b: x\r\n\r\n",
    "long": b"HTTP/1.1 200 OK\r\nX: " + EVIL * 9000,
    "line": b"<\x1b[2J> " + EVIL + b"\n",
}

PROBE_MODES = {
    "plain": (),
    "verbose": ("-v",),
    "most verbose": ("-vv",),
    "json": ("--json", "-vv"),
    "colored": ("--color", "always", "-vv"),
}

PROBES = {
    "counter": ("probe", "counter", "--count", "2", "--interval", "10ms", "--timeout", "300ms"),
    "echo": ("probe", "echo", "--count", "2", "--interval", "10ms", "--timeout", "300ms"),
    "pubsub": ("probe", "pubsub", "--count", "2", "--interval", "10ms", "--timeout", "300ms"),
    "publish": ("probe", "pubsub", "--publish", "x", "--timeout", "300ms"),
    "imap": (),
}


def command(probe: str, port: int, *more: str) -> list[str]:
    if probe == "imap":
        plain = () if "--ca-file" in more else ("--security", "plain")
        name = ("--password-command", "echo secret", "--timeout", "2s")
        return ["imap", "first-subject", "--user", "me", "--endpoint", f"tcp:127.0.0.1:{port}", *plain, *name, *more]
    return [*PROBES[probe], f"127.0.0.1:{port}", *more]


def both_streams(*args: str) -> bytes:
    done = subprocess.run(
        [TW, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode != 70, done
    return done.stdout


MOST = ("most verbose", "json")
"""The modes that show most. Each look is a process of its own, so not every answer is looked at in every mode."""

LOOKS = [
    *(("counter", answer, MOST) for answer in ANSWERS if answer != "banner"),
    ("counter", "banner", tuple(PROBE_MODES)),
    *((probe, answer, MOST[:1]) for probe in ("echo", "publish", "imap") for answer in ("banner", "long", "line")),
    ("pubsub", "line", MOST),
    ("imap", "banner", tuple(PROBE_MODES)),
]


@pytest.mark.parametrize(("probe", "answer", "modes"), LOOKS)
def test_probes_show_a_hostile_peers_words_harmlessly(probe: str, answer: str, modes: tuple[str, ...]) -> None:
    greeting = ANSWERS[answer] if probe == "imap" else b""
    with saying(ANSWERS[answer], greeting) as port:
        for mode in modes:
            check_harmless(both_streams(*command(probe, port, *PROBE_MODES[mode])), colored=mode == "colored")
        if modes == tuple(PROBE_MODES):
            check_harmless(on_terminal(*command(probe, port)))


@pytest.mark.parametrize("probe", ["echo", "counter", "imap"])
def test_hostile_names_in_a_certificate_are_shown_harmlessly(tmp_path: Path, probe: str) -> None:
    cert, key = evil_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    tls = () if probe == "imap" else ("--tls",)
    with saying(EVIL, context=context) as port:
        for mode in (PROBE_MODES[name] for name in MOST):
            for trust in (("--ca-file", cert), ()) if probe != "imap" else (("--ca-file", cert),):
                shown = both_streams(*command(probe, port, *tls, *trust, *mode))
                check_harmless(shown, colored=True)
                assert b"certificate" in shown or b"TLS" in shown or b"tls" in shown
        check_harmless(on_terminal(*command(probe, port, *tls, "--ca-file", cert)))


def test_lines_of_strangers_on_a_terminal() -> None:
    with saying(b"", greeting=b"<\x1b[2J> " + EVIL + b"\n") as port:
        shown = on_terminal("probe", "pubsub", "--subscribe", "--count", "1", f"127.0.0.1:{port}")
        check_harmless(shown)
        assert b"owned" in shown
        check_harmless(both_streams("probe", "pubsub", "--subscribe", "--json", "--count", "1", f"127.0.0.1:{port}"))


def test_a_name_that_cannot_be_resolved_is_shown_harmlessly() -> None:
    for probe in ("echo", "counter"):
        for mode in (PROBE_MODES[name] for name in MOST):
            check_harmless(both_streams(*PROBES[probe], f"a{TEXT}b", *mode), colored=True)
