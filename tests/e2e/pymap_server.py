"""A second real IMAP server: pymap, with the mail that it brings for a demonstration."""

import imaplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.certificates import Certificates, make_certificates
from e2e.harness import TIMEOUT_S, Ran, tw
from e2e.programs import need

USER, PASSWORD = "demouser", "demopass"

# As its own command does, but for the port: it takes a free one, and says which.
PROGRAM = """
import asyncio
from pymap.main import main

start_server = asyncio.start_server

async def start_and_tell(*args, **options):
    server = await start_server(*args, **options)
    print(server.sockets[0].getsockname()[1], flush=True)
    return server

asyncio.start_server = start_and_tell
main()
"""


@dataclass(frozen=True)
class Pymap:
    """A running server that offers STARTTLS. All that it holds is in its memory."""

    port: int
    certificates: Certificates

    def arguments(self, command: str, *args: str, security: str = "plain") -> list[str]:
        trust = ("--ca-file", self.certificates.ca) if security == "starttls" else ()
        place = ("--host", "127.0.0.1", "--port", str(self.port), "--security", security)
        return ["imap", command, "--user", USER, *place, *trust, *args]

    def run(self, command: str, *args: str, security: str = "plain", password: str = PASSWORD, code: int = 0) -> Ran:
        """`tw imap COMMAND`, which ends with `code`."""
        ran = tw(*self.arguments(command, *args, security=security), env={"TW_IMAP_PASSWORD": password})
        assert ran.code == code, ran
        return ran

    def client(self) -> imaplib.IMAP4:
        """A session of somebody else's, logged in."""
        client = imaplib.IMAP4("127.0.0.1", self.port)
        client.login(USER, PASSWORD)
        return client


@contextmanager
def pymap(folder: Path) -> Iterator[Pymap]:
    """A server that accepts connections, killed at the end."""
    need(str(Path(sys.executable).parent / "pymap"))
    certificates = make_certificates(folder, "127.0.0.1")
    tls = ("--cert", certificates.cert, "--key", certificates.key)
    with open(folder / "pymap.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "--host", "127.0.0.1", "--port", "0", *tls, "dict", "--demo-data"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        assert told, (folder / "pymap.log").read_text()
        yield Pymap(int(told), certificates)
    finally:
        process.kill()
        process.communicate(timeout=TIMEOUT_S)
