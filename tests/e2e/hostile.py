"""What a stranger would like a terminal to execute: as text, from peers that say it everywhere, in certificates."""

import datetime
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pexpect
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from e2e.harness import TIMEOUT_S, TW, environment
from tw.core.text import safe

TEXT = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202e\x7f"
"""A title set, a screen cleared in two ways (C1 too), the reading order turned, a DEL."""

EVIL = TEXT.encode() + b"\x9b2J\x00\xff"

SGR = re.compile(r"\x1b\[[0-9;]*m")
"""Colours, which are tw's own; `TEXT` has none."""


def check_harmless(shown: bytes, *, colored: bool = False) -> None:
    """Nothing in it does anything on a terminal."""
    text = shown.decode()  # as UTF-8, and no lone byte of a stranger's
    if colored:
        text = SGR.sub("", text)
    for line in text.replace("\r\n", "\n").split("\n"):
        assert safe(line) == line, ascii(line)


def on_terminal(*args: str) -> bytes:
    """What a person sees of `tw` on a terminal without colours."""
    child = pexpect.spawn(TW, list(args), env=environment(NO_COLOR="1"), timeout=TIMEOUT_S)
    child.expect(pexpect.EOF)
    child.close()
    shown: bytes = child.before
    return shown


@contextmanager
def saying(
    answer: bytes, greeting: bytes = b"", context: ssl.SSLContext | None = None, times: int = 1000
) -> Iterator[int]:
    """A server on a free port that greets, and says `answer` to whatever it gets; gives the port."""
    talks: list[threading.Thread] = []

    def talk(client: socket.socket) -> None:
        with client, suppress(OSError):  # ssl.SSLError is one
            client.settimeout(TIMEOUT_S)
            peer = context.wrap_socket(client, server_side=True) if context is not None else client
            with peer:
                if greeting:
                    peer.sendall(greeting)
                for _ in range(times):
                    if not peer.recv(65_536):
                        return
                    peer.sendall(answer)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                talks.append(threading.Thread(target=talk, args=(client,)))
                talks[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for each in (thread, *talks):
                each.join(TIMEOUT_S)
                assert not each.is_alive()


def evil_certificate(folder: Path) -> tuple[str, str]:
    """The paths of a certificate whose names are hostile, signed by itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, TEXT),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Evil\nCorp " + TEXT),
        ]
    )
    now = datetime.datetime.now(datetime.UTC)
    alternatives = x509.SubjectAlternativeName([x509.DNSName("\x1b[2J.example.org"), x509.DNSName("\x07.example.org")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(names)
        .issuer_name(names)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(alternatives, critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = folder / "evil.pem", folder / "evil-key.pem"
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(cert_path), str(key_path)


Visit = Callable[[int], None]


def send_all(port: int, *sayings: bytes) -> None:
    """Say each of these on a connection of its own, and read what the server makes of it."""
    for said in sayings:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
            with suppress(OSError):
                client.sendall(said)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65_536):
                    pass
