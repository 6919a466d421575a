"""A real Dovecot with mail made by the tests: one server, and an address of 127.0.0.0/8 for each way it is set up."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e.harness import TIMEOUT_S, Ran, tw
from e2e.imap_dovecot_files import (
    EXPIRED,
    GOOD,
    ONE_MESSAGE,
    PASSWORDS,
    PLAIN,
    SELF_SIGNED,
    WRONG_NAME,
    Mail,
    Profile,
    config,
    deliver,
    maildir,
    make_certificates,
    make_mail,
    make_passwords,
)
from e2e.programs import need
from ports import held_port

__all__ = ["EXPIRED", "GOOD", "PASSWORDS", "PLAIN", "SELF_SIGNED", "WRONG_NAME", "Dovecot", "Mail", "dovecot"]


@dataclass(frozen=True)
class Dovecot:
    """A running server. `folder` holds `ca.pem`, and a file with certificate and key for each address."""

    folder: Path
    imap_port: int
    imaps_port: int
    process: subprocess.Popen[bytes] = field(repr=False)
    settings: dict[str, str] = field(default_factory=dict)
    """Variables of each run."""

    @property
    def ca(self) -> str:
        return str(self.folder / "ca.pem")

    @property
    def socket_path(self) -> str:
        """A unix socket that speaks plain IMAP."""
        return str(self.folder / "imap.sock")

    def certificate(self, address: str) -> str:
        return str(self.folder / f"{address}.pem")

    def log(self) -> str:
        return (self.folder / "log").read_text() if (self.folder / "log").exists() else "(no log)"

    def wait_for_log(self, words: str, count: int = 1) -> None:
        """Wait until the log holds the words so many times."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.log().count(words) < count:
            assert time.monotonic() < deadline, self.log()[-3000:]
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)

    def files(self, mailbox: str = "INBOX", user: str = "alice") -> list[str]:
        """The messages of a mailbox as they lie on the disk: new/ holds those that nobody saw, names end in flags."""
        box = maildir(self.folder, user, mailbox)
        return sorted(f"{part}/{name}" for part in ("new", "cur") for name in os.listdir(box / part))

    def deliver(self, message: bytes, mailbox: str = "INBOX", user: str = "alice") -> None:
        """A new message comes in."""
        deliver(maildir(self.folder, user, mailbox), message)

    def arguments(
        self,
        command: str,
        *args: str,
        user: str = "alice",
        host: str = "localhost",
        security: str = "tls",
        trusting: bool = True,
    ) -> list[str]:
        """The command line of a `tw imap COMMAND` on this server.

        `trusting`: whether the CA is trusted, where there is TLS and `args` say nothing of certificates.
        """
        port = self.imaps_port if security == "tls" else self.imap_port
        trusting = trusting and security != "plain" and not {"--ca-file", "--pin", "--insecure"} & set(args)
        trust = ("--ca-file", self.ca) if trusting else ()
        place = () if "--endpoint" in args else ("--host", host, "--port", str(port))
        return ["imap", command, "--user", user, "--security", security, *place, *trust, *args]

    def run(
        self,
        command: str,
        *args: str,
        user: str = "alice",
        password: str | None = None,
        host: str = "localhost",
        security: str = "tls",
        trusting: bool = True,
        code: int = 0,
        env: dict[str, str] | None = None,
    ) -> Ran:
        """`tw imap COMMAND` on this server, which ends with `code`. The password is right unless it is given."""
        line = self.arguments(command, *args, user=user, host=host, security=security, trusting=trusting)
        password = PASSWORDS[user] if password is None else password
        ran = tw(*line, env={"TW_IMAP_PASSWORD": password, **self.settings, **(env or {})})
        assert ran.code == code, f"{ran}\n{self.log()[-3000:]}"
        return ran

    def look(self, *args: str, **how: Any) -> Ran:
        """`run` of first-subject."""
        return self.run("first-subject", *args, **how)

    def subject(self, mailbox: str = "INBOX") -> str:
        """The first subject of alice's mailbox, as `tw` prints it: one line, and nothing else."""
        ran = self.look("--mailbox", mailbox)
        assert ran.err == ""
        assert ran.out.endswith("\n")
        assert ran.out.count("\n") == 1, ran
        return ran.out[:-1]


@contextmanager
def dovecot(mail: Mail = ONE_MESSAGE, profile: Profile | None = None) -> Iterator[Dovecot]:
    """A server on free ports that accepts connections; alice has `mail`, everybody else her INBOX alone."""
    need("dovecot", "openssl")
    # Not pytest's folder, which is closed to the user that reads the mail; and a unix socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="tw-dovecot-"))
    try:
        folder.chmod(0o755)
        make_certificates(folder)
        make_passwords(folder)
        make_mail(folder, mail)
        with held_port("") as imap_port, held_port("") as imaps_port:
            server = _start(folder, profile or Profile(), imap_port, imaps_port)
            try:
                yield server
            finally:
                _stop(server.process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, profile: Profile, imap_port: int, imaps_port: int) -> Dovecot:
    path = folder / "dovecot.conf"
    path.write_text(config(folder, imap_port, imaps_port, profile))
    with open(folder / "stderr", "wb") as stderr:
        process = subprocess.Popen(
            ["dovecot", "-F", "-c", str(path)], stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr
        )
    server = Dovecot(folder, imap_port, imaps_port, process)
    assert _accepts(server), "dovecot did not start:\n" + (folder / "stderr").read_text() + server.log()
    return server


def _stop(master: subprocess.Popen[bytes]) -> None:
    """End all its processes. Left to end by themselves, they would take their master a second."""
    if master.poll() is not None:
        return
    children = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()
    master.terminate()
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    master.wait(TIMEOUT_S)


def _accepts(server: Dovecot) -> bool:
    """Wait until it greets, or has ended."""
    while server.process.poll() is None:
        try:
            with socket.create_connection((GOOD, server.imap_port), TIMEOUT_S) as client:
                return client.makefile("rb").readline().startswith(b"* OK")
        except ConnectionError:
            with suppress(subprocess.TimeoutExpired):
                server.process.wait(0.02)
    return False
