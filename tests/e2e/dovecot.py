"""A real Dovecot with mail made by the tests: one server, and an address of 127.0.0.0/8 for each way it is set up."""

import base64
import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from e2e.harness import TIMEOUT_S, Ran, tw
from e2e.programs import need

GOOD = "127.0.0.1"
"""The certificate names it, and localhost. Dovecot takes passwords in the clear from its own address."""
WRONG_NAME = "127.0.0.2"
"""The certificate is for elsewhere.example. Without TLS no password is taken (LOGINDISABLED)."""
PLAIN = "127.0.0.3"
"""No TLS on its IMAP port, and passwords are taken there."""
EXPIRED = "127.0.0.4"
SELF_SIGNED = "127.0.0.5"
ADDRESSES = (GOOD, WRONG_NAME, PLAIN, EXPIRED, SELF_SIGNED)

PASSWORDS = {
    "alice": "corre.ct-horse",
    "bob": '  a "quoted\\ pass" \\ ',
    "zoë": "Žluťoučký kůň €🐎",
}

Mail = dict[str, list[bytes]]
"""Messages by mailbox."""
ONE_MESSAGE: Mail = {"INBOX": [b"Subject: The first\r\n\r\n."]}


@dataclass(frozen=True)
class Dovecot:
    """A running server. `certificates` holds `ca.pem`, and a file with certificate and key for each address."""

    folder: Path
    imap_port: int
    imaps_port: int
    process: subprocess.Popen[bytes] = field(repr=False)

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
        box = _maildir(self.folder, user, mailbox)
        return sorted(f"{part}/{name}" for part in ("new", "cur") for name in os.listdir(box / part))

    def look(
        self,
        *args: str,
        user: str = "alice",
        password: str | None = None,
        host: str = "localhost",
        security: str = "tls",
        trusting: bool = True,
        code: int = 0,
        env: dict[str, str] | None = None,
    ) -> Ran:
        """`tw imap first-subject` on this server, which ends with `code`. The password is right unless it is given.

        `trusting`: whether the CA is trusted, where there is TLS and `args` say nothing of certificates.
        """
        port = self.imaps_port if security == "tls" else self.imap_port
        trusting = trusting and security != "plain" and not {"--ca-file", "--pin", "--insecure"} & set(args)
        trust = ("--ca-file", self.ca) if trusting else ()
        place = () if "--endpoint" in args else ("--host", host, "--port", str(port))
        typed = ("--user", user, "--security", security, *place)
        password = PASSWORDS[user] if password is None else password
        ran = tw("imap", "first-subject", *typed, *trust, *args, env={"TW_IMAP_PASSWORD": password, **(env or {})})
        assert ran.code == code, f"{ran}\n{self.log()[-3000:]}"
        return ran

    def subject(self, mailbox: str = "INBOX") -> str:
        """The first subject of alice's mailbox, as `tw` prints it: one line, and nothing else."""
        ran = self.look("--mailbox", mailbox)
        assert ran.err == ""
        assert ran.out.endswith("\n")
        assert ran.out.count("\n") == 1, ran
        return ran.out[:-1]


@contextmanager
def dovecot(mail: Mail = ONE_MESSAGE) -> Iterator[Dovecot]:
    """A server on free ports that accepts connections; alice has `mail`, everybody else her INBOX alone."""
    need("dovecot", "openssl")
    # Not pytest's folder, which is closed to the user that reads the mail; and a unix socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="tw-dovecot-"))
    try:
        folder.chmod(0o755)
        _make_certificates(folder)
        _make_mail(folder, mail)
        server = _start(folder)
        try:
            yield server
        finally:
            server.process.terminate()  # its master ends all its other processes
            server.process.wait(TIMEOUT_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path) -> Dovecot:
    for _ in range(5):
        ports = _free_ports(2)
        config = folder / "dovecot.conf"
        config.write_text(_config(folder, *ports))
        with open(folder / "stderr", "wb") as stderr:
            process = subprocess.Popen(
                ["dovecot", "-F", "-c", str(config)], stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr
            )
        server = Dovecot(folder, *ports, process)
        if _accepts(server):
            return server
        told = (folder / "stderr").read_text() + server.log()
        if "Address already in use" not in told:
            break
    raise AssertionError(f"dovecot did not start:\n{told}")


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


