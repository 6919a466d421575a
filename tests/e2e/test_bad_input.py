"""Bad input costs one line on stderr, the right exit code, and nothing else."""

import os
import random
import socket
import subprocess
from pathlib import Path

import pytest

from e2e.certificates import make_certificates
from e2e.harness import Ran, tw
from tw.errors import ExitCode


def check(ran: Ran, code: ExitCode, *words: str) -> None:
    """One line that says so, the code, and an empty stdout."""
    assert ran.code == code, ran
    for word in words:
        assert word in ran.error_line
    assert ran.out == ""


@pytest.mark.parametrize("service", ["echo", "counter", "pubsub"])
def test_a_taken_port(service: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check(tw("serve", service, "--port", str(port)), ExitCode.CONNECT, "in use", f"127.0.0.1:{port}", "--port")


def test_a_taken_udp_port() -> None:
    # It is bound over TCP first, where the same port may be anybody's: so on an address that nobody else uses.
    host = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((host, 0))
        port = taken.getsockname()[1]
        ran = tw("serve", "echo", "--udp", "--host", host, "--port", str(port))
        check(ran, ExitCode.CONNECT, "in use", f"{host}:{port}/udp")


@pytest.mark.parametrize(
    "strport",
    [
        "", "nonsense", "nonsense:1", "tcp", "tcp:", "tcp:abc", "tcp:1:2:3:4:5:6", "tcp:1:colour=red", "tcp:port",
        "unix:", ":", "tcp:99999",
    ],
)  # fmt: skip
def test_a_bad_endpoint_string(strport: str) -> None:
    ran = tw("serve", "echo", "--listen", strport)
    assert ran.code in (ExitCode.USAGE, ExitCode.CONNECT), ran
    assert "--listen" in ran.error_line or strport in ran.error_line
    assert ran.out == ""


@pytest.mark.parametrize("strport", ["stdio:", "haproxy:tcp:0"])
def test_endpoints_that_are_refused_say_why(strport: str) -> None:
    check(tw("serve", "echo", "--listen", strport), ExitCode.USAGE, strport, "not served")


def test_one_bad_listener_leaves_none_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        second = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        ran = tw("serve", "echo", "--listen", f"unix:{tmp_path}/first", "--listen", second)
    check(ran, ExitCode.CONNECT, "in use")
    assert os.listdir(tmp_path) == []


def test_keys_and_certificates(tmp_path: Path) -> None:
    good = make_certificates(tmp_path, "localhost")
    (tmp_path / "other").mkdir()
    other = make_certificates(tmp_path / "other", "localhost")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("not PEM")
    encrypted = tmp_path / "encrypted.pem"
    subprocess.run(
        ["openssl", "pkey", "-in", good.key, "-aes256", "-passout", "pass:x", "-out", str(encrypted)], check=True
    )

    def serve(cert: object, key: object) -> Ran:
        return tw("serve", "echo", "--port", "0", "--tls-cert", str(cert), "--tls-key", str(key))

    check(serve(good.cert, tmp_path / "none.pem"), ExitCode.LOCAL, "none.pem", "No such file")
    check(serve(tmp_path / "none.pem", good.key), ExitCode.LOCAL, "none.pem", "No such file")
    check(serve(tmp_path, good.key), ExitCode.LOCAL, "Is a directory", str(tmp_path))
    check(serve(good.cert, garbage), ExitCode.LOCAL, "garbage.pem", "no PEM private key")
    check(serve(garbage, good.key), ExitCode.LOCAL, "garbage.pem", "no PEM certificate")
    check(serve(good.cert, good.cert), ExitCode.LOCAL, "no PEM private key")
    check(serve(good.cert, other.key), ExitCode.LOCAL, "does not match", other.key)
    check(serve(good.cert, encrypted), ExitCode.LOCAL, "encrypted")
    half = tw("serve", "echo", "--tls-cert", good.cert)
    check(half, ExitCode.USAGE, "--tls-key")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("serve", "echo", "--port", "70000"), ("--port", "70000")),
        (("serve", "echo", "--port", "x"), ("--port", "'x'")),
        (("serve", "echo", "--nonsense"), ("--nonsense",)),
        (("serve", "echo", "more"), ("more",)),
        (("serve", "nothing"), ("nothing",)),
        (("nothing",), ("nothing",)),
        (("serve", "echo", "--drain-timeout", "soon"), ("--drain-timeout", "250ms")),
        (("serve", "echo", "--duration", "0"), ("--duration", "out of range")),
        (("serve", "echo", "--duration", "1e999"), ("--duration",)),
        (("serve", "echo", "--listen", "tcp:0", "--port", "0"), ("--listen beside",)),
        (("serve", "echo", "--listen", "ssl:0", "--tls-self-signed"), ("TLS asked for twice",)),
        (("serve", "echo", "--udp", "--listen", "tcp:0"), ("--udp",)),
        (("serve", "pubsub", "--max-line", "0"), ("--max-line",)),
        (("serve", "pubsub", "--backlog", "8X"), ("--backlog", "8M")),
        (("serve", "counter", "--start", "-1"), ("--start",)),
        (("probe", "echo", "--size", "19"), ("--size", "20")),
        (("probe", "echo", "--count", "0"), ("--count",)),
        (("probe", "echo", "--self", "127.0.0.1:1"), ("--self", "TARGET")),
        (("probe", "echo", "h:99999"), ("99999",)),
        (("probe", "echo", "nonsense://h"), ("nonsense",)),
        (("probe", "echo", "tls:h:1", "--tls"), ("TLS asked for twice",)),
        (("probe", "echo", "-4", "-6"), ("-4",)),
        (("probe", "echo", "-i", "--interval", "1s"), ("--interval outside ping mode",)),
        (("probe", "echo", "--pin", "md5//x", "--tls"), ("sha256//",)),
        (("probe", "pubsub", "--publish", "x", "--subscribe"), ("--publish", "--subscribe")),
        (("probe", "pubsub", "--no-wait"), ("--no-wait",)),
        (("probe", "counter", "--header", "no colon"), ("Name: value",)),
        (("probe", "counter", "--resolve", "h:1"), ("HOST:PORT:ADDR",)),
        (("imap", "first-subject"), ("--user",)),
        (("imap", "first-subject", "--user", "a\nb"), ("line end",)),
        (("completion", "tcsh"), ("tcsh",)),
    ],
)  # fmt: skip
def test_usage_errors_are_one_line_that_says_what_to_try(args: tuple[str, ...], words: tuple[str, ...]) -> None:
    check(tw(*args), ExitCode.USAGE, *words)