def _free_ports(count: int) -> list[int]:
    """Ports that were free on every IPv4 address a moment ago."""
    held = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _config(folder: Path, imap_port: int, imaps_port: int) -> str:
    reader = _reader()
    users = ("dovenull", "dovecot", "dovecot")
    if os.geteuid() != 0:
        users = (reader.pw_name, reader.pw_name, grp.getgrgid(reader.pw_gid).gr_name)
    certificates = "".join(
        f"local {address} {{\n ssl_cert = <{folder}/{address}.pem\n ssl_key = <{folder}/{address}.pem\n}}\n"
        for address in ADDRESSES
    )
    return f"""
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
listen = {", ".join(ADDRESSES)}
protocols = imap
default_login_user = {users[0]}
default_internal_user = {users[1]}
default_internal_group = {users[2]}
first_valid_uid = 1
mail_location = maildir:~:UTF-8
ssl = yes
ssl_min_protocol = TLSv1.2
ssl_cert = <{folder}/{GOOD}.pem
ssl_key = <{folder}/{GOOD}.pem
auth_mechanisms = plain
auth_username_chars =
auth_failure_delay = 0
passdb {{
 driver = passwd-file
 args = {folder}/users
}}
userdb {{
 driver = static
 args = uid={reader.pw_uid} gid={reader.pw_gid} home={folder}/mail/%u
}}
service imap-login {{
 chroot =
 service_count = 0
 inet_listener imap {{
  port = {imap_port}
 }}
 inet_listener imaps {{
  port = {imaps_port}
  ssl = yes
 }}
 unix_listener {folder}/imap.sock {{
  mode = 0666
 }}
}}
service anvil {{
 chroot =
 unix_listener anvil-auth-penalty {{
  mode = 0
 }}
}}
{certificates}
local {PLAIN} {{
 ssl = no
 disable_plaintext_auth = no
}}
"""


def _reader() -> pwd.struct_passwd:
    """Who reads the mail. Dovecot refuses to do so as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def _make_certificates(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    ago = datetime.now(UTC) - timedelta(days=1)
    issued = {
        GOOD: authority.issue_cert("localhost", GOOD),
        PLAIN: authority.issue_cert(PLAIN),
        WRONG_NAME: authority.issue_cert("elsewhere.example"),
        EXPIRED: authority.issue_cert(EXPIRED, not_before=ago - timedelta(days=30), not_after=ago),
    }
    for address, certificate in issued.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{address}.pem"))
    path = str(folder / f"{SELF_SIGNED}.pem")
    request = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=self-signed", "-addext", f"subjectAltName=IP:{SELF_SIGNED}"]
    subprocess.run([*request, *names, "-keyout", path, "-out", f"{path}.cert"], check=True, capture_output=True)
    with open(path, "a") as file:
        file.write(Path(f"{path}.cert").read_text())


def _make_mail(folder: Path, mail: Mail) -> None:
    lines = [f"{user}:{{PLAIN.b64}}{base64.b64encode(text.encode()).decode()}" for user, text in PASSWORDS.items()]
    (folder / "users").write_text("\n".join(lines) + "\n")
    (folder / "users").chmod(0o644)
    for user in PASSWORDS:
        for mailbox, messages in (mail if user == "alice" else {"INBOX": mail["INBOX"]}).items():
            box = _maildir(folder, user, mailbox)
            for part in ("cur", "new", "tmp"):
                (box / part).mkdir(parents=True)
            for number, message in enumerate(messages, 1):
                (box / "new" / f"{1_700_000_000 + number}.M{number}.test").write_bytes(message)
    if os.geteuid() == 0:
        reader = _reader()
        for path in (folder / "mail", *(folder / "mail").rglob("*")):
            os.chown(path, reader.pw_uid, reader.pw_gid)


def _maildir(folder: Path, user: str, mailbox: str) -> Path:
    home = folder / "mail" / user
    return home if mailbox == "INBOX" else home / f".{mailbox}"