def test_a_client_that_was_asked_for_json_prints_an_object_for_usage_errors_too() -> None:
    ran = tw("probe", "echo", "-i", "--json")
    assert (ran.code, ran.json["error"]["kind"]) == (ExitCode.USAGE, "usage")
    assert "-i beside --json" in ran.error_line


def test_groups_without_a_command_show_their_help() -> None:
    for args in ((), ("serve",), ("probe",), ("imap",)):
        ran = tw(*args)
        assert (ran.code, ran.out) == (ExitCode.USAGE, "")
        assert "Commands:" in ran.err


def test_an_unwritable_ready_file(tmp_path: Path) -> None:
    path = tmp_path / "none" / "ready"
    ran = tw("serve", "echo", "--port", "0", "--ready-file", str(path))
    assert ran.code == ExitCode.LOCAL
    assert ran.err.splitlines()[-1].startswith("tw: cannot write the ready file")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "args",
    [
        ("serve", "counter", "--port", "0", "--state"),
        ("serve", "echo", "--port", "0", "--tls-self-signed", "--tls-client-ca"),
        ("probe", "echo", ":1", "--tls", "--ca-file"),
        ("probe", "echo", ":1", "--tls", "--client-cert"),
        ("imap", "first-subject", "--user", "me", "--password-file"),
        ("serve", "echo", "--config"),
    ],
    ids=lambda args: args[-1],
)
def test_a_directory_in_place_of_a_file_is_local_as_a_missing_file_is(tmp_path: Path, args: tuple[str, ...]) -> None:
    check(tw(*args, str(tmp_path)), ExitCode.LOCAL, "s a directory", str(tmp_path))
    assert os.listdir(tmp_path) == []
    ran = tw("serve", "echo", "--port", "0", "--ready-file", str(tmp_path))
    assert ran.code == ExitCode.LOCAL


def test_the_settings_file(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"

    def with_config(text: str, *args: str) -> Ran:
        config.write_text(text)
        return tw("serve", "echo", "--config", str(config), *args)

    check(with_config("[serve.echo]\nprot = 1"), ExitCode.USAGE, "prot", "did you mean 'port'?", str(config))
    check(with_config("[serve.ecko]\nport = 1"), ExitCode.USAGE, "serve.ecko", "serve.echo")
    check(with_config("[probe.echo]\ninsecure = true"), ExitCode.USAGE, "insecure")
    check(with_config("[serve.echo]\nport = 'x'"), ExitCode.USAGE, "--port", "settings file")
    check(with_config("[serve.echo]\nudp = 'x'"), ExitCode.USAGE, "udp", "true or false")
    check(with_config("[serve.echo]\nport = [1]"), ExitCode.USAGE, "port")
    check(with_config("[serve.echo"), ExitCode.USAGE, "not TOML")
    check(tw("serve", "echo", "--config", str(tmp_path / "none")), ExitCode.LOCAL, "none")
    check(tw("serve", "echo", "--config", str(config), "--no-config"), ExitCode.USAGE, "--no-config")
    check(tw("serve", "echo", env={"TW_SERVE_ECHO_PORT": "x"}), ExitCode.USAGE, "TW_SERVE_ECHO_PORT")


def test_a_full_disk_is_told() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        from e2e.harness import TW, environment

        done = subprocess.run(
            [TW, "probe", "echo", "--self", "--count", "1", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
            timeout=30,
        )
    finally:
        os.close(full)
    assert done.returncode == ExitCode.LOCAL
    assert b"No space left" in done.stderr
